-- How the tables of content follow DLUX's primary: one row, written by the one who follows, read by health.
CREATE TABLE content_follow (
  one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  -- replication, polling; and what it does: connecting, copying, following, waiting.
  way text NOT NULL DEFAULT 'none',
  state text NOT NULL DEFAULT 'connecting',
  -- Why it polls where it would rather be sent what changes.
  reason text,
  -- Which primary this is a copy of, its slot there, and how far it was followed: in the same transaction as the rows.
  primary_id text,
  slot text,
  applied_lsn pg_lsn,
  copied boolean NOT NULL DEFAULT false,
  marks jsonb NOT NULL DEFAULT '{}',
  swept_at timestamptz,
  -- The primary's last word, the last change that was taken, the last sign of the one who follows.
  heard_at timestamptz,
  changed_at timestamptz,
  seen_at timestamptz,
  lag_ms double precision NOT NULL DEFAULT 0,
  rows_applied bigint NOT NULL DEFAULT 0,
  rows_skipped bigint NOT NULL DEFAULT 0,
  last_skipped text,
  last_error text,
  failed_at timestamptz
);

-- Whoever writes, a replication's worker too: those who lost access hear of it at once.
ALTER TABLE posts ENABLE ALWAYS TRIGGER content_changed;
ALTER TABLE collaboration_documents ENABLE ALWAYS TRIGGER content_changed;
ALTER TABLE collaboration_permissions ENABLE ALWAYS TRIGGER content_changed;

-- A notice has 8,000 bytes: a key that is longer than any room's name must not stop the row.
CREATE OR REPLACE FUNCTION content_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
  after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
  row_ jsonb;
BEGIN
  FOREACH row_ IN ARRAY ARRAY[before, after] LOOP
    IF row_ IS NOT NULL THEN
      PERFORM pg_notify('content_changed', left(CASE TG_TABLE_NAME
        WHEN 'posts' THEN 'post:' || (row_ ->> 'author') || '/' || (row_ ->> 'permlink')
        WHEN 'collaboration_documents' THEN 'document:' || (row_ ->> 'id')
        ELSE 'document:' || (row_ ->> 'document_id')
      END, 1000));
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
