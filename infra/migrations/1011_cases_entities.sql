-- What somebody pinned in a room's scene can be reported too.
ALTER TABLE presence_cases ADD COLUMN entity_id text;
