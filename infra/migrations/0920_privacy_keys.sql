-- The key of each subject's personal data, itself encrypted under the master key of the environment. Destroying a key is
-- what erases: the row stays, without the key, and says which request asked for it.
CREATE TABLE privacy_keys (
  subject text COLLATE "C" NOT NULL,
  generation integer NOT NULL,
  wrapped bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  erased_by text,
  erased_at timestamptz,
  PRIMARY KEY (subject, generation),
  CHECK ((wrapped IS NULL) = (erased_by IS NOT NULL))
);
CREATE UNIQUE INDEX privacy_keys_current ON privacy_keys (subject) WHERE erased_by IS NULL;
