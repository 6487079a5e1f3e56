-- Ids are found by eight bytes of their hash: an entry of 20 bytes instead of 60, sorted as numbers. Whoever asks names the
-- same expression, and the id itself beside it, since two ids may share a hash.
DROP INDEX presence_audit_log_event;
CREATE INDEX presence_audit_log_event ON presence_audit_log (hashtextextended(event_id, 0));
DROP INDEX presence_audit_log_correlation;
CREATE INDEX presence_audit_log_correlation ON presence_audit_log (hashtextextended(correlation_id, 0), position);

-- Messages are most of any log: who looks for them finds them without an index.
DROP INDEX presence_audit_log_action;
CREATE INDEX presence_audit_log_action ON presence_audit_log (action, position) WHERE action <> 'MessagePosted';

-- Times and places go together, but for servers' clocks: so a span of time is a few stretches of the table.
DROP INDEX presence_audit_log_time;
CREATE INDEX presence_audit_log_time ON presence_audit_log USING brin (created_at) WITH (pages_per_range = 16, autosummarize = on);
