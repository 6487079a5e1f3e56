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

