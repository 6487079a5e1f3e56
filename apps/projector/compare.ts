/** Whether two sets of the tables are equal to the byte. */
import { sql } from 'slonik'
import type { Session } from '../../adapters/postgres/session.ts'
import { type Only, TABLES, tablesOf } from '../../projections/batch.ts'
import type { Table } from '../../projections/projection.ts'

export type Difference = {
  readonly table: string
  readonly rowsInA: number
  readonly rowsInB: number
  /** Up to ten rows that only one side has, as Postgres writes them. */
  readonly onlyInA: ReadonlyArray<string>
  readonly onlyInB: ReadonlyArray<string>
}

const digest = async (session: Session, schema: string, table: Table) => {
  const key = sql.join(
    table.key.map((name) => sql.identifier(['t', name])),
    sql.fragment`, `,
  )
  const [row] = await session.run(sql.unsafe`SELECT count(*) AS rows,
      md5(coalesce(string_agg(md5(t::text), '' ORDER BY ${key}), '')) AS digest
    FROM ${sql.identifier([schema, table.name])} AS t`)
  return { rows: Number(row?.rows), digest: String(row?.digest) }
}

const onlyIn = async (session: Session, a: string, b: string, table: Table): Promise<ReadonlyArray<string>> =>
  (
    await session.run(sql.unsafe`SELECT t::text AS row FROM ${sql.identifier([a, table.name])} AS t
      EXCEPT ALL SELECT t::text FROM ${sql.identifier([b, table.name])} AS t LIMIT 10`)
  ).map(({ row }) => String(row))

/** The tables in which schema `a` and schema `b` differ: none where they are equal to the byte. */
export const compareTables = async (
  session: Session,
  a: string,
  b: string,
  only?: Only,
): Promise<ReadonlyArray<Difference>> => {
  const differences: Difference[] = []
  for (const table of tablesOf(only)) {
    const [inA, inB] = [await digest(session, a, table), await digest(session, b, table)]
    if (inA.rows === inB.rows && inA.digest === inB.digest) continue
    differences.push({
      table: table.name,
      rowsInA: inA.rows,
      rowsInB: inB.rows,
      onlyInA: await onlyIn(session, a, b, table),
      onlyInB: await onlyIn(session, b, a, table),
    })
  }
  return differences
}

/** Every row of every table, in order of keys, as Postgres writes it: for tests. */
export const dumpTables = async (
  session: Session,
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
