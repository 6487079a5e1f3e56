/** Writes the primary's rows into the tables here. Unchanged rows are not written, so that no change is announced for them. */
import * as E from 'fp-ts/lib/Either.js'
import type pg from 'pg'
import { type ContentRow, keyOf, type RawRow, rowOf } from './codec.ts'
import { type ContentTable, TABLES, type TableName } from './tables.ts'

/** Whether the SQLSTATE is of a class that says that a column can't hold the data. */
const isOfData = (error: unknown): boolean => /^2[23]/.test(String((error as { code?: unknown }).code))
const keyText = (key: ReadonlyArray<unknown>): string => key.join('/')

const typed = (table: ContentTable, names: ReadonlyArray<string>): string =>
  names.map((name) => `${name} ${table.columns[name]}`).join(', ')

const upsert = (table: ContentTable): string => {
  const names = Object.keys(table.columns)
  const rest = names.filter((name) => !table.key.includes(name))
  const list = (of: string) => rest.map((name) => `${of}.${name}`).join(', ')
  return `INSERT INTO ${table.name} AS old (${names.join(', ')})
    SELECT ${names.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS row (${typed(table, names)})
    ON CONFLICT (${table.key.join(', ')}) DO UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}
    WHERE (${list('old')}) IS DISTINCT FROM (${list('excluded')})`
}

const same = (table: ContentTable, of: string, other: string): string =>
  table.key.map((name) => `${of}.${name} = ${other}.${name}`).join(' AND ')

const remove = (table: ContentTable): string =>
  `DELETE FROM ${table.name} AS old USING jsonb_to_recordset($1::jsonb) AS gone (${typed(table, table.key)})
   WHERE ${same(table, 'old', 'gone')}`

/** The result of some changes: how many rows are new or different, and a sentence for each one that can't be a row here. */
export type Taken = { readonly changed: number; readonly skipped: ReadonlyArray<string> }

const put = async (
  client: pg.Client,
  table: ContentTable,
  rows: ReadonlyArray<ContentRow>,
  skipped: string[],
): Promise<number> => {
  if (rows.length === 0) return 0
  await client.query('SAVEPOINT rows')
  try {
    const { rowCount } = await client.query(upsert(table), [JSON.stringify(rows)])
    await client.query('RELEASE SAVEPOINT rows')
    return rowCount ?? 0
  } catch (error) {
    if (!isOfData(error)) throw error
    await client.query('ROLLBACK TO SAVEPOINT rows')
    const [row] = rows
    if (rows.length > 1) {
      const half = rows.length >> 1
      return (
        (await put(client, table, rows.slice(0, half), skipped)) +
        (await put(client, table, rows.slice(half), skipped))
      )
    }
    skipped.push(`${table.name} ${keyText(table.key.map((key) => row?.[key]))}: ${(error as Error).message}`)
    return 0
  }
}

/** A change of one row. `before`: its key before, if that was different. */
export type RowChange = {
  readonly table: TableName
  /** Null: the row was deleted. */
  readonly after: RawRow | null
  readonly before: RawRow | null
}

const lacks = (raw: RawRow): boolean => Object.values(raw).includes(undefined)

/** Fills in the values that were not sent because they did not change, from the rows here. */
const complete = async (
  client: pg.Client,
  table: ContentTable,
  raws: ReadonlyMap<string, RawRow>,
): Promise<ReadonlyMap<string, RawRow>> => {
  const partial = [...raws].filter(([, raw]) => lacks(raw))
  if (partial.length === 0) return raws
  const names = Object.keys(table.columns)
  const keys = partial.map(([, raw]) => Object.fromEntries(table.key.map((key) => [key, raw[key]])))
  const { rows } = await client.query<Record<string, string | null>>(
    `SELECT ${names.map((name) => `old.${name}::text AS ${name}`).join(', ')} FROM ${table.name} AS old
     JOIN jsonb_to_recordset($1::jsonb) AS one (${typed(table, table.key)}) ON ${same(table, 'old', 'one')}`,
    [JSON.stringify(keys)],
  )
  const here = new Map(rows.map((row) => [keyText(table.key.map((key) => row[key])), row]))
  const whole = new Map(raws)
  for (const [key, raw] of partial) {
    const known = here.get(key) ?? {}
    const merged = Object.entries(raw).map(([name, value]) => [
      name,
      value === undefined ? known[name] : value,
    ])
    whole.set(key, Object.fromEntries(merged))
  }
  return whole
}

