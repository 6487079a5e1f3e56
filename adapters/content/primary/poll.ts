/** Finds what changed at a primary that grants no replication: by the time in its rows, or by a digest of the whole table. */
import pg from 'pg'
import type { RawRow } from './codec.ts'
import { orderedBy, type PrimaryTable, selectList } from './columns.ts'
import { TABLES } from './tables.ts'

const BATCH = 2_000
const TIMES = new Set(['timestamp with time zone', 'timestamp without time zone', 'date'])
/** A row's time is when its transaction began, not when it became visible, so the last moments are read again. */
const OVERLAP_MS = 10_000

/** Columns that say when a row changed. */
export const timesOf = (table: PrimaryTable): ReadonlyArray<string> =>
  ['updated_at', 'created_at'].filter((name) => TIMES.has(table.columns.get(name) ?? ''))

/** The primary's time minus the overlap, as it writes it: the next poll reads from there on. */
export const markNow = async (client: pg.Client): Promise<string> => {
  const { rows } = await client.query<{ at: string }>(
    "SELECT (now() - $1::float8 * interval '1 millisecond')::text AS at",
    [OVERLAP_MS],
  )
  return rows[0]!.at
}

/** Rows that changed since `mark`, in the order in which they did. */
export async function* changedSince(
  client: pg.Client,
  table: PrimaryTable,
  mark: string,
): AsyncGenerator<ReadonlyArray<RawRow>> {
  const times = timesOf(table).map((name) => pg.escapeIdentifier(name))
  const since = timesOf(table).map(
    (name) => `${pg.escapeIdentifier(name)} >= $1::timestamptz::${table.columns.get(name)}`,
  )
  const changed = `greatest(${times.join(', ')})::timestamptz`
  const order = `${changed}, ${orderedBy(table.name)}`
  const { key } = TABLES[table.name]
  let after: ReadonlyArray<string> | null = null
  for (;;) {
    const beyond: string =
      after === null ? '' : `AND (${order}) > ($2::timestamptz, ${key.map((_, i) => `$${i + 3}`).join(', ')})`
    const { rows }: { rows: Array<Record<string, string>> } = await client.query(
      `SELECT ${selectList(table.columns)}, ${changed}::text AS changed FROM public.${table.name}
       WHERE (${since.join(' OR ')}) ${beyond} ORDER BY ${order} LIMIT ${BATCH}`,
      after === null ? [mark] : [mark, ...after],
    )
    if (rows.length > 0) yield rows.map(({ changed: _, ...raw }) => raw)
    const last = rows.at(-1)
    if (rows.length < BATCH || last === undefined) return
    after = [last.changed ?? '', ...key.map((name) => last[name] ?? '')]
  }
}

/** The columns that close a room, with the value at which they don't. */
const OPEN: Readonly<Record<string, boolean>> = {
  hidden: false,
  flagged: false,
  is_deleted: false,
  is_public: true,
}
/** The most rows that are looked at; the next poll finds the others. */
const MOST_CLOSED = 1_000

/** The newest of the rows that changed within the last `ms` milliseconds and may be closed. None for a table that does not
 *  say when its rows changed. */
export const closedLately = async (
  client: pg.Client,
  table: PrimaryTable,
  ms: number,
): Promise<ReadonlyArray<RawRow>> => {
  const type = table.columns.get('updated_at') ?? ''
  const deciding = [...table.columns].filter(([name]) => name in OPEN)
  if (!TIMES.has(type) || type === 'date' || deciding.length === 0) return []
  // What a column of another type means is known only to the codec.
  const closed = deciding.every(([, kind]) => kind === 'boolean')
    ? deciding.map(([name]) => `${pg.escapeIdentifier(name)} IS NOT ${OPEN[name]}`).join(' OR ')
    : 'true'
  const { rows } = await client.query<Record<string, string>>(
    `SELECT ${selectList(table.columns)} FROM public.${table.name}
     WHERE updated_at >= (now() - $1::float8 * interval '1 millisecond')::${type} AND (${closed})
     ORDER BY updated_at DESC LIMIT ${MOST_CLOSED}`,
    [ms],
  )
  return rows
}

/** A digest of everything in a table: it changes as soon as anything in it does. */
export const digestOf = async (client: pg.Client, table: PrimaryTable): Promise<string> => {
  const columns = [...table.columns.keys()].map((name) => `${pg.escapeIdentifier(name)}::text`)
  const { rows } = await client.query<{ digest: string }>(
    `SELECT count(*) || ':' || coalesce(sum(('x' || left(md5(ROW(${columns.join(', ')})::text), 15))::bit(60)::bigint)::text, '')
       AS digest FROM public.${table.name}`,
  )
  return rows[0]!.digest
}

export const countOf = async (client: pg.Client, table: string): Promise<number> => {
  const { rows } = await client.query<{ rows: string }>(`SELECT count(*)::text AS rows FROM public.${table}`)
  return Number(rows[0]!.rows)
}
