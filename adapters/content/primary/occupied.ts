/** Compares the rows of rooms that somebody is in with a primary's, whatever times it has in them: those that it no longer has, and
 *  those that let other people in. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { type ContentRow, type RawRow, rowOf } from './codec.ts'
import type { PrimaryTable } from './columns.ts'
import type { RowChange } from './store.ts'
import { TABLE_NAMES, TABLES, type TableName } from './tables.ts'

/** The most sessions that are looked at; the next poll finds what was changed for the others. */
const MOST_SESSIONS = 10_000

/** How each table's rows are found from the sessions: posts and documents by their room, permissions by who is in it. */
const OF_SESSION: Readonly<Record<TableName, string>> = {
  posts: `at.space_type = 'post' AND (old.author, old.permlink) = (split_part(at.space_id, '/', 1), split_part(at.space_id, '/', 2))`,
  collaboration_documents: `at.space_type = 'document' AND old.id = at.space_id`,
  collaboration_permissions: `at.space_type = 'document' AND old.document_id = at.space_id AND old.user_account = at.user_account`,
}
const decidingOf = (table: TableName): ReadonlyArray<string> => [
  ...TABLES[table].key,
  ...TABLES[table].access,
]
const OCCUPIED = `WITH at AS MATERIALIZED (
    SELECT DISTINCT space_type, space_id, user_account FROM presence_sessions
    WHERE space_type IN ('post', 'document') LIMIT ${MOST_SESSIONS})
  ${TABLE_NAMES.map(
    (name) => `SELECT DISTINCT '${name}' AS tab,
      jsonb_build_object(${decidingOf(name).map((column) => `'${column}', old.${column}`)}) AS row
      FROM at JOIN ${name} AS old ON ${OF_SESSION[name]}`,
  ).join(' UNION ALL ')}`

/** The rows here, by table: their keys and the columns that decide who may enter. */
export type OccupiedRows = ReadonlyMap<TableName, ReadonlyArray<ContentRow>>

/** `here`: a connection to the tables here. */
export const occupiedRows = async (here: pg.Client): Promise<OccupiedRows> => {
  const { rows } = await here.query<{ tab: TableName; row: ContentRow }>(OCCUPIED)
  const found = new Map<TableName, ContentRow[]>()
  for (const { tab, row } of rows) found.set(tab, [...(found.get(tab) ?? []), row])
  return found
}

const LARGEST: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  integer: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
}
const WHOLE = /^(?:0|-?[1-9]\d{0,18})$/
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/
/** How Postgres writes a value of that type: a key that is written otherwise did not come from there, and is not asked for. */
const isOfType = (type: string, value: string): boolean => {
  const largest = LARGEST[type]
  if (largest !== undefined) return WHOLE.test(value) && BigInt(value) <= largest && BigInt(value) >= -largest
  return type !== 'uuid' || UUID.test(value)
}
/** A condition that an index on the column serves, where its type is one of those that keys have. */
const isSame = (column: string, type: string, text: string): string => {
  const name = `there.${pg.escapeIdentifier(column)}`
  if (Object.hasOwn(LARGEST, type) || type === 'uuid') return `${name} = ${text}::${type}`
  return type === 'text' || type === 'character varying' ? `${name} = ${text}` : `${name}::text = ${text}`
}

type Asked = { readonly table: PrimaryTable; readonly rows: ReadonlyArray<ContentRow> }

/** One part of the question: whether the table has any row, and those of these keys, all as of one moment. */
const askFor = ({ table, rows }: Asked, values: unknown[]): string => {
  const { key } = TABLES[table.name]
  const lists = key.map((column) => `$${values.push(rows.map((row) => row[column]))}::text[]`)
  const names = key.map((_, i) => `k${i}`)
  const same = key.map((column, i) => isSame(column, table.columns.get(column) ?? '', `wanted.k${i}`))
  const fields = decidingOf(table.name)
    .filter((column) => table.columns.has(column))
    .map((column) => `'${column}', there.${pg.escapeIdentifier(column)}::text`)
  return `SELECT '${table.name}' AS tab, EXISTS (SELECT FROM public.${table.name})::text AS filled,
    (SELECT coalesce(json_agg(json_build_object(${fields.join(', ')})), '[]')::text FROM public.${table.name} AS there
      JOIN unnest(${lists.join(', ')}) AS wanted (${names.join(', ')}) ON ${same.join(' AND ')}) AS found`
}

/** What differs, as changes to be made here: rows that are gone, and those that let other people in, with these columns alone. A
 *  table without any row is not believed, and of a key that comes twice nothing is said. */
const changesOf = ({ table, rows }: Asked, found: ReadonlyArray<RawRow>): ReadonlyArray<RowChange> => {
  const { key, access, columns } = TABLES[table.name]
  const keyText = (row: RawRow | ContentRow): string => JSON.stringify(key.map((column) => row[column]))
  const there = new Map<string, RawRow[]>()
  for (const raw of found) there.set(keyText(raw), [...(there.get(keyText(raw)) ?? []), raw])
  // What is not asked for is what it was.
  const others = Object.keys(columns).filter(
    (column) => table.columns.has(column) && !decidingOf(table.name).includes(column),
  )
  const unsaid = Object.fromEntries(others.map((column) => [column, undefined]))
  return rows.flatMap((row): RowChange[] => {
    const [raw, second] = there.get(keyText(row)) ?? []
    if (second !== undefined) return []
    if (raw === undefined) {
      const gone = Object.fromEntries(key.map((column) => [column, String(row[column])]))
      return [{ table: table.name, before: gone, after: null }]
    }
    const read = rowOf(table.name, raw)
    if (E.isLeft(read) || access.every((column) => read.right[column] === row[column])) return []
    return [{ table: table.name, before: null, after: { ...unsaid, ...raw } }]
  })
}

/** One question to the primary about all of these rows. */
export const changesThere = async (
  client: pg.Client,
  tables: ReadonlyArray<PrimaryTable>,
  occupied: OccupiedRows,
): Promise<ReadonlyArray<RowChange>> => {
  const asked = tables
    .map((table) => ({
      table,
      rows: (occupied.get(table.name) ?? []).filter((row) =>
        TABLES[table.name].key.every((column) =>
          isOfType(table.columns.get(column) ?? '', String(row[column])),
        ),
      ),
    }))
    .filter(({ rows }) => rows.length > 0)
  if (asked.length === 0) return []
  const values: unknown[] = []
  const text = asked.map((one) => askFor(one, values)).join(' UNION ALL ')
  const answer = await client.query<{ tab: string; filled: string; found: string }>(text, values)
  return asked.flatMap((one) => {
    const said = answer.rows.find(({ tab }) => tab === one.table.name)
    return said?.filled === 'true' ? changesOf(one, JSON.parse(said.found) as RawRow[]) : []
  })
}
