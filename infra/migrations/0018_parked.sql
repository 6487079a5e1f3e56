-- Streams that wait because one of their events can't be applied, and their events since then, in order.
CREATE TABLE parked_streams (
  stream text COLLATE "C" PRIMARY KEY,
  reason text NOT NULL,
  position bigint NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now()
);
-- `data` and `metadata` are JSON as text, since they may be what jsonb refuses.
CREATE TABLE parked_events (
  position bigint PRIMARY KEY,
  stream text COLLATE "C" NOT NULL REFERENCES parked_streams (stream) ON DELETE CASCADE,
  revision bigint NOT NULL,
  event_id text NOT NULL,
  type text NOT NULL,
  data text NOT NULL,
  metadata text NOT NULL,
  created timestamptz NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX parked_events_stream ON parked_events (stream, position);
