/** A second set of the tables, in a schema of its own, to be filled beside the live ones and then swapped with them. */
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { forgetBlocks } from '../../../projections/audit/counts.ts'
import { AUDIT_TABLE } from '../../../projections/audit/fold.ts'
import { type Only, tablesOf } from '../../../projections/batch.ts'
import { PARKED_TABLES } from '../../../projections/parked.ts'
import { TILES_TABLE } from '../../../projections/proof/tree.ts'
import { readShape, type TablesShape } from '../tables/shape.ts'
import { makeByMigrations } from './made-tables.ts'

/** Swapped besides the tables that derive from the log: what a rebuild parks replaces what was parked. */
const PARKED = PARKED_TABLES.map(({ name }) => name)
const builtFor = (only: Only): ReadonlyArray<string> => [...tablesOf(only).map(({ name }) => name), ...PARKED]
/** A rebuild of one projection leaves what is parked as it is. */
const swappedFor = (only: Only): ReadonlyArray<string> =>
  only === undefined ? builtFor(only) : tablesOf(only).map(({ name }) => name)
/** Tables that are only appended to while they are filled, and never looked up by key: their keys are made with the other indexes. */
const APPENDED: ReadonlyArray<string> = [AUDIT_TABLE.name, TILES_TABLE.name]

const id = (name: string): string => `"${name.replaceAll('"', '""')}"`
const rows = async (session: DatabaseSession, statement: ReturnType<typeof sql.unsafe>, column: string) =>
  (await session.run(statement)).map((row) => String(row[column]))

/** Drops the schemas that interrupted rebuilds left behind. */
export const dropStale = async (session: DatabaseSession): Promise<void> => {
  const stale = sql.unsafe`SELECT nspname AS name FROM pg_namespace WHERE nspname LIKE 'rebuild\\_%'`
  for (const schema of await rows(session, stale, 'name'))
    await session.exec(`DROP SCHEMA ${id(schema)} CASCADE`)
}

/** `made`: the schema to read them from. `indexed`: the index of the primary key exists already, under its name. */
const constraintsOf = (session: DatabaseSession, made: string, table: string, indexed = false) =>
  rows(
    session,
    // Primary keys come first, since others refer to them.
    sql.unsafe`SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', rel.relname, con.conname,
        CASE WHEN con.contype = 'p' AND ${indexed} THEN format('PRIMARY KEY USING INDEX %I', key.relname)
          ELSE pg_get_constraintdef(con.oid) END) AS ddl
      FROM pg_constraint con JOIN pg_class rel ON rel.oid = con.conrelid LEFT JOIN pg_class key ON key.oid = con.conindid
      WHERE rel.relnamespace = ${made}::regnamespace AND rel.relname = ${table} AND con.contype IN ('p', 'f')
      ORDER BY con.contype DESC`,
    'ddl',
  )

/** A statement about one table. */
type Step = { readonly table: string; readonly ddl: string }

/** The statements that build in `schema` the indexes which the tables have in the schema `from`, the most expensive first,
 *  as estimated: those over all rows and most columns. `kind`: those of primary keys, other unique ones, or the rest. */
const indexesOf = async (
  session: DatabaseSession,
  { from, schema }: { readonly from: string; readonly schema: string },
  tables: ReadonlyArray<string>,
  kind: 'primary' | 'unique' | 'other',
): Promise<ReadonlyArray<Step>> => {
  const found = await session.run(sql.unsafe`SELECT rel.relname AS "table",
      replace(pg_get_indexdef(i.indexrelid), ${` ON ${from}.`}, ${` ON ${id(schema)}.`}) AS ddl
    FROM pg_index i JOIN pg_class rel ON rel.oid = i.indrelid
    WHERE rel.relnamespace = ${from}::regnamespace AND rel.relname = ANY(${sql.array(tables, 'text')})
      AND CASE WHEN i.indisprimary THEN 'primary' WHEN i.indisunique THEN 'unique' ELSE 'other' END = ${kind}
    ORDER BY i.indpred IS NOT NULL, i.indnatts DESC, i.indexrelid`)
  return found.map(({ table, ddl }) => ({ table: String(table), ddl: String(ddl) }))
}

/** The shape that the migrations give the tables, and the statements that give the tables that are only appended to their
 *  keys: indexes first, then what makes them keys. */
export type MadeShadow = {
  readonly shape: TablesShape
  readonly appended: { readonly indexes: ReadonlyArray<Step>; readonly keys: ReadonlyArray<Step> }
}

/** Makes the tables in `schema` as the migrations make them, empty, with the keys needed to fill them, and makes it the
 *  session's schema. `passing`: the tables are only inspected and dropped, so no crash need bring them back. */
