-- Content as DLUX's primary has it: what spaces stand on. Filled from outside the log, so never part of a rebuild.

CREATE TABLE posts (
  author text COLLATE "C" NOT NULL,
  permlink text COLLATE "C" NOT NULL,
  type text NOT NULL DEFAULT '',
  title text NOT NULL DEFAULT '',
  content text NOT NULL DEFAULT '',
  votes integer NOT NULL DEFAULT 0,
  rating numeric NOT NULL DEFAULT 0,
  nsfw boolean NOT NULL DEFAULT false,
  hidden boolean NOT NULL DEFAULT false,
  flagged boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (author, permlink)
);
CREATE INDEX posts_newest ON posts (created_at DESC);

CREATE TABLE collaboration_documents (
  id text COLLATE "C" PRIMARY KEY,
  title text NOT NULL DEFAULT '',
  creator text COLLATE "C" NOT NULL,
  is_public boolean NOT NULL DEFAULT false,
  is_deleted boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX collaboration_documents_creator ON collaboration_documents (creator);

CREATE TABLE collaboration_permissions (
  document_id text COLLATE "C" NOT NULL,
  user_account text COLLATE "C" NOT NULL,
  permission text NOT NULL,
  PRIMARY KEY (document_id, user_account)
);
CREATE INDEX collaboration_permissions_account ON collaboration_permissions (user_account);

-- Whoever caches content hears the key of the space whose content changed.
CREATE FUNCTION content_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
  row_ jsonb;
BEGIN
  FOREACH row_ IN ARRAY ARRAY[before, after] LOOP
    IF row_ IS NOT NULL THEN
      PERFORM pg_notify('content_changed', CASE TG_TABLE_NAME
        WHEN 'posts' THEN 'post:' || (row_ ->> 'author') || '/' || (row_ ->> 'permlink')
        WHEN 'collaboration_documents' THEN 'document:' || (row_ ->> 'id')
        ELSE 'document:' || (row_ ->> 'document_id')
      END);
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE ON posts
  FOR EACH ROW EXECUTE FUNCTION content_changed();
CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE ON collaboration_documents
  FOR EACH ROW EXECUTE FUNCTION content_changed();
CREATE TRIGGER content_changed AFTER INSERT OR UPDATE OR DELETE ON collaboration_permissions
  FOR EACH ROW EXECUTE FUNCTION content_changed();
