-- A message id is its sender's choice and one of a kind in its space alone: a message of another space under the same id
-- is another row, not a lost one. What was lost before this comes back with `npm run presence -- rebuild`.
ALTER TABLE chat_messages DROP CONSTRAINT chat_messages_pkey,
  ADD PRIMARY KEY (message_id, space_type, space_id);
