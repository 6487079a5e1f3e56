-- A capital ß (STRAẞE) comes to the ss of its small form only from there: lower, then upper, then lower. Otherwise a filter
-- or a search for straße, which finds STRASSE, passes it by.
CREATE OR REPLACE FUNCTION presence_folded(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
RETURN translate(
  normalize(lower(upper(lower(normalize(words, NFKC) COLLATE "und-x-icu") COLLATE "und-x-icu") COLLATE "und-x-icu"), NFKC),
  'ς', 'σ');

-- They hold what the function gave before. Where PostgreSQL has no pg_trgm, they are not there.
DO $$
DECLARE folded regclass;
BEGIN
  FOREACH folded IN ARRAY array_remove(ARRAY[to_regclass('posts_words'), to_regclass('documents_words')], NULL) LOOP
    EXECUTE format('REINDEX INDEX %s', folded);
  END LOOP;
END $$;
