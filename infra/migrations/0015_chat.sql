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

