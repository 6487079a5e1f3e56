-- The log's tree in tiles of 256 leaves: a row for each whole tile instead of one for each leaf, and a quarter of the
-- bytes. `hashes` is the hash of each leaf; `upper` the hash of each full subtree that the tile completed, from level 8
-- (its own root) on. So the subtree of level l >= 8 and number i is in tile (i + 1) * 2^(l - 8) - 1, at byte 32 * (l - 8)
-- of `upper`; those of lower levels are made of leaves. `position` is the last leaf's.
CREATE TABLE proof_tiles (
  tile bigint NOT NULL PRIMARY KEY,
  position bigint NOT NULL,
  positions bigint[] NOT NULL,
  hashes bytea NOT NULL,
  upper bytea NOT NULL
);
-- Hashes can't be compressed, and a part of them is read without the rest.
ALTER TABLE proof_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX proof_tiles_position ON proof_tiles (position);

INSERT INTO proof_tiles
  SELECT leaf / 256, max(position), array_agg(position ORDER BY leaf), string_agg(substr(hashes, 1, 32), '' ORDER BY leaf),
    (array_agg(substr(hashes, 32 * 8 + 1) ORDER BY leaf DESC))[1]
  FROM proof_leaves GROUP BY leaf / 256 HAVING count(*) = 256;

-- What remains here are the leaves after the last whole tile, as before: each with the full subtrees that it completed.
CREATE TEMPORARY TABLE rest ON COMMIT DROP AS
  SELECT * FROM proof_leaves l WHERE NOT EXISTS (SELECT FROM proof_tiles t WHERE t.tile = l.leaf / 256);
TRUNCATE proof_leaves;
INSERT INTO proof_leaves SELECT * FROM rest;
DROP INDEX proof_leaves_position;
