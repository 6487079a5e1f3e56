/** Two sets of the tables held against each other row by row, with bounded memory: which rows differ, and in what. */
import { sql } from 'slonik'
import type { DatabaseRow, Session } from '../../adapters/postgres/session.ts'
import { chain, GENESIS } from '../../projections/audit/canonical.ts'
import { AUDIT_TABLE } from '../../projections/audit/fold.ts'
import { TABLES } from '../../projections/batch.ts'
import { PARKED_TABLES } from '../../projections/parked.ts'
import type { Table } from '../../projections/projection.ts'
import { PROOF_TABLE } from '../../projections/proof/tree.ts'

export type RowDifference = {
  readonly table: string
  readonly key: Readonly<Record<string, string>>
  /** `added`: the log says nothing of such a row; `missing`: the log says there is one. */
  readonly kind: 'altered' | 'missing' | 'added'
  /** Where it is altered: its columns that differ. */
  readonly columns: ReadonlyArray<string>
  /** Of the event that the row is of, where it says so. */
  readonly position: string | null
}

export type Compared = {
  readonly tables: number
  readonly rows: number
  /** Up to `limit` of them for each table; `found` counts all. */
  readonly differences: ReadonlyArray<RowDifference>
  readonly found: number
}

export type DifferOptions = {
  /** Sees the tables in `public`. In a transaction, which stays at one moment. */
  readonly live: Session
  /** Sees the tables in `schema`, which were made from the log. In a transaction too; may be the same. */
  readonly fresh: Session
  readonly schema: string
  readonly limit?: number
  readonly onRows?: (table: string, rows: number) => void
}

/** When it was parked is no matter of the log's. */
const OWN_TIME: ReadonlyArray<string> = ['parked_at']
/** A row's place in the chain depends on all rows before it: told apart from the row itself. */
const CHAINED: ReadonlyArray<string> = ['prev_hash', 'hash']
const COMPARED: ReadonlyArray<Table> = [...TABLES, ...PARKED_TABLES]
const FETCH = 5_000

type Column = { readonly name: string; readonly isNumber: boolean }
const columnsOf = async (session: Session, table: string): Promise<ReadonlyArray<Column>> =>
  (
    await session.run(sql.unsafe`SELECT attname AS name, atttypid = 'int8'::regtype AS number FROM pg_attribute
      WHERE attrelid = ${`public.${table}`}::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
  ).map(({ name, number }) => ({ name: String(name), isNumber: number === true }))

/** A row on its way: its key as text, a digest of its columns, and what is asked for besides. */
type Line = { readonly key: ReadonlyArray<string>; readonly digest: string; readonly more: DatabaseRow }

/** A statement of names and numbers of our own. */
const plain = (text: string) => ({ ...sql.unsafe``, sql: text, values: [] })

const id = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The rows in order of their keys, a page at a time. */
async function* rowsOf(
  session: Session,
  cursor: string,
  select: string,
  keys: number,
): AsyncGenerator<Line, void> {
  await session.exec(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${select}`)
  for (;;) {
    const page = await session.run(plain(`FETCH ${FETCH} FROM ${cursor}`))
    for (const row of page) {
      const key: string[] = []
      for (let i = 0; i < keys; i += 1) key.push(String(row[`k${i}`]))
      yield { key, digest: String(row.digest), more: row }
    }
    if (page.length < FETCH) break
  }
  await session.exec(`CLOSE ${cursor}`)
}

const order =
  (columns: ReadonlyArray<Column>) =>
  (a: Line, b: Line): number => {
    for (const [i, { isNumber }] of columns.entries()) {
      const [left, right] = [a.key[i]!, b.key[i]!]
      if (left === right) continue
      if (isNumber) return BigInt(left) < BigInt(right) ? -1 : 1
      return Buffer.compare(Buffer.from(left), Buffer.from(right))
    }
    return 0
  }

const selectOf = (
  schema: string,
  table: Table,
  columns: ReadonlyArray<Column>,
  more: string,
  join = '',
): string => {
  const isKey = (name: string) => table.key.includes(name)
  const digested = columns
    .map(({ name }) => name)
    .filter(
      (name) =>
        !isKey(name) && !OWN_TIME.includes(name) && !(table === AUDIT_TABLE && CHAINED.includes(name)),
    )
  const keys = table.key.map((name, i) => `t.${id(name)}::text AS k${i}`)
  const digest = `encode(sha256(convert_to(ROW(${digested.map((name) => `t.${id(name)}`).join(', ')})::text, 'UTF8')), 'base64') AS digest`
  const by = table.key.map((name) => `t.${id(name)}`).join(', ')
  return `SELECT ${[...keys, digest, ...(more === '' ? [] : [more])].join(', ')}
    FROM ${id(schema)}.${id(table.name)} AS t ${join} ORDER BY ${by}`
}

