/** A small primary like DLUX's, for npm start and for tests: with the tables that such a site has, not those here. */
import pg from 'pg'
import { publicationSql } from '../../adapters/content/primary/publication.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS public.posts (
  id bigserial PRIMARY KEY,
  author varchar(32) NOT NULL,
  permlink varchar(600) NOT NULL,
  type varchar(50),
  title text,
  content text,
  json_metadata jsonb,
  votes bigint,
  rating double precision,
  nsfw boolean,
  hidden boolean,
  flagged boolean DEFAULT false,
  created_at timestamp DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  UNIQUE (author, permlink)
);
CREATE INDEX IF NOT EXISTS posts_updated ON public.posts (updated_at);
CREATE TABLE IF NOT EXISTS public.collaboration_documents (
  id serial PRIMARY KEY,
  title varchar(4000),
  creator varchar(64),
  is_public boolean,
  is_deleted boolean DEFAULT false,
  state bytea,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now()
);
CREATE TABLE IF NOT EXISTS public.collaboration_permissions (
  document_id integer NOT NULL,
  user_account varchar(64) NOT NULL,
  permission varchar(32),
  PRIMARY KEY (document_id, user_account)
);
CREATE OR REPLACE FUNCTION public.touched() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER touched BEFORE UPDATE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.touched();
CREATE OR REPLACE TRIGGER touched BEFORE UPDATE ON public.collaboration_documents
  FOR EACH ROW EXECUTE FUNCTION public.touched();
`

export const PRIMARY_ROLE = 'presence_follow'

type Some = Readonly<Record<string, unknown>>
type Sample = {
  readonly posts: ReadonlyArray<Some>
  readonly documents: ReadonlyArray<Some>
  readonly permissions: ReadonlyArray<Some>
}

/** Makes its tables, and lets a role with that password follow them; with `sample`, where it has no post yet. Run again it changes nothing.
 *  `url` is its owner's. */
export const makePrimary = async (
  url: string,
  password: string,
  options: { readonly sample?: Sample; readonly published?: boolean } = {},
): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('SET client_min_messages = warning')
    await client.query(SCHEMA)
    if (options.published !== false) await client.query(publicationSql({ role: PRIMARY_ROLE, password }))
    const some = await client.query('SELECT FROM public.posts LIMIT 1')
    if (options.sample === undefined || some.rowCount !== 0) return
    const { posts, documents, permissions } = options.sample
    await client.query(
      `INSERT INTO public.posts (author, permlink, type, title, content, votes, rating, nsfw, hidden, flagged, created_at, updated_at)
       SELECT author, permlink, type, title, content, votes, rating, nsfw, hidden, flagged,
         coalesce(created_at, now()), coalesce(updated_at, created_at, now())
       FROM jsonb_populate_recordset(NULL::public.posts, $1)`,
      [JSON.stringify(posts)],
    )
    await client.query(
      `INSERT INTO public.collaboration_documents (id, title, creator, is_public, is_deleted)
       SELECT id, title, creator, is_public, is_deleted
       FROM jsonb_populate_recordset(NULL::public.collaboration_documents, $1)`,
      [JSON.stringify(documents)],
    )
    await client.query(
      `SELECT setval('public.collaboration_documents_id_seq', greatest(max(id), 1)) FROM public.collaboration_documents`,
    )
    await client.query(
      `INSERT INTO public.collaboration_permissions
       SELECT * FROM jsonb_populate_recordset(NULL::public.collaboration_permissions, $1)`,
      [JSON.stringify(permissions)],
    )
  } finally {
    await client.end()
  }
}
