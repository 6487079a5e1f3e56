-- New entries of these come at the end of a room's, somebody's or all: nothing is put between those that are there, so a
-- rebuild need not leave room for it.
ALTER INDEX presence_audit_log_pkey SET (fillfactor = 100);
ALTER INDEX presence_audit_log_space SET (fillfactor = 100);
ALTER INDEX presence_audit_log_account SET (fillfactor = 100);
ALTER INDEX presence_audit_log_guest SET (fillfactor = 100);
ALTER INDEX presence_audit_log_target SET (fillfactor = 100);
ALTER INDEX presence_audit_log_action SET (fillfactor = 100);
ALTER INDEX chat_messages_room SET (fillfactor = 100);
