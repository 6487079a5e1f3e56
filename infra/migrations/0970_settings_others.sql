-- Settings with no column of their own, by name. One that is not here is as every space begins.
ALTER TABLE presence_space_settings ADD COLUMN others jsonb NOT NULL DEFAULT '{}';
