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

