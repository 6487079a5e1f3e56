-- What the witnesses of this log said (docs/proof.md). It is asked for again where it is gone.
CREATE TABLE proof_witnesses (
  -- The log's key, and the witness's.
  vkey text NOT NULL,
  witness text NOT NULL,
  -- A server is asking it; for so long nobody else does.
  asking_until timestamptz NOT NULL,
  -- When it last answered, or did not; and the number of the checkpoint that it was asked about.
  asked_at timestamptz,
  number int8 NOT NULL DEFAULT 0,
  -- How many events it cosigned last, and when, as it says.
  size int8 NOT NULL DEFAULT 0,
  cosigned_at timestamptz,
  -- Why the last checkpoint was not cosigned; null where it was.
  fault text,
  why text,
  PRIMARY KEY (vkey, witness)
);
CREATE TABLE proof_cosignatures (
  vkey text NOT NULL,
  witness text NOT NULL,
  number int8 NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (vkey, witness, number)
);
