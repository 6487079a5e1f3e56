-- How far the tables are. A writer changes it only from the position and the epoch that it knows.
CREATE TABLE projection_checkpoints (
  name text PRIMARY KEY,
  position bigint,
  epoch bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

