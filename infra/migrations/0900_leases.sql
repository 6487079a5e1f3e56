-- Which boots (runs of a process) live: a session whose boot no longer renews is ended by another process, once.
CREATE TABLE presence_leases (
  boot text COLLATE "C" NOT NULL PRIMARY KEY,
  node text NOT NULL,
  renewed_at timestamptz NOT NULL,
  -- The boot that ends what this one left, and since when it has been at it.
  taken_by text,
  taken_at timestamptz
);
