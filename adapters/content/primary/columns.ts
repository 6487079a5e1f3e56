/** Which columns of the followed tables the primary has, and which of them this role may read. */
import pg from 'pg'
import { connectClient } from '../../postgres/client.ts'
import { TABLE_NAMES, TABLES, type TableName } from './tables.ts'

/** All values as the text that Postgres writes: the codec reads them. */
const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig

export type PrimaryUrl = string
const SILENT_MS = 20_000

/** One connection to the primary. `replication`: for the stream of changes. Throws if it can't be reached. */
export const connectPrimary = (url: PrimaryUrl, replication = false): Promise<pg.Client> =>
  connectClient({
    connectionString: url,
    application_name: 'presence content',
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 5_000,
    types: asText,
    options:
      '-c DateStyle=ISO -c TimeZone=UTC -c extra_float_digits=1 -c IntervalStyle=postgres -c bytea_output=hex',
    ...(replication ? { replication: 'database' } : { query_timeout: SILENT_MS }),
  } as pg.ClientConfig)

export type PrimaryTable = {
  readonly name: TableName
  /** The type of each column that can be read. */
  readonly columns: ReadonlyMap<string, string>
  /** Which rows are published, as SQL; all if it is missing. */
  readonly filter?: string
}
export type Primary = {
  /** The id of the primary's history: it differs after a failover or a restore. */
  readonly id: string
  readonly tables: ReadonlyArray<PrimaryTable>
  /** A sentence for each table that can't be followed. */
  readonly missing: ReadonlyArray<string>
}

/** Looks at the primary's catalogue. */
export const describePrimary = async (client: pg.Client): Promise<Primary> => {
  const { rows } = await client.query<{ tab: string; col: string; type: string; may: string }>(
    `SELECT c.relname AS tab, a.attname AS col, format_type(a.atttypid, NULL) AS type,
       has_column_privilege(c.oid, a.attnum, 'SELECT')::text AS may
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE n.nspname = 'public' AND c.relname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND a.attnum > 0 AND NOT a.attisdropped`,
    [TABLE_NAMES],
  )
  const missing: string[] = []
  const tables = TABLE_NAMES.flatMap((name): PrimaryTable[] => {
    const here = rows.filter((row) => row.tab === name)
    if (here.length === 0) {
      missing.push(`the primary has no table public.${name}`)
      return []
    }
    const wanted = here.filter((row) => Object.hasOwn(TABLES[name].columns, row.col))
    const { key, access } = TABLES[name]
    // A missing column is acceptable, but one that this role may not read might decide who may enter.
    const kept = wanted.find((row) => row.may !== 'true' && [...key, ...access].includes(row.col))
    const absent = key.find((column) => !wanted.some((row) => row.col === column))
    if (kept !== undefined || absent !== undefined) {
      missing.push(
        kept !== undefined
          ? `the role may not read ${name}.${kept.col}`
          : `the primary’s ${name} has no column ${absent}`,
      )
      return []
    }
    const readable = wanted.filter((row) => row.may === 'true')
    return [{ name, columns: new Map(readable.map((row) => [row.col, row.type])) }]
  })
  const who = await client.query<{ id: string }>(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' ||
       (SELECT timeline_id::text FROM pg_control_checkpoint()) || '/' || current_database() AS id`,
  )
  return { id: who.rows[0]?.id ?? '', tables, missing }
}

/** Rows in the order of their keys by bytes, whatever the primary's collation. */
export const orderedBy = (table: TableName): string =>
  TABLES[table].key.map((name) => `${pg.escapeIdentifier(name)}::text COLLATE "C"`).join(', ')

export const selectList = (columns: PrimaryTable['columns']): string =>
  [...columns.keys()].map((name) => `${pg.escapeIdentifier(name)}::text AS ${name}`).join(', ')
