-- Made before the former ones go, so that readers wait for nothing. The ids are those that are read, which PostgreSQL 18
-- computes from others (1331): an index has the same expression. A correlation has few rows, whose order is made when
-- they are found.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_attribute
      WHERE attrelid = 'presence_audit_log'::regclass AND attname = 'event_uuid' AND NOT attisdropped) THEN
    CREATE INDEX presence_audit_log_events ON presence_audit_log
      (hashtextextended(coalesce(event_text, event_uuid::text), 0));
    CREATE INDEX presence_audit_log_correlations ON presence_audit_log
      (hashtextextended(coalesce(correlation_text, correlation_uuid::text, command_text, command_uuid::text), 0));
  ELSE
    CREATE INDEX presence_audit_log_events ON presence_audit_log (hashtextextended(event_id, 0));
    CREATE INDEX presence_audit_log_correlations ON presence_audit_log (hashtextextended(correlation_id, 0));
  END IF;
END $$;
DROP INDEX presence_audit_log_event;
DROP INDEX presence_audit_log_correlation;
ALTER INDEX presence_audit_log_events RENAME TO presence_audit_log_event;
ALTER INDEX presence_audit_log_correlations RENAME TO presence_audit_log_correlation;

-- A room's counts are put together from stretches (1270, 1330), and whoever wants a room's rows finds them by
-- presence_audit_log_space.
DROP INDEX presence_audit_log_counts;
