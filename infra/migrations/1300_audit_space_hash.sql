-- A space's part of the audit log is found by eight bytes of the hash of its id: an entry of 28 bytes instead of 45, and
-- sorted as numbers, which takes a third of the time. Whoever asks names the same expression, and the space itself
-- beside it, since two ids may share a hash. Whoever names only the space finds it by the index of its counts, which
-- therefore has all rows now.
DROP INDEX presence_audit_log_space;
CREATE INDEX presence_audit_log_space ON presence_audit_log (hashtextextended(space_id, 0), position);
DROP INDEX presence_audit_log_counts;
CREATE INDEX presence_audit_log_counts ON presence_audit_log (space_type, space_id, created_at, action);
