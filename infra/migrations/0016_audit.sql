-- One row an event. `hash` chains the rows: see projections/audit/canonical.ts for the bytes that it covers.
CREATE TABLE presence_audit_log (
  position bigint NOT NULL PRIMARY KEY,
  event_id text NOT NULL,
  created_at timestamptz NOT NULL,
  action text COLLATE "C" NOT NULL,
  user_account text COLLATE "C",
  guest_id text COLLATE "C",
  target text COLLATE "C",
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subspace text COLLATE "C",
  details jsonb NOT NULL,
  ip_address text,
  user_agent text,
  command_id text NOT NULL,
  correlation_id text NOT NULL,
  causation_id text NOT NULL,
  stream text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  hash text NOT NULL,
  prev_hash text NOT NULL
);
CREATE INDEX presence_audit_log_space ON presence_audit_log (space_type, space_id, position);
CREATE INDEX presence_audit_log_account ON presence_audit_log (user_account, position) WHERE user_account IS NOT NULL;
CREATE INDEX presence_audit_log_guest ON presence_audit_log (guest_id, position) WHERE guest_id IS NOT NULL;
CREATE INDEX presence_audit_log_target ON presence_audit_log (target, position) WHERE target IS NOT NULL;
CREATE INDEX presence_audit_log_action ON presence_audit_log (action, position);
CREATE INDEX presence_audit_log_time ON presence_audit_log (created_at, position);
-- Who a session was, for the events that name only the session.
CREATE INDEX presence_audit_log_session ON presence_audit_log ((details ->> 'sessionId'))
  WHERE action = 'SessionJoined';