type Folded = { readonly upserts: Map<string, RawRow>; readonly gone: Map<string, ReadonlyArray<string>> }

/** The last change of each key. */
const fold = (changes: ReadonlyArray<RowChange>, skipped: string[]): Map<TableName, Folded> => {
  const folded = new Map<TableName, Folded>()
  for (const { table, before, after } of changes) {
    let of = folded.get(table)
    if (of === undefined) {
      of = { upserts: new Map(), gone: new Map() }
      folded.set(table, of)
    }
    const old = before === null ? null : keyOf(table, before)
    const key = after === null ? null : keyOf(table, after)
    const from = old !== null && E.isRight(old) ? keyText(old.right) : null
    const earlier = from === null ? undefined : of.upserts.get(from)
    if (old !== null && E.isRight(old) && from !== null) {
      of.upserts.delete(from)
      of.gone.set(from, old.right)
    }
    if (key === null) continue
    if (E.isLeft(key)) {
      skipped.push(key.left)
      continue
    }
    const to = keyText(key.right)
    const known = of.upserts.get(to) ?? earlier
    const raw = Object.entries(after ?? {}).map(([name, value]) => [
      name,
      value === undefined ? known?.[name] : value,
    ])
    of.gone.delete(to)
    of.upserts.set(to, Object.fromEntries(raw))
  }
  return folded
}

/** To be called in a transaction of the client. */
export const storeChanges = async (client: pg.Client, changes: ReadonlyArray<RowChange>): Promise<Taken> => {
  const skipped: string[] = []
  let changed = 0
  for (const [name, { upserts, gone }] of fold(changes, skipped)) {
    const table = TABLES[name]
    const rows: ContentRow[] = []
    // Done before rows are removed, so that a row whose key changed keeps the values that were not sent.
    for (const raw of (await complete(client, table, upserts)).values()) {
      const row = rowOf(name, raw)
      if (E.isRight(row)) rows.push(row.right)
      else skipped.push(row.left)
    }
    if (gone.size > 0) {
      const keys = [...gone.values()].map((key) =>
        Object.fromEntries(table.key.map((column, i) => [column, key[i]])),
      )
      changed += (await client.query(remove(table), [JSON.stringify(keys)])).rowCount ?? 0
    }
    changed += await put(client, table, rows, skipped)
  }
  return { changed, skipped }
}

/** One stretch of a sweep: the primary's rows after one key and up to another (null: to the end) are exactly these. */
export type Stretch = {
  readonly table: TableName
  readonly after: ReadonlyArray<string> | null
  readonly upTo: ReadonlyArray<string> | null
  readonly raws: ReadonlyArray<RawRow>
}

/** To be called in a transaction of the client: rows that the primary does not have are removed at the same moment as
 *  the others are written. */
export const storeStretch = async (
  client: pg.Client,
  { table: name, after, upTo, raws }: Stretch,
): Promise<Taken> => {
  const table = TABLES[name]
  const skipped: string[] = []
  const rows = new Map<string, ContentRow>()
  for (const raw of raws) {
    const row = rowOf(name, raw)
    if (E.isLeft(row)) skipped.push(row.left)
    // If a row comes twice, the last one counts.
    else rows.set(keyText(table.key.map((key) => row.right[key])), row.right)
  }
  const values: unknown[] = [JSON.stringify([...rows.values()])]
  const place = (key: ReadonlyArray<string>): string =>
    `(${key.map((part) => `$${values.push(part)}::text COLLATE "C"`).join(', ')})`
  const key = `(${table.key.map((column) => `old.${column}`).join(', ')})`
  const bounds = [
    ...(after === null ? [] : [`${key} > ${place(after)}`]),
    ...(upTo === null ? [] : [`${key} <= ${place(upTo)}`]),
    `NOT EXISTS (SELECT FROM kept WHERE ${same(table, 'old', 'kept')})`,
  ]
  const gone = await client.query(
    `WITH kept AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1::jsonb) AS row (${typed(table, table.key)}))
     DELETE FROM ${table.name} AS old WHERE ${bounds.join(' AND ')}`,
    values,
  )
  const changed = await put(client, table, [...rows.values()], skipped)
  return { changed: changed + (gone.rowCount ?? 0), skipped }
}
