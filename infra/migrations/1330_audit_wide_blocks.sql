-- Sixteen stretches of a room's record (presence_audit_blocks) counted together, sixteen of these again, and so on: what it
-- takes to count a span does not depend on how long the record is. Each row goes with the first stretch that it begins with,
-- so it is gone when the stretches are emptied.
CREATE TABLE presence_audit_wide_blocks (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  -- 1: 16 stretches, 2: 256, and so on.
  level smallint NOT NULL,
  first_position bigint NOT NULL,
  last_position bigint NOT NULL,
  first_at timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  -- Events by type.
  counts jsonb NOT NULL,
  PRIMARY KEY (space_type, space_id, level, first_position),
  FOREIGN KEY (space_type, space_id, first_position) REFERENCES presence_audit_blocks ON DELETE CASCADE
);
