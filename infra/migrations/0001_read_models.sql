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

-- Live sessions only: a session that left has no row.
CREATE TABLE presence_sessions (
  session_id text COLLATE "C" NOT NULL PRIMARY KEY,
  socket_id text NOT NULL,
  user_account text COLLATE "C",
  guest_id text COLLATE "C",
  claimed text,
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subspace text COLLATE "C" NOT NULL,
  connected_at timestamptz NOT NULL,
  last_activity timestamptz NOT NULL,
  position jsonb,
  avatar_data jsonb,
  voice_enabled boolean NOT NULL,
  node text NOT NULL,
  boot text COLLATE "C" NOT NULL,
  revision bigint NOT NULL
);
CREATE INDEX presence_sessions_room ON presence_sessions (space_type, space_id, subspace);
CREATE INDEX presence_sessions_boot ON presence_sessions (boot);

CREATE TABLE presence_permissions (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  user_account text COLLATE "C" NOT NULL,
  permission text NOT NULL,
  granted_by text NOT NULL,
  reason text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id, user_account)
);
CREATE INDEX presence_permissions_account ON presence_permissions (user_account);

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

-- Only spaces whose settings were ever changed; the defaults are the domain's (domain/space/state.ts).
CREATE TABLE presence_space_settings (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  settings jsonb NOT NULL,
  chat_enabled boolean NOT NULL,
  voice_enabled boolean NOT NULL,
  guests_allowed boolean NOT NULL,
  max_users integer NOT NULL,
  slow_mode_seconds integer NOT NULL,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id)
);

-- A deleted message keeps its row, without its content.
CREATE TABLE chat_messages (
  message_id text COLLATE "C" NOT NULL PRIMARY KEY,
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subspace text COLLATE "C" NOT NULL,
  user_account text COLLATE "C",
  guest_id text COLLATE "C",
  display_name text NOT NULL,
  message_type text NOT NULL,
  content text NOT NULL,
  parent_message_id text COLLATE "C",
  thread_root_id text COLLATE "C",
  is_deleted boolean NOT NULL,
  deleted_by text,
  deleted_at timestamptz,
  edited_at timestamptz,
  created_at timestamptz NOT NULL,
  position bigint NOT NULL,
  revision bigint NOT NULL
);
CREATE INDEX chat_messages_room ON chat_messages (space_type, space_id, subspace, revision);

CREATE TABLE chat_reactions (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  message_id text COLLATE "C" NOT NULL,
  emoji text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (space_type, space_id, message_id, emoji, subject)
);

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

-- How far the tables are. A writer changes it only from the position and the epoch that it knows.
CREATE TABLE projection_checkpoints (
  name text PRIMARY KEY,
  position bigint,
  epoch bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

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
