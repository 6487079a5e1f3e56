/** What the primary's owner runs, once, so that this server may follow: a role, its grants, a publication. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import pg from 'pg'
import { TABLE_NAMES, TABLES } from './tables.ts'

export const PUBLICATION = 'presence_content'

/** Postgres' form of a password, by which it can be checked but not read, so that the password itself need not be sent.
 *  Source: RFC 5803, RFC 7677. */
export const scramVerifier = (password: string, salt: Buffer = randomBytes(16)): string => {
  const rounds = 4_096
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, rounds, 32, 'sha256')
  const hmac = (words: string) => createHmac('sha256', salted).update(words).digest()
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${rounds}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`
}

const literal = pg.escapeLiteral
const tables = TABLE_NAMES.map((name) => {
  const { key, columns } = TABLES[name]
  const list = (names: ReadonlyArray<string>) => `ARRAY[${names.map(literal).join(', ')}]`
  return `    (${literal(name)}, ${list(key)}, ${list(Object.keys(columns))})`
}).join(',\n')

export type PublicationOptions = {
  readonly role: string
  /** Null: the owner sets one by hand. */
  readonly password: string | null
  readonly salt?: Buffer
}

/** SQL for psql on the primary, to be run as its owner. Running it again brings everything up to date. */
export const publicationSql = ({ role, password, salt }: PublicationOptions): string => {
  const name = pg.escapeIdentifier(role)
  const secret = password === null ? '' : ` PASSWORD ${literal(scramVerifier(password, salt))}`
  return `-- For the owner of the primary: psql --single-transaction --file=THIS, on the database that has the tables.
-- It takes PostgreSQL 10 or later; column lists and row filters need 15 (older ones publish whole rows: as much works).
-- It changes no row. Beside it the primary needs, in postgresql.conf and then a restart:
--   wal_level = logical
--   max_slot_wal_keep_size = 10GB    so that a follower that is away can't fill the disk: past that it copies anew
-- and in pg_hba.conf a line for the follower's address (logical replication is under the database's own name):
--   hostssl  THE_DATABASE  ${role}  ADDRESS/32  scram-sha-256

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role)}) THEN
    CREATE ROLE ${name} LOGIN;
  END IF;
END $$;
ALTER ROLE ${name} WITH LOGIN REPLICATION${secret};
${password === null ? `-- Then give it a password: \\password ${role}\n` : '-- The password is the one in DB_PRIMARY_PASSWORD; this is only its check.\n'}GRANT USAGE ON SCHEMA public TO ${name};

DO $$
DECLARE
  want record;
  wide boolean := current_setting('server_version_num')::int >= 150000;
  names text[];
  identity text[];
  parts text[] := '{}';
  filter text;
  ours oid;
BEGIN
  FOR want IN SELECT * FROM (VALUES
${tables}
  ) AS t (name, key, columns) LOOP
    IF to_regclass('public.' || want.name) IS NULL THEN
      RAISE NOTICE 'there is no table public.%: it is left out', want.name;
      CONTINUE;
    END IF;
    -- Where the key of rooms is unique and never NULL, updates and deletes name rows by it.
    SELECT i.indexrelid INTO ours FROM pg_index i
      WHERE i.indrelid = ('public.' || want.name)::regclass AND i.indisunique AND i.indpred IS NULL AND i.indimmediate
        AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
          WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attnotnull)
          = (SELECT array_agg(k ORDER BY k) FROM unnest(want.key) AS k)
        AND i.indnkeyatts = cardinality(want.key)
      ORDER BY i.indisprimary DESC LIMIT 1;
    IF ours IS NOT NULL THEN
      EXECUTE format('ALTER TABLE public.%I REPLICA IDENTITY USING INDEX %I', want.name,
        (SELECT relname FROM pg_class WHERE oid = ours));
    END IF;
    SELECT coalesce(array_agg(a.attname::text), '{}') INTO identity FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = ('public.' || want.name)::regclass
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END;
    IF cardinality(identity) = 0 THEN
      -- Nothing names its rows: all of the row does, which allows neither list nor filter.
      EXECUTE format('ALTER TABLE public.%I REPLICA IDENTITY FULL', want.name);
    END IF;
    SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) INTO names FROM pg_attribute a
      WHERE a.attrelid = ('public.' || want.name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
        AND (a.attname = ANY (want.columns) OR a.attname = ANY (identity));
    EXECUTE format('GRANT SELECT (%s) ON public.%I TO %I', array_to_string(names, ', '), want.name, ${literal(role)});
    -- Rows that can be a room; of other columns than the key's updates and deletes say nothing.
    SELECT string_agg(format(CASE WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype)
        THEN 'length(%I) BETWEEN 1 AND 255' ELSE '%I IS NOT NULL' END, a.attname), ' AND ') INTO filter
      FROM pg_attribute a WHERE a.attrelid = ('public.' || want.name)::regclass AND a.attname = ANY (want.key);
    parts := parts || CASE
      WHEN NOT wide OR cardinality(identity) = 0 THEN format('public.%I', want.name)
      WHEN want.key <@ identity
        THEN format('public.%I (%s) WHERE (%s)', want.name, array_to_string(names, ', '), filter)
      ELSE format('public.%I (%s)', want.name, array_to_string(names, ', '))
    END;
  END LOOP;
  IF cardinality(parts) = 0 THEN
    RAISE EXCEPTION 'none of the tables is in public: is this the right database?';
  END IF;
  IF EXISTS (SELECT FROM pg_publication WHERE pubname = ${literal(PUBLICATION)}) THEN
    EXECUTE ${literal(`ALTER PUBLICATION ${PUBLICATION} SET TABLE `)} || array_to_string(parts, ', ');
  ELSE
    EXECUTE ${literal(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE `)} || array_to_string(parts, ', ');
  END IF;
END $$;
`
}
