-- What the log says, as tables. The projector writes them and nobody else; each row's values come from events alone,
-- so that a rebuild gives the same rows to the byte. Keys compare by bytes (COLLATE "C"), whatever the database's own
-- collation, so that cursors and comparisons mean the same everywhere.

-- Every space that anything happened in: what the content said when it was opened, and how far its streams are.
CREATE TABLE presence_spaces (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  title text,
  owner text,
  visibility text,
  opened_at timestamptz,
  revision bigint,
  chat_revision bigint,
  position bigint NOT NULL,
  PRIMARY KEY (space_type, space_id)
);

