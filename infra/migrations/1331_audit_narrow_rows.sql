-- Rows of the audit log take a quarter less: ids and hashes are stored as bytes instead of as text, and what another column
-- says already is not stored again. Whoever reads finds the same columns as before, computed as they are read
-- (PostgreSQL 18 can do that; before it the rows stay as they were). Rows that are there keep their texts, so nothing is
-- rewritten: the next rebuild stores them anew.
--   event_id and command_id are stored as uuid where they are one, else as text;
--   correlation_id is not stored where it is the command's id, causation_id nearly never;
--   the hashes are stored as two uuids each, which are 16 bytes and nothing else;
--   stream is stored as one letter where it is the space's own: s, c or r for space-, chat- or refusal- and the space.
DO $$
BEGIN
  IF current_setting('server_version_num')::int < 180000 THEN RETURN; END IF;
  ALTER TABLE presence_audit_log RENAME COLUMN event_id TO event_text;
  ALTER TABLE presence_audit_log RENAME COLUMN command_id TO command_text;
  ALTER TABLE presence_audit_log RENAME COLUMN correlation_id TO correlation_text;
  ALTER TABLE presence_audit_log RENAME COLUMN causation_id TO causation_text;
  ALTER TABLE presence_audit_log RENAME COLUMN stream TO stream_text;
  ALTER TABLE presence_audit_log RENAME COLUMN hash TO hash_text;
  ALTER TABLE presence_audit_log RENAME COLUMN prev_hash TO prev_hash_text;
  EXECUTE $alter$
    ALTER TABLE presence_audit_log
      ALTER COLUMN event_text DROP NOT NULL,
      ALTER COLUMN command_text DROP NOT NULL,
      ALTER COLUMN correlation_text DROP NOT NULL,
      ALTER COLUMN causation_text DROP NOT NULL,
      ALTER COLUMN hash_text DROP NOT NULL,
      ALTER COLUMN prev_hash_text DROP NOT NULL,
      ADD COLUMN event_uuid uuid,
      ADD COLUMN command_uuid uuid,
      ADD COLUMN correlation_uuid uuid,
      ADD COLUMN hash_head uuid,
      ADD COLUMN hash_tail uuid,
      ADD COLUMN prev_hash_head uuid,
      ADD COLUMN prev_hash_tail uuid,
      ADD COLUMN event_id text GENERATED ALWAYS AS (coalesce(event_text, event_uuid::text)) VIRTUAL,
      ADD COLUMN command_id text GENERATED ALWAYS AS (coalesce(command_text, command_uuid::text)) VIRTUAL,
      ADD COLUMN correlation_id text GENERATED ALWAYS AS
        (coalesce(correlation_text, correlation_uuid::text, command_text, command_uuid::text)) VIRTUAL,
      ADD COLUMN causation_id text GENERATED ALWAYS AS
        (coalesce(causation_text, command_text, command_uuid::text)) VIRTUAL,
      ADD COLUMN stream text COLLATE "C" GENERATED ALWAYS AS (CASE stream_text
        WHEN 's' THEN 'space-' || space_type || ':' || space_id
        WHEN 'c' THEN 'chat-' || space_type || ':' || space_id
        WHEN 'r' THEN 'refusal-' || space_type || ':' || space_id
        ELSE stream_text END) VIRTUAL,
      ADD COLUMN hash text GENERATED ALWAYS AS
        (coalesce(hash_text, replace(hash_head::text || hash_tail::text, '-', ''))) VIRTUAL,
      ADD COLUMN prev_hash text GENERATED ALWAYS AS
        (coalesce(prev_hash_text, replace(prev_hash_head::text || prev_hash_tail::text, '-', ''))) VIRTUAL
  $alter$;
END $$;
