-- Who waits for a seat in a full room. A place that is over stays until it is given up or taken anew.
CREATE TABLE presence_queue (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  subspace text COLLATE "C" NOT NULL,
  ahead text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id, subject)
);
CREATE INDEX presence_queue_subject ON presence_queue (subject);
