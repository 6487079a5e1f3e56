-- The log's Merkle tree (docs/proof.md): one row a leaf, in `$all` order. `hashes` is the leaf's hash, then the hash of
-- each full subtree that this leaf completed, the smallest first; none of them ever changes. So the subtree of level l
-- and number i is in the row of leaf (i + 1) * 2^l - 1, at byte 32 * l.
CREATE TABLE proof_leaves (
  leaf bigint NOT NULL PRIMARY KEY,
  position bigint NOT NULL,
  hashes bytea NOT NULL
);
CREATE UNIQUE INDEX proof_leaves_position ON proof_leaves (position);

-- What the server signed: each is kept, so that the log can be held against any of them. Not made by a rebuild.
CREATE TABLE proof_checkpoints (
  size bigint NOT NULL,
  vkey text COLLATE "C" NOT NULL,
  root text NOT NULL,
  note text NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (size, vkey)
);

-- A proof is asked for by position or by event.
CREATE INDEX IF NOT EXISTS presence_audit_log_event ON presence_audit_log (event_id);
