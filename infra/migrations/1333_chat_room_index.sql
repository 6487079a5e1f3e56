-- A room's messages are found by four bytes of the hash of its space and four of its own: an entry of 28 bytes instead of
-- 52. Whoever asks names the same expressions, and the names beside them, since two may share a hash.
CREATE INDEX chat_messages_rooms ON chat_messages (hashtext(space_id), hashtext(subspace), revision);
DROP INDEX chat_messages_room;
ALTER INDEX chat_messages_rooms RENAME TO chat_messages_room;
