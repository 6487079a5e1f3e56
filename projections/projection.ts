/** What a projection is: a fold of a batch's events into the fewest row changes, and the statements that write them. */
import { sql } from 'slonik'
import type { CaseEvent } from '../domain/cases/events.ts'
import type { ChatEvent } from '../domain/chat/events.ts'
import type { Metadata } from '../domain/metadata.ts'
import type { SpaceRef } from '../domain/names.ts'
import type { CommandRefused } from '../domain/refused.ts'
import type { SpaceEvent } from '../domain/space/events.ts'
import type { Copy } from './copy.ts'

/** A statement of the `sql` tag, values apart. */
export type Statement = ReturnType<typeof sql.unsafe>

/** A decoded event and its place on the log. */
export type PlacedEvent<Event = SpaceEvent | ChatEvent | CaseEvent | CommandRefused> = {
  readonly event: Event
  readonly metadata: Metadata
  readonly space: SpaceRef
  readonly position: bigint
  readonly revision: bigint
}

/** A row as JSON: what `json_to_recordset` reads by column name. `undefined` is left out and reads as null. */
export type Row = Readonly<Record<string, unknown>>

/** `fold` changes the batch that it is given: one is made for each batch and thrown away once written. A row may depend
 *  on its own stream's events alone, so that streams may be applied in any order among each other (a parked one comes
 *  later) and the tables end up the same. */
export type Projection<Changes> = {
  readonly name: string
  /** The tables that it fills, and their keys. */
  readonly tables: ReadonlyArray<Table>
  readonly start: () => Changes
  readonly fold: (changes: Changes, told: PlacedEvent) => void
  /** The statements of a batch, in order; none if nothing changed. Table names have no schema: the writer's
   *  `search_path` decides whether they are the live tables or a rebuild's. */
  readonly write: (changes: Changes) => ReadonlyArray<Statement>
  /** The part of a big batch that COPY may write if its rows are surely new, and the rest for `write`. Nothing in the
   *  rest may have to come before it. */
  readonly copy?: (changes: Changes) => { readonly copy: Copy; readonly rest: Changes } | null
}
/** `find`: the expression over the columns of its key (or values for them) that the table's unique index has, if it has no
 *  index of the key itself. */
export type Table = {
  readonly name: string
  readonly key: ReadonlyArray<string>
  readonly find?: (key: ReadonlyArray<Fragment>) => Fragment
}
type Fragment = ReturnType<typeof sql.fragment>

/** The same space objects come by the thousand. */
const spaceKeys = new WeakMap<SpaceRef, string>()
/** `space_type`, a line feed, which no name may contain, and `space_id`. */
export const spaceMapKey = (space: SpaceRef, ...rest: ReadonlyArray<string>): string => {
  let key = spaceKeys.get(space)
  if (key === undefined) {
    key = `${space.type}\n${space.id}`
    spaceKeys.set(space, key)
  }
  for (const part of rest) key += `\n${part}`
  return key
}

const TYPES = {
  text: sql.fragment`text`,
  'text[]': sql.fragment`text[]`,
  bool: sql.fragment`bool`,
  int4: sql.fragment`int4`,
  int8: sql.fragment`int8`,
  jsonb: sql.fragment`jsonb`,
  timestamptz: sql.fragment`timestamptz`,
}
/** Column names and their types. */
export type Columns = Readonly<Record<string, keyof typeof TYPES>>

const definition = (columns: Columns) =>
  sql.join(
    Object.entries(columns).map(([name, type]) => sql.fragment`${sql.identifier([name])} ${TYPES[type]}`),
    sql.fragment`, `,
  )

/** `json_to_recordset` over a JSON array of objects as one parameter, with the columns' names and types. */
const recordsetOf = (json: string, columns: Columns) =>
  sql.fragment`json_to_recordset(${json}::json) AS r (${definition(columns)})`

export const recordset = (rows: Iterable<Row>, columns: Columns) =>
  recordsetOf(JSON.stringify(Array.isArray(rows) ? rows : [...rows]), columns)

export const names = (columns: Iterable<string>, of?: string) =>
  sql.join(
    [...columns].map((name) => sql.identifier(of === undefined ? [name] : [of, name])),
    sql.fragment`, `,
  )

/** Inserts each row, or replaces the values of the one with the same key. */
export const upsert = (table: Table, columns: Columns, rows: Iterable<Row>): Statement => {
  const values = Object.keys(columns).filter((name) => !table.key.includes(name))
  return sql.unsafe`INSERT INTO ${sql.identifier([table.name])} (${names(Object.keys(columns))})
    SELECT ${names(Object.keys(columns), 'r')} FROM ${recordset(rows, columns)}
    ON CONFLICT (${names(table.key)}) DO UPDATE SET ${sql.join(
      values.map((name) => sql.fragment`${sql.identifier([name])} = ${sql.identifier(['excluded', name])}`),
      sql.fragment`, `,
    )}`
}

/** Removes the rows with these keys. */
export const remove = (table: Table, columns: Columns, keys: Iterable<Row>): Statement =>
  sql.unsafe`DELETE FROM ${sql.identifier([table.name])} AS t USING ${recordset(keys, columns)}
    WHERE ${sql.join(
      table.key.map((name) => sql.fragment`${sql.identifier(['t', name])} = ${sql.identifier(['r', name])}`),
      sql.fragment` AND `,
    )}`

/** The latest row of each key, or null if it was removed. */
export type Latest = Map<string, { readonly key: Row; readonly row: Row | null }>

/** Writes the latest rows: one upsert and one delete at most. */
export const writeLatest = (
  table: Table,
  keyColumns: Columns,
  columns: Columns,
  latest: Latest,
): ReadonlyArray<Statement> => {
  const put: Row[] = []
  const gone: Row[] = []
  for (const { key, row } of latest.values()) {
    if (row === null) gone.push(key)
    else put.push(row)
  }
  return [
    ...(gone.length > 0 ? [remove(table, keyColumns, gone)] : []),
    ...(put.length > 0 ? [upsert(table, columns, put)] : []),
  ]
}
