-- While a deployment rolls, servers from before checkpoints were numbered go on issuing them: theirs get their number here. One at
-- a time, and only after all smaller ones, since an older server does not look whether another was first.
ALTER TABLE proof_checkpoints ALTER COLUMN issued_at SET DEFAULT now();
CREATE FUNCTION proof_checkpoint_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('proof_checkpoints'), hashtext(NEW.vkey));
  IF NEW.number IS NULL THEN
    IF EXISTS (SELECT FROM proof_checkpoints p WHERE p.vkey = NEW.vkey AND p.size >= NEW.size) THEN
      RETURN NULL;
    END IF;
    SELECT coalesce(max(p.number), 0) + 1 INTO NEW.number FROM proof_checkpoints p WHERE p.vkey = NEW.vkey;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER proof_checkpoint_number BEFORE INSERT ON proof_checkpoints
  FOR EACH ROW EXECUTE FUNCTION proof_checkpoint_number();