const rowAt = async (
  session: Session,
  schema: string,
  table: Table,
  columns: ReadonlyArray<Column>,
  key: ReadonlyArray<string>,
): Promise<DatabaseRow> => {
  const where = sql.join(
    table.key.map((name, i) => {
      const isNumber = columns.find((column) => column.name === name)!.isNumber
      const column = sql.identifier(['t', name])
      return isNumber ? sql.fragment`${column} = ${key[i]!}::int8` : sql.fragment`${column} = ${key[i]!}`
    }),
    sql.fragment` AND `,
  )
  const [row] = await session.run(
    sql.unsafe`SELECT to_jsonb(r) AS row FROM (
      SELECT ${sql.join(
        columns.map(({ name }) => sql.fragment`${sql.identifier(['t', name])}::text`),
        sql.fragment`, `,
      )} FROM ${sql.identifier([schema, table.name])} AS t WHERE ${where}) AS r`,
  )
  return (row?.row as DatabaseRow | undefined) ?? {}
}

/** Holds every table against the one that was made from the log. */
export const differ = async ({
  live,
  fresh,
  schema,
  limit = 1_000,
  onRows = () => {},
}: DifferOptions): Promise<Compared> => {
  const differences: RowDifference[] = []
  let found = 0
  let rows = 0
  for (const table of COMPARED) {
    const columns = await columnsOf(live, table.name)
    const isAudit = table === AUDIT_TABLE
    const keyColumns = table.key.map((name) => columns.find((column) => column.name === name)!)
    const compare = order(keyColumns)
    const chained = isAudit ? 't.prev_hash, t.hash' : ''
    const leaves = `JOIN ${id(schema)}.${id(PROOF_TABLE.name)} AS p USING (position)`
    const ours = rowsOf(
      live,
      `live_${table.name}`,
      selectOf('public', table, columns, chained),
      table.key.length,
    )
    const theirs = rowsOf(
      fresh,
      `fresh_${table.name}`,
      selectOf(
        schema,
        table,
        columns,
        isAudit ? `${chained}, encode(substr(p.hashes, 1, 32), 'hex') AS leaf` : '',
        isAudit ? leaves : '',
      ),
      table.key.length,
    )
    let here = 0
    const tell = async (
      kind: RowDifference['kind'],
      { key }: Line,
      chainColumns: ReadonlyArray<string> = [],
    ) => {
      found += 1
      here += 1
      if (here > limit) return
      const [a, b] = [
        kind === 'missing' ? {} : await rowAt(live, 'public', table, columns, key),
        kind === 'added' ? {} : await rowAt(fresh, schema, table, columns, key),
      ]
      const altered = columns
        .map(({ name }) => name)
        .filter(
          (name) => !OWN_TIME.includes(name) && !(isAudit && CHAINED.includes(name)) && a[name] !== b[name],
        )
      differences.push({
        table: table.name,
        key: Object.fromEntries(table.key.map((name, i) => [name, key[i]!])),
        kind,
        columns: kind === 'altered' ? [...altered, ...chainColumns] : [],
        position: String((kind === 'added' ? a : b).position ?? '') || null,
      })
    }
    /** The live chain's last hash, by which the next row's is judged where the two chains differ. */
    let before = GENESIS
    let [left, right] = [await ours.next(), await theirs.next()]
    while (!left.done || !right.done) {
      rows += 1
      if (rows % FETCH === 0) onRows(table.name, rows)
      const which = left.done ? 1 : right.done ? -1 : compare(left.value, right.value)
      if (which < 0) {
        // The row's hash counts for those behind it, if it was put into the chain.
        const line = left.value as Line
        if (isAudit && line.more.prev_hash === before) before = String(line.more.hash)
        await tell('added', line)
        left = await ours.next()
        continue
      }
      if (which > 0) {
        await tell('missing', right.value as Line)
        right = await theirs.next()
        continue
      }
      const [a, b] = [left.value as Line, right.value as Line]
      let wrong: ReadonlyArray<string> = []
      if (isAudit) {
        const [mine, made] = [a.more, b.more]
        const same = mine.prev_hash === made.prev_hash && mine.hash === made.hash
        const follows = mine.prev_hash === before && mine.hash === chain(before, a.key[0]!, String(made.leaf))
        if (!same && !follows) wrong = CHAINED.filter((name) => mine[name] !== made[name])
        before = String(mine.hash)
      }
      if (a.digest !== b.digest || wrong.length > 0) await tell('altered', a, wrong)
      ;[left, right] = [await ours.next(), await theirs.next()]
    }
  }
  return { tables: COMPARED.length, rows, differences, found }
}
