-- A page of the list of spaces is found newest first by index, and counted by index, however many there are.
DROP INDEX posts_newest;
CREATE INDEX posts_newest ON posts (created_at DESC) WHERE NOT (hidden OR flagged);
CREATE INDEX posts_of_type ON posts (lower(coalesce(nullif(type, ''), 'post')), created_at DESC);
CREATE INDEX documents_newest ON collaboration_documents (created_at DESC) WHERE NOT is_deleted AND is_public;
CREATE INDEX spaces_newest ON presence_spaces (space_type, (coalesce(opened_at, 'epoch')) DESC);

-- Words in it are found by index where PostgreSQL has pg_trgm, and by reading all where it has not.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX posts_words ON posts USING gin (presence_folded(
    coalesce(nullif(title, ''), permlink) || chr(10) || (author || '/' || permlink)) gin_trgm_ops);
  CREATE INDEX documents_words ON collaboration_documents USING gin (presence_folded(
    coalesce(nullif(title, ''), id) || chr(10) || id || chr(10) || creator) gin_trgm_ops);
EXCEPTION WHEN undefined_file OR insufficient_privilege OR feature_not_supported THEN
  RAISE NOTICE 'The list of spaces is searched without an index: this PostgreSQL has no pg_trgm, or does not allow it.';
END $$;
