-- What authentication must remember across restarts and nodes. Swept some minutes after their end.

-- A challenge that was used: it serves once. `key` is its SHA-256 in hex.
CREATE TABLE auth_used_challenges (
  key text COLLATE "C" NOT NULL PRIMARY KEY,
  until timestamptz NOT NULL
);
CREATE INDEX auth_used_challenges_until ON auth_used_challenges (until);

-- A session that was ended before its token expires.
CREATE TABLE auth_ended_sessions (
  sid text COLLATE "C" NOT NULL PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX auth_ended_sessions_expires_at ON auth_ended_sessions (expires_at);