export const makeShadow = async (
  session: DatabaseSession,
  schema: string,
  only?: Only,
  passing = false,
): Promise<MadeShadow> => {
  const all = builtFor(only)
  const made = `${schema}_made`
  const at = { from: made, schema }
  const shadow = await session.transaction(async () => {
    await makeByMigrations(session, made)
    await session.exec(`CREATE SCHEMA ${id(schema)}`)
    for (const table of all)
      await session.exec(
        `CREATE ${passing ? 'UNLOGGED ' : ''}TABLE ${id(schema)}.${id(table)} (LIKE ${id(made)}.${id(table)} INCLUDING ALL EXCLUDING INDEXES)`,
      )
    // pg_get_constraintdef writes names for the current search path: call it while that is the other schema's, then switch.
    const keys: string[] = []
    const lookedUp = all.filter((table) => !APPENDED.includes(table))
    for (const table of lookedUp) keys.push(...(await constraintsOf(session, made, table)))
    for (const { ddl } of await indexesOf(session, at, lookedUp, 'unique')) keys.push(ddl)
    const appended = APPENDED.filter((name) => all.includes(name))
    const indexes = [
      ...(await indexesOf(session, at, appended, 'primary')),
      ...(await indexesOf(session, at, appended, 'unique')),
    ]
    const laterKeys: Step[] = []
    for (const table of appended)
      for (const ddl of await constraintsOf(session, made, table, true)) laterKeys.push({ table, ddl })
    const shape = await readShape(session, made)
    await session.exec(`SET LOCAL search_path TO ${id(schema)}`)
    for (const key of keys) await session.exec(key)
    await session.exec(`DROP SCHEMA ${id(made)} CASCADE`)
    return { shape, appended: { indexes, keys: laterKeys } }
  })
  await session.exec(`SET search_path TO ${id(schema)}`)
  return shadow
}

/** Runs each of these on whichever session is free; after the last one of a table, what `after` has for it. All of them
 *  end before the first failure is thrown. */
const spread = async (
  sessions: ReadonlyArray<DatabaseSession>,
  steps: ReadonlyArray<Step>,
  after: (table: string) => ReadonlyArray<string>,
): Promise<void> => {
  const left = [...steps]
  const open = new Map<string, number>()
  for (const { table } of steps) open.set(table, (open.get(table) ?? 0) + 1)
  const ended = await Promise.allSettled(
    sessions.map(async (session) => {
      for (let step = left.shift(); step !== undefined; step = left.shift()) {
        const { table, ddl } = step
        await session.exec(ddl)
        const still = open.get(table)! - 1
        open.set(table, still)
        if (still === 0) for (const text of after(table)) await session.exec(text)
      }
    }),
  )
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

/** The names of the tables in `schema`, the largest first. */
const bySize = (session: DatabaseSession, schema: string): Promise<ReadonlyArray<string>> =>
  rows(
    session,
    sql.unsafe`SELECT relname AS name FROM pg_class WHERE relnamespace = ${schema}::regnamespace AND relkind = 'r'
      ORDER BY pg_relation_size(oid) DESC, relname`,
    'name',
  )

/** Builds what `makeShadow` left out, once the rows are there: one index at a time on each session, none waiting for
 *  another. The largest table comes first, since its statistics, which come after its indexes, are made by one session
 *  alone. `keysOnly`: no other indexes and no statistics, for comparing with the live tables. The others are those of the
 *  live tables, so that whoever added one keeps it. */
export const indexShadow = async (
  sessions: readonly [DatabaseSession, ...ReadonlyArray<DatabaseSession>],
  schema: string,
  {
    only,
    keysOnly = false,
    made,
  }: { readonly only?: Only; readonly keysOnly?: boolean; readonly made: MadeShadow },
): Promise<void> => {
  const all = builtFor(only)
  const appended = APPENDED.filter((name) => all.includes(name))
  const [session] = sessions
  await session.exec('SET search_path TO public')
  // Keys that were filled in no order have pages that are half empty.
  const filled = keysOnly ? [] : all.filter((name) => !appended.includes(name))
  const steps = [
    ...(keysOnly ? [] : await indexesOf(session, { from: 'public', schema }, all, 'other')),
    ...made.appended.indexes,
    ...filled.map((table) => ({ table, ddl: `REINDEX TABLE ${id(schema)}.${id(table)}` })),
  ]
  const order = await bySize(session, schema)
  const place = new Map(order.map((name, i) => [name, i]))
  steps.sort((a, b) => place.get(a.table)! - place.get(b.table)!)
  // The sessions are as many as there are processors: more workers would only hand rows to each other. What they commit
  // is on the disk before the commit of the swap, which is awaited.
  for (const each of sessions)
    await each.exec(
      `SET search_path TO ${id(schema)}; SET maintenance_work_mem = '256MB'; SET max_parallel_maintenance_workers = 0;
        SET synchronous_commit = off`,
    )
  await spread(sessions, steps, (table) => [
    // Adding a key locks its table, building its index does not: so the index is built first, and then made the key.
    ...made.appended.keys.flatMap((key) => (key.table === table ? [key.ddl] : [])),
    ...(keysOnly ? [] : [`ANALYZE ${id(table)}`]),
  ])
}

/** Inside a transaction: replaces the live tables by the shadow's, with their grants. */
export const swapShadow = async (session: DatabaseSession, schema: string, only?: Only): Promise<void> => {
  const all = swappedFor(only)
  const grants = await rows(
    session,
    sql.unsafe`SELECT format('GRANT %s ON public.%I TO %s', acl.privilege_type, rel.relname,
        CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END) AS ddl
      FROM pg_class rel, aclexplode(rel.relacl) acl
      WHERE rel.relnamespace = 'public'::regnamespace AND rel.relname = ANY(${sql.array(all, 'text')})
        AND acl.grantee <> rel.relowner`,
    'ddl',
  )
  const list = all.map((table) => `public.${id(table)}`).join(', ')
  await session.exec(`LOCK TABLE ${list} IN ACCESS EXCLUSIVE MODE`)
  if (all.includes(AUDIT_TABLE.name)) for (const statement of forgetBlocks()) await session.run(statement)
  await session.exec(`DROP TABLE ${list}`)
  for (const table of all) await session.exec(`ALTER TABLE ${id(schema)}.${id(table)} SET SCHEMA public`)
  for (const grant of grants) await session.exec(grant)
  await session.exec(`DROP SCHEMA ${id(schema)} CASCADE`)
}
