/** The tables as the migrations make them, whatever was done to the live ones since. */
import { sql } from 'slonik'
import { readMigrations } from '../../../adapters/postgres/migrate.ts'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { AUDIT_TABLE } from '../../../projections/audit/fold.ts'

/** This one changes nothing before PostgreSQL 18: a database that was migrated there and brought to 18 since keeps the
 *  wide rows of its audit log. */
export const NARROWING = '1331_audit_narrow_rows.sql'

const id = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Runs all migrations in `schema`, which it makes. Inside a transaction, whose search path they are found by from then on. */
export const makeByMigrations = async (session: DatabaseSession, schema: string): Promise<void> => {
  const [live] = await session.run(sql.unsafe`SELECT EXISTS (SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(${`public.${AUDIT_TABLE.name}`}) AND attname = 'hash_head' AND NOT attisdropped) AS is_narrow`)
  // What an extension defines is found where it was put.
  const extensions = await session.run(sql.unsafe`SELECT DISTINCT n.nspname::text AS name
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname <> 'pg_catalog' ORDER BY 1`)
  const path = [schema, ...extensions.map(({ name }) => String(name))].map(id).join(', ')
  await session.exec(`CREATE SCHEMA ${id(schema)}; SET LOCAL search_path TO ${path}`)
  for (const { name, text } of await readMigrations())
    if (name !== NARROWING || live?.is_narrow === true) await session.exec(text)
  await session.exec(`SET LOCAL search_path TO ${id(schema)}`)
}
