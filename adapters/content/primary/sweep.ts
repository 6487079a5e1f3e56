/** Reads a primary's whole table in the order of its keys, and makes the table here equal to it piece by piece, so that
 *  it is never emptier than it has to be. */
import pg from 'pg'
import type { RawRow } from './codec.ts'
import { orderedBy, type PrimaryTable, selectList } from './columns.ts'
import type { Stretch } from './store.ts'
import { TABLES } from './tables.ts'

const BATCH = 2_000

/** Reads in a transaction on the primary that sees one moment. A table that is suddenly empty is reported as such: the
 *  caller decides whether to believe it. */
export async function* stretchesOf(primary: pg.Client, table: PrimaryTable): AsyncGenerator<Stretch> {
  const { key } = TABLES[table.name]
  const there = key.map((name) => `${pg.escapeIdentifier(name)} IS NOT NULL`)
  const where = [...there, ...(table.filter === undefined ? [] : [`(${table.filter})`])].join(' AND ')
  const newest = ['updated_at', 'created_at'].filter((name) => table.columns.has(name))
  await primary.query(
    `DECLARE swept NO SCROLL CURSOR FOR SELECT ${selectList(table.columns)} FROM public.${table.name}
     WHERE ${where} ORDER BY ${[orderedBy(table.name), ...newest.map((name) => `${pg.escapeIdentifier(name)} NULLS FIRST`)].join(', ')}`,
  )
  let after: ReadonlyArray<string> | null = null
  let held: RawRow[] = []
  for (;;) {
    const { rows }: { rows: RawRow[] } = await primary.query<Record<string, string | null>>(
      `FETCH ${BATCH} FROM swept`,
    )
    const isEnd = rows.length < BATCH
    held = [...held, ...rows]
    const last = rows.at(-1)
    const lastKey = last === undefined ? null : key.map((name) => last[name] ?? '')
    // Rows with the same key stay in one stretch.
    const isLast = (raw: RawRow) => lastKey !== null && key.every((name, i) => raw[name] === lastKey[i])
    const raws = isEnd ? held : held.filter((raw) => !isLast(raw))
    held = isEnd ? [] : held.filter(isLast)
    const end = raws.at(-1)
    const upTo: ReadonlyArray<string> | null =
      isEnd || end === undefined ? null : key.map((name) => end[name] ?? '')
    if (isEnd || upTo !== null) yield { table: table.name, after, upTo, raws }
    if (isEnd) break
    after = upTo ?? after
  }
  await primary.query('CLOSE swept')
}
