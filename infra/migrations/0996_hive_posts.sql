-- Hive's posts as a node last had them, of which no table of content says anything: what a room about one is listed by, and
-- known by while no node answers.
CREATE TABLE hive_posts (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  title text NOT NULL,
  shown boolean NOT NULL,
  created_at timestamptz,
  seen_at timestamptz NOT NULL
);
CREATE INDEX hive_posts_seen ON hive_posts (seen_at);
