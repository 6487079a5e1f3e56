/** Compares two sets of the tables row by row: which rows differ, and in what. Postgres joins them by key and returns
 *  only what differs; only a chain that is not the log's is walked here. */
import { sql } from 'slonik'
import type { DatabaseRow, DatabaseSession } from '../../../adapters/postgres/session.ts'
import { chain, GENESIS } from '../../../projections/audit/canonical.ts'
import { AUDIT_TABLE, STORAGE_COLUMNS } from '../../../projections/audit/fold.ts'
import { TABLES } from '../../../projections/batch.ts'
import { PARKED_TABLES } from '../../../projections/parked.ts'
import type { Table } from '../../../projections/projection.ts'
import { LEAVES_TABLE, TILES_TABLE } from '../../../projections/proof/tree.ts'
import { type AuditRange, EVERY_ROW } from '../rebuild/live-audit.ts'

export type RowDifference = {
  readonly table: string
  readonly key: Readonly<Record<string, string>>
  /** `added`: the log has no such row; `missing`: the log says that there is one. */
  readonly kind: 'altered' | 'missing' | 'added'
  /** If it is altered, the columns that differ. */
  readonly columns: ReadonlyArray<string>
  /** The position of the row's event, if the row contains it. */
  readonly position: string | null
}

export type ComparedRows = {
  readonly tables: number
  readonly rows: number
  /** Up to `limit` of them for each table; `found` counts all. */
  readonly differences: ReadonlyArray<RowDifference>
  readonly found: number
}

export type DifferOptions = {
  /** A session in a transaction that sees, at one moment, the tables in `public` and those in `schema`, which were made from the log. */
  readonly session: DatabaseSession
  readonly schema: string
  /** Tables that are not what the migrations make: what is computed as their rows are read is compared, too. */
  readonly reshaped?: ReadonlySet<string>
  /** Where the audit log's rows may differ. */
  readonly unlike?: ReadonlyArray<AuditRange>
  readonly limit?: number
  readonly onRows?: (table: string, rows: number) => void
}

/** Columns that are not on the log: when it was parked. */
const OWN_TIME: ReadonlyArray<string> = ['parked_at']
/** A row's place in the chain depends on all rows before it, and is compared separately from the row itself. */
const CHAINED: ReadonlyArray<string> = ['prev_hash', 'hash']
const COMPARED: ReadonlyArray<Table> = [...TABLES, ...PARKED_TABLES]
const FETCH = 5_000

type Column = { readonly name: string; readonly isNumber: boolean }
/** The columns that each table has both in `public` and in `schema`. */
const columnsOf = async (
  session: DatabaseSession,
  schema: string,
): Promise<ReadonlyMap<string, ReadonlyArray<Column>>> => {
  const of = new Map<string, Column[]>()
  const names = COMPARED.map(({ name }) => name)
  for (const row of await session.run(sql.unsafe`SELECT rel.relname AS "table", att.attname AS name,
        att.atttypid = 'int8'::regtype AS number
      FROM pg_attribute att JOIN pg_class rel ON rel.oid = att.attrelid
      WHERE rel.relnamespace = 'public'::regnamespace AND rel.relname = ANY(${sql.array(names, 'text')})
        AND att.attnum > 0 AND NOT att.attisdropped AND EXISTS (
          SELECT FROM pg_attribute made JOIN pg_class o ON o.oid = made.attrelid
          WHERE o.relnamespace = ${schema}::regnamespace AND o.relname = rel.relname AND made.attname = att.attname
            AND NOT made.attisdropped)
      ORDER BY att.attnum`)) {
    if (STORAGE_COLUMNS.includes(String(row.name))) continue
    const columns = of.get(String(row.table)) ?? []
    columns.push({ name: String(row.name), isNumber: row.number === true })
    of.set(String(row.table), columns)
  }
  return of
}

/** A statement that contains only names and numbers of our own. */
const plain = (text: string) => ({ ...sql.unsafe``, sql: text, values: [] })

const id = (name: string): string => `"${name.replaceAll('"', '""')}"`

