/** Whether two sets of the tables are equal to the byte. */
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { STORAGE_COLUMNS } from '../../../projections/audit/fold.ts'
import { type Only, TABLES, tablesOf } from '../../../projections/batch.ts'
import type { Table } from '../../../projections/projection.ts'

export type TableDifference = {
  readonly table: string
  readonly rowsInA: number
  readonly rowsInB: number
  /** For up to ten keys, the rows that only one side has or that differ, as Postgres writes them. */
  readonly onlyInA: ReadonlyArray<string>
  readonly onlyInB: ReadonlyArray<string>
}

const SHOWN = 10

/** Postgres joins both by key, and returns only what differs: nothing is sorted, written out or transferred. */
const differing = async (session: DatabaseSession, a: string, b: string, table: Table) => {
  const columns = (
    await session.run(sql.unsafe`SELECT a.attname AS name FROM pg_attribute a JOIN pg_attribute b
        ON b.attrelid = to_regclass(${`"${b}"."${table.name}"`}) AND b.attname = a.attname AND NOT b.attisdropped
      WHERE a.attrelid = to_regclass(${`"${a}"."${table.name}"`}) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum`)
  ).map(({ name }) => String(name))
  // Not a table with such rows: there is nothing to join by, and its shape is named as different.
  if (!table.key.every((name) => columns.includes(name))) return []
  const row = sql.join(
    columns
      .filter((name) => !STORAGE_COLUMNS.includes(name))
      .map((name) => sql.fragment`${sql.identifier(['t', name])}`),
    sql.fragment`, `,
  )
  const part = (schema: string) =>
    sql.fragment`(SELECT ${sql.join(
      table.key.map((name) => sql.identifier(['t', name])),
      sql.fragment`, `,
    )}, ROW(${row}) AS whole, t::text AS text FROM ${sql.identifier([schema, table.name])} AS t)`
  const on = sql.join(
    table.key.map((name) => sql.fragment`a.${sql.identifier([name])} = b.${sql.identifier([name])}`),
    sql.fragment` AND `,
  )
  return session.run(sql.unsafe`SELECT a.text AS in_a, b.text AS in_b
    FROM ${part(a)} AS a FULL JOIN ${part(b)} AS b ON ${on}
    WHERE a.text IS NULL OR b.text IS NULL OR a.whole *<> b.whole LIMIT ${SHOWN}`)
}

const rowsIn = async (session: DatabaseSession, schema: string, table: Table): Promise<number> => {
  const [row] = await session.run(
    sql.unsafe`SELECT count(*) AS rows FROM ${sql.identifier([schema, table.name])}`,
  )
  return Number(row?.rows)
}

/** The tables in which schema `a` and schema `b` differ: none if they are equal to the byte. */
export const compareTables = async (
  session: DatabaseSession,
  a: string,
  b: string,
  only?: Only,
): Promise<ReadonlyArray<TableDifference>> => {
  const differences: TableDifference[] = []
  for (const table of tablesOf(only)) {
    const rows = await differing(session, a, b, table)
    if (rows.length === 0) continue
    const texts = (of: 'in_a' | 'in_b') => rows.flatMap((row) => (row[of] === null ? [] : [String(row[of])]))
    differences.push({
      table: table.name,
      rowsInA: await rowsIn(session, a, table),
      rowsInB: await rowsIn(session, b, table),
      onlyInA: texts('in_a'),
      onlyInB: texts('in_b'),
    })
  }
  return differences
}

/** Every row of every table, in order of keys, as Postgres writes it: for tests. */
export const dumpTables = async (
  session: DatabaseSession,
  schema: string,
): Promise<Readonly<Record<string, ReadonlyArray<string>>>> => {
  const dump: Record<string, ReadonlyArray<string>> = {}
  for (const table of TABLES) {
    const key = sql.join(
      table.key.map((name) => sql.identifier(['t', name])),
      sql.fragment`, `,
    )
    const rows = await session.run(
      sql.unsafe`SELECT t::text AS row FROM ${sql.identifier([schema, table.name])} AS t ORDER BY ${key}`,
    )
    dump[table.name] = rows.map(({ row }) => String(row))
  }
  return dump
}
