-- Hive's communities as a node last had them: what a space of one is listed by, and known by while no node answers.
CREATE TABLE hive_communities (
  name text COLLATE "C" NOT NULL PRIMARY KEY,
  title text NOT NULL,
  owner text COLLATE "C",
  -- Account to role: admin or moderate.
  team jsonb NOT NULL,
  seen_at timestamptz NOT NULL
);
