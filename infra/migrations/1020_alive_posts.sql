-- Posts that DLUX's API and Hive say are read now, where no primary is followed: rooms that are listed before anybody was there.
CREATE TABLE alive_posts (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  title text NOT NULL,
  type text NOT NULL,
  author text COLLATE "C" NOT NULL,
  created_at timestamptz,
  seen_at timestamptz NOT NULL
);
