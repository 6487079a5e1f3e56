-- That the log went back to an earlier state, signed by who has its key (docs/proof.md): the next checkpoint says it on. From then on
-- checkpoints may be of sizes that others, of what was lost, have too; each number is still given once.
CREATE TABLE proof_went_back (
  note text NOT NULL PRIMARY KEY
);
ALTER TABLE proof_checkpoints DROP CONSTRAINT proof_checkpoints_pkey;
ALTER TABLE proof_checkpoints ADD CONSTRAINT proof_checkpoints_pkey PRIMARY KEY USING INDEX proof_checkpoints_number;
CREATE INDEX proof_checkpoints_size ON proof_checkpoints (size, vkey, number);
