-- A restriction whose `until` has passed stays until it is lifted: time passes without an event.
CREATE TABLE presence_bans (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  banned_by text NOT NULL,
  reason text,
  until timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id, subject)
);

CREATE TABLE presence_mutes (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  muted_by text NOT NULL,
  reason text,
  until timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id, subject)
);

