-- What of rooms' scenes lasts. `content_by`: whoever said how it is, and by whose erasure its components go.
CREATE TABLE presence_entities (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  subspace text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL,
  template text,
  ownership text,
  components jsonb NOT NULL,
  pinned_by text NOT NULL,
  pinned_at timestamptz NOT NULL,
  content_by text COLLATE "C" NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (space_type, space_id, subspace, entity_id)
);
CREATE INDEX presence_entities_content_by ON presence_entities (content_by);
