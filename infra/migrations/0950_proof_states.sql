-- A room's state in bundles (docs/proof.md) after so many events of one of its streams, as an earlier export folded it: the next
-- need not begin with the room's beginning. `note` is signed over the text of `state` and its place; a row that does not
-- hold is left aside, and all of them may be deleted. `latest` is the newest time that any of those events says.
CREATE TABLE proof_states (
  stream text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  latest text COLLATE "C" NOT NULL,
  state text NOT NULL,
  note text NOT NULL,
  PRIMARY KEY (stream, revision)
);
