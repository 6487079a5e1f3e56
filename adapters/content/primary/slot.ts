/** Checks whether a primary lets its changes be streamed, and makes the slot for that. */
import type pg from 'pg'
import type { PrimaryTable } from './columns.ts'
import { type Lsn, parseLsn } from './pgoutput.ts'
import { PUBLICATION } from './publication.ts'
import { TABLES } from './tables.ts'

type Published = { readonly tab: string; readonly columns: string | null; readonly filter: string | null }

/** The tables as they are published, or a sentence about why nothing can be streamed. */
export const publishedTables = async (
  client: pg.Client,
  tables: ReadonlyArray<PrimaryTable>,
): Promise<{ readonly reason: string } | { readonly tables: ReadonlyArray<PrimaryTable> }> => {
  const level = await client.query<{ level: string }>("SELECT current_setting('wal_level') AS level")
  if (level.rows[0]?.level !== 'logical')
    return { reason: `the primary’s wal_level is ${level.rows[0]?.level}, not logical` }
  const { rows } = await client.query<Published>(
    `SELECT tablename AS tab, to_jsonb(p) ->> 'attnames' AS columns, to_jsonb(p) ->> 'rowfilter' AS filter
     FROM pg_publication_tables p WHERE pubname = $1 AND schemaname = 'public'`,
    [PUBLICATION],
  )
  if (rows.length === 0) return { reason: `the primary has no publication ${PUBLICATION}` }
  const published: PrimaryTable[] = []
  for (const table of tables) {
    const row = rows.find(({ tab }) => tab === table.name)
    if (row === undefined) return { reason: `the publication leaves out ${table.name}` }
    const list: ReadonlyArray<string> | null = row.columns === null ? null : JSON.parse(row.columns)
    const { key, access } = TABLES[table.name]
    const kept = [...key, ...access].find(
      (column) => table.columns.has(column) && list !== null && !list.includes(column),
    )
    if (kept !== undefined) return { reason: `the publication leaves out ${table.name}.${kept}` }
    published.push({ ...table, ...(row.filter === null ? {} : { filter: row.filter }) })
  }
  return { tables: published }
}

/** Refusals that another way of following avoids: rights, settings, a missing line in pg_hba.conf. */
const REFUSED = new Set(['42501', '28000', '0A000', '55000', '53400', '42704'])
export const isRefusal = (error: unknown): boolean =>
  REFUSED.has(String((error as { code?: unknown } | null)?.code))

/** Whether the slot exists and can still be followed. */
export const slotLives = async (client: pg.Client, slot: string): Promise<'no' | 'lost' | 'yes'> => {
  const { rows } = await client.query<{ lost: string }>(
    `SELECT (coalesce(to_jsonb(s) ->> 'wal_status', '') = 'lost'
       OR coalesce(to_jsonb(s) ->> 'invalidation_reason', '') <> '')::text AS lost
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [slot],
  )
  return rows[0] === undefined ? 'no' : rows[0].lost === 'true' ? 'lost' : 'yes'
}

export const dropSlot = (client: pg.Client, slot: string): Promise<unknown> =>
  client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [
    slot,
  ])

/** Makes a new slot, and a snapshot of the moment at which it begins, valid until the next command on `replication`. */
export const createSlot = async (
  replication: pg.Client,
  slot: string,
): Promise<{ readonly snapshot: string; readonly from: Lsn }> => {
  const { rows } = await replication.query<{ snapshot_name: string; consistent_point: string }>(
    `CREATE_REPLICATION_SLOT "${slot}" LOGICAL pgoutput EXPORT_SNAPSHOT`,
  )
  return { snapshot: rows[0]!.snapshot_name, from: parseLsn(rows[0]!.consistent_point) }
}
