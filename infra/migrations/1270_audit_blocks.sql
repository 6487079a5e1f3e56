-- What happened in a room, counted by stretches of its record: each row is the next 128 events of the audit log's rows of one
-- space, in their order. It derives from those rows alone, is filled by whoever finds a whole stretch missing, and may be
-- emptied at any time.
CREATE TABLE presence_audit_blocks (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  first_position bigint NOT NULL,
  last_position bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  -- Events by type.
  counts jsonb NOT NULL,
  PRIMARY KEY (space_type, space_id, first_position)
);
