-- The ban lists that spaces follow, so that those which are made of others' bans can be brought up to date.
CREATE TABLE presence_ban_lists (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  list_id text COLLATE "C" NOT NULL,
  source_kind text NOT NULL,
  source_type text COLLATE "C",
  source_id text COLLATE "C",
  followed_by text COLLATE "C" NOT NULL,
  PRIMARY KEY (space_type, space_id, list_id)
);
CREATE INDEX presence_spaces_owner ON presence_spaces (owner);
