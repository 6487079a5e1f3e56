-- What was erased says so, and by which request. A rebuild gives the same: the log's events are opened as erased.
ALTER TABLE chat_messages ADD COLUMN erased_by text;
ALTER TABLE presence_audit_log ADD COLUMN erased_by text;

-- Who asked for what and when. The log has each request too, in the stream privacy-requests.
CREATE TABLE privacy_requests (
  request_id text COLLATE "C" NOT NULL PRIMARY KEY,
  kind text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  generation integer NOT NULL,
  reason text,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  completed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX privacy_requests_subject ON privacy_requests (subject);

-- A text sealed under the master key: tells a wrong key before anything is written under it.
CREATE TABLE privacy_master (
  one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  wrapped bytea NOT NULL
);
