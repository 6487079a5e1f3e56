-- What events set on a session and that has no column of its own, by name.
ALTER TABLE presence_sessions ADD COLUMN marks jsonb NOT NULL DEFAULT '{}';