async function* rowsOf(
  session: DatabaseSession,
  cursor: string,
  select: string,
): AsyncGenerator<DatabaseRow, void> {
  await session.exec(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${select}`)
  try {
    for (;;) {
      const page = await session.run(plain(`FETCH ${FETCH} FROM ${cursor}`))
      yield* page
      if (page.length < FETCH) return
    }
  } finally {
    // A failed transaction has no cursor any more.
    await session.exec(`CLOSE ${cursor}`).catch(() => {})
  }
}

/** Every key of both sides, where `a` is the live row and `b` the one from the log. `differs` compares to the byte, in
 *  all columns except the key and `but`. `where`: which rows `t` of either side. */
const joined = (
  schema: string,
  table: Table,
  columns: ReadonlyArray<Column>,
  { but = [], where = 'true' }: { readonly but?: ReadonlyArray<string>; readonly where?: string } = {},
) => {
  const without = [...table.key, ...OWN_TIME, ...but]
  const row = columns.filter(({ name }) => !without.includes(name)).map(({ name }) => `t.${id(name)}`)
  const part = (from: string) =>
    `(SELECT ${[...table.key, ...but].map((name) => `t.${id(name)}`).join(', ')}, ROW(${row.join(', ')}) AS rest
      FROM ${id(from)}.${id(table.name)} AS t WHERE ${where})`
  const on = table.key.map((name) => `a.${id(name)} = b.${id(name)}`).join(' AND ')
  return {
    from: `${part('public')} AS a FULL JOIN ${part(schema)} AS b ON ${on}`,
    keys: table.key.map((name, i) => `coalesce(a.${id(name)}, b.${id(name)})::text AS k${i}`).join(', '),
    order: table.key.map((name) => `coalesce(a.${id(name)}, b.${id(name)})`).join(', '),
    missing: `a.${id(table.key[0]!)} IS NULL`,
    added: `b.${id(table.key[0]!)} IS NULL`,
    differs: 'a.rest *<> b.rest',
  }
}

const rowAt = async (
  session: DatabaseSession,
  schema: string,
  { table, columns }: { readonly table: Table; readonly columns: ReadonlyArray<Column> },
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
  const found =
    table.find === undefined
      ? sql.fragment`true`
      : sql.fragment`${table.find(table.key.map((name) => sql.fragment`${sql.identifier(['t', name])}`))}
          = ${table.find(key.map((value) => sql.fragment`${value}::text`))}`
  const [row] = await session.run(
    sql.unsafe`SELECT to_jsonb(r) AS row FROM (
      SELECT ${sql.join(
        columns.map(({ name }) => sql.fragment`${sql.identifier(['t', name])}::text`),
        sql.fragment`, `,
      )} FROM ${sql.identifier([schema, table.name])} AS t WHERE ${found} AND ${where}) AS r`,
  )
  return (row?.row as DatabaseRow | undefined) ?? {}
}

/** All leaves of the tree in hex, with their positions. */
const leavesIn = (schema: string): string =>
  `SELECT one.position, encode(substr(t.hashes, 32 * (one.nth::int4 - 1) + 1, 32), 'hex') AS leaf
    FROM ${id(schema)}.${id(TILES_TABLE.name)} AS t, unnest(t.positions) WITH ORDINALITY AS one (position, nth)
  UNION ALL SELECT position, encode(substr(hashes, 1, 32), 'hex') FROM ${id(schema)}.${id(LEAVES_TABLE.name)}`

/** The rows `t` at the positions of these ranges. */
const within = (ranges: ReadonlyArray<AuditRange>): string => {
  const [only] = ranges
  if (only === undefined) return 'false'
  const text = ({ from, upTo }: AuditRange): string => `[${from ?? ''},${upTo ?? ''}]`
  if (ranges.length > 1) return `t.position <@ '{${ranges.map(text).join(',')}}'::int8multirange`
  const [from, upTo] = [only.from === null ? 'true' : `t.position >= ${only.from}`, only.upTo]
  return upTo === null ? from : `${from} AND t.position <= ${upTo}`
}

/** Whether the rows of the audit log are stored with the same bytes on both sides: then they read the same if the tables
 *  have the same shape, and what is computed as they are read need not be computed. */
const isStoredAlike = async (session: DatabaseSession, schema: string, where: string): Promise<boolean> => {
  const stored = await session.run(sql.unsafe`SELECT attname AS name FROM pg_attribute
    WHERE attrelid = ${`public.${AUDIT_TABLE.name}`}::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum`)
  const columns = stored.map(({ name }) => ({ name: String(name), isNumber: false }))
  const { from, missing, added, differs } = joined(schema, AUDIT_TABLE, columns, { where })
  const [row] = await session.run(
    plain(`SELECT EXISTS (SELECT FROM ${from} WHERE ${missing} OR ${added} OR ${differs}) AS is_other`),
  )
  return row?.is_other === false
}

type Tell = (
  kind: RowDifference['kind'],
  key: ReadonlyArray<string>,
  chainColumns?: ReadonlyArray<string>,
) => Promise<void>

const kindOf = ({ missing, added }: DatabaseRow): RowDifference['kind'] =>
  missing === true ? 'missing' : added === true ? 'added' : 'altered'

/** Compares the audit log: its rows like any table's, and its chain, which is the log's up to the first row whose
 *  hashes differ. From there each row's hash is compared with the row before it, so that one is not blamed for another. */
const differAudit = async (
  session: DatabaseSession,
  schema: string,
  {
    columns,
    unlike,
  }: { readonly columns: ReadonlyArray<Column>; readonly unlike: ReadonlyArray<AuditRange> },
  tell: Tell,
) => {
  const { from, keys, order, missing, added, differs } = joined(schema, AUDIT_TABLE, columns, {
    but: CHAINED,
    where: within(unlike),
  })
  const unchained = CHAINED.map((name) => `a.${name} IS DISTINCT FROM b.${name}`).join(' OR ')
  const marks = `${keys}, ${missing} AS missing, ${added} AS added, ${differs} AS differs`
  let broken: bigint | null = null
  for await (const row of rowsOf(
    session,
    'differing',
    `SELECT ${marks}, ${unchained} AS unchained FROM ${from}
      WHERE ${missing} OR ${added} OR ${differs} OR ${unchained} ORDER BY ${order}`,
  )) {
    if (kindOf(row) === 'altered' && row.unchained === true) {
      broken = BigInt(String(row.k0))
      break
    }
    await tell(kindOf(row), [String(row.k0)])
  }
  if (broken === null) return
  /** The live chain's last hash, with which the next row's is compared once the two chains differ. */
  let before = GENESIS
  const ranges = [...unlike]
  const isBegun = (range: AuditRange | undefined, position: bigint): boolean =>
    range !== undefined && (range.from === null || range.from <= position)
  const made = CHAINED.map((name) => `a.${name}, b.${name} AS made_${name}`).join(', ')
  for await (const row of rowsOf(
    session,
    'differing',
    `SELECT ${marks}, ${made}, p.leaf
      FROM ${from} LEFT JOIN (${leavesIn(schema)}) AS p ON p.position = b.position ORDER BY ${order}`,
  )) {
    const [kind, key] = [kindOf(row), String(row.k0)]
    // Between two ranges, the live chain is the log's.
    for (; isBegun(ranges[0], BigInt(key)); ranges.shift()) before = ranges[0]!.before
    const isTold = BigInt(key) < broken
    if (kind !== 'altered') {
      // An added row's hash counts for the rows after it, if it was put into the chain.
      if (kind === 'added' && row.prev_hash === before) before = String(row.hash)
      if (!isTold) await tell(kind, [key])
      continue
    }
    const same = row.prev_hash === row.made_prev_hash && row.hash === row.made_hash
    const follows = row.prev_hash === before && row.hash === chain(before, key, String(row.leaf))
    const wrong = same || follows ? [] : CHAINED.filter((name) => row[name] !== row[`made_${name}`])
    before = String(row.hash)
    if (!isTold && (row.differs === true || wrong.length > 0)) await tell('altered', [key], wrong)
  }
}

/** Compares every table with the one that was made from the log. */
export const differ = async ({
  session,
  schema,
  reshaped = new Set(),
  unlike = EVERY_ROW,
  limit = 1_000,
  onRows = () => {},
}: DifferOptions): Promise<ComparedRows> => {
  const differences: RowDifference[] = []
  let found = 0
  let rows = 0
  const all = await columnsOf(session, schema)
  await session.exec(`SET LOCAL work_mem = '64MB'`)
  for (const table of COMPARED) {
    const columns = all.get(table.name) ?? []
    // Not a table with such rows: its shape is named as different.
    if (!table.key.every((key) => columns.some(({ name }) => name === key))) continue
    const isAudit = table === AUDIT_TABLE
    // A session's `position` is where somebody stands.
    const isOfEvent = columns.some(({ name, isNumber }) => name === 'position' && isNumber)
    let here = 0
    const tell: Tell = async (kind, key, chainColumns = []) => {
      found += 1
      here += 1
      if (kind === 'missing') rows += 1
      if (here > limit) return
      const [a, b] = [
        kind === 'missing' ? {} : await rowAt(session, 'public', { table, columns }, key),
        kind === 'added' ? {} : await rowAt(session, schema, { table, columns }, key),
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
        position: isOfEvent ? String((kind === 'added' ? a : b).position ?? '') || null : null,
      })
    }
    const [count] = await session.run(plain(`SELECT count(*) AS rows FROM public.${id(table.name)}`))
    rows += Number(count?.rows)
    onRows(table.name, rows)
    if (isAudit) {
      if (!reshaped.has(table.name) && (await isStoredAlike(session, schema, within(unlike)))) continue
      await differAudit(session, schema, { columns, unlike }, tell)
      continue
    }
    const { from, keys, order, missing, added, differs } = joined(schema, table, columns)
    for await (const row of rowsOf(
      session,
      'differing',
      `SELECT ${keys}, ${missing} AS missing, ${added} AS added FROM ${from}
        WHERE ${missing} OR ${added} OR ${differs} ORDER BY ${order}`,
    ))
      await tell(
        kindOf(row),
        table.key.map((_, i) => String(row[`k${i}`])),
      )
  }
  return { tables: COMPARED.length, rows, differences, found }
}
