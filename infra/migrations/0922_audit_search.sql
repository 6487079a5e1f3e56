-- What of one request, and what was refused why. There is no index of words: its entries would outlive an erasure.
CREATE INDEX presence_audit_log_correlation ON presence_audit_log (correlation_id, position);
CREATE INDEX presence_audit_log_refusal ON presence_audit_log ((details ->> 'reason'), position)
  WHERE action = 'CommandRefused';
