-- Motion that is kept. `presence_motion` is of the log, as every read model; `motion_sections` holds what its blocks are made of, which
-- the log has the hash of alone: a rebuild leaves it as it is, and `audit verify` holds it against the log. Section 0 is the block's
-- head; each other is one mover's, sealed under their key, and its bytes go with their erasure.
CREATE TABLE presence_motion (
  block text COLLATE "C" PRIMARY KEY,
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subspace text COLLATE "C" NOT NULL,
  track text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  is_last boolean NOT NULL,
  boot text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  movers integer NOT NULL,
  ticks integer NOT NULL,
  bytes integer NOT NULL,
  root text NOT NULL,
  kept_until timestamptz NOT NULL,
  position bigint NOT NULL
);
CREATE INDEX presence_motion_of_room ON presence_motion (space_type, space_id, subspace, starts_at, block);

CREATE TABLE motion_sections (
  block text COLLATE "C" NOT NULL,
  section integer NOT NULL,
  subject text COLLATE "C",
  generation integer,
  bytes bytea,
  hash text COLLATE "C" NOT NULL,
  kept_until timestamptz NOT NULL,
  written_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (block, section)
);
CREATE INDEX motion_sections_subject ON motion_sections (subject) WHERE subject IS NOT NULL;
CREATE INDEX motion_sections_kept_until ON motion_sections (kept_until);
