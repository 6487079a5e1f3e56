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

