-- A room's timeline is drawn from counts: of this index alone, without a row of the table. Looks at the record are no
-- part of what happened in the room.
CREATE INDEX presence_audit_log_counts ON presence_audit_log (space_type, space_id, created_at, action)
  WHERE action <> 'AuditRead';
