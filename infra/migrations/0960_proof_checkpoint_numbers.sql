-- The checkpoints of a key are numbered, from 1 and with none left out, so that one that is gone is missed; those signed from now
-- on say their number and their time themselves (docs/proof.md). Each number is given once.
ALTER TABLE proof_checkpoints ADD COLUMN number bigint;
UPDATE proof_checkpoints p SET number = n.number
  FROM (SELECT size, vkey, row_number() OVER (PARTITION BY vkey ORDER BY size) AS number FROM proof_checkpoints) AS n
  WHERE (p.size, p.vkey) = (n.size, n.vkey);
ALTER TABLE proof_checkpoints ALTER COLUMN number SET NOT NULL, ALTER COLUMN issued_at DROP DEFAULT;
CREATE UNIQUE INDEX proof_checkpoints_number ON proof_checkpoints (vkey, number);
