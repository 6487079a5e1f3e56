/** Numbered SQL files, applied once each, in order, by whichever process comes first. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { knownAs } from './former-migrations.ts'
import { LOCKS } from './locks.ts'
import { backendOf, proveOwnSession } from './own-session.ts'

export type Migration = { readonly name: string; readonly text: string; readonly hash: string }

/** Something is wrong with the data or the files; the message is a sentence for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

const FOLDER = fileURLToPath(new URL('../../infra/migrations/', import.meta.url))
const NAME = /^\d{4}_[a-z0-9_]+\.sql$/

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The migration files, by number. */
export const readMigrations = async (folder: string = FOLDER): Promise<ReadonlyArray<Migration>> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  const migrations: Migration[] = []
  for (const name of names) {
    if (!NAME.test(name))
      throw new MigrationError(`The migration file ${name} is not named like 0001_what_it_does.sql.`)
    const same = migrations.find((other) => other.name.slice(0, 4) === name.slice(0, 4))
    if (same !== undefined)
      throw new MigrationError(`The migration files ${same.name} and ${name} have the same number.`)
    const text = await readFile(`${folder}/${name}`, 'utf8')
    migrations.push({ name, text, hash: sha256(text) })
  }
  return migrations
}

/** One hash over all of them, which changes when any file does. */
export const migrationsHash = (migrations: ReadonlyArray<Migration>): string =>
  sha256(migrations.map(({ name, hash }) => `${name} ${hash}\n`).join(''))

/** A row of `schema_migrations`. */
export type AppliedMigration = { readonly name: string; readonly hash: string }

const hashOf = (migrations: ReadonlyArray<Migration>): string =>
  migrations.length === 1 ? migrations[0]!.hash : sha256(migrations.map(({ text }) => text).join(''))

/** Which of these migrations a database has. `newer`: names that this version does not know; `changed`: files that
 *  differ from what was applied; `fresh`: migrations that are not applied yet. */
export const compareMigrations = (
  applied: ReadonlyArray<AppliedMigration>,
  known: ReadonlyArray<Migration>,
): {
  readonly newer: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly fresh: ReadonlyArray<Migration>
} => {
  const newer: string[] = []
  const changed: string[] = []
  const there = new Set<string>()
  for (const { name, hash } of applied) {
    const files = knownAs(name, known)
    for (const file of files) there.add(file.name)
    if (files.length === 0) newer.push(name)
    else if (hashOf(files) !== hash) changed.push(files[0]!.name)
  }
  return { newer, changed, fresh: known.filter(({ name }) => !there.has(name)) }
}

/** The migrations that are not applied yet. Throws if this version can't continue with the database. */
const freshOf = (
  applied: ReadonlyArray<AppliedMigration>,
  known: ReadonlyArray<Migration>,
): ReadonlyArray<Migration> => {
  const { newer, changed, fresh } = compareMigrations(applied, known)
  if (newer[0] !== undefined)
    throw new MigrationError(
      `The database was made by a newer version: it has ${newer[0]}, which this version does not know. Run the newer version, or restore a backup from before it.`,
    )
  if (changed[0] !== undefined)
    throw new MigrationError(
      `The migration ${changed[0]} was changed after it was applied. Restore the file, and put the change into a new one.`,
    )
  return fresh
}

/** `trouble`: a sentence if this version can't continue with the database. */
export type PendingMigrations = { readonly fresh: ReadonlyArray<string>; readonly trouble: string | null }

/** What `migrate` would apply. Changes nothing. */
export const pendingMigrations = async (url: string): Promise<PendingMigrations> => {
  const known = await readMigrations()
  const client = new pg.Client({ connectionString: url, application_name: 'presence migrations' })
  client.on('error', () => {})
  await client.connect()
  try {
    const there = await client.query("SELECT to_regclass('public.schema_migrations') AS found")
    const { rows: applied } =
      there.rows[0].found === null
        ? { rows: [] }
        : await client.query<AppliedMigration>('SELECT name, hash FROM public.schema_migrations')
    const fresh = compareMigrations(applied, known).fresh.map(({ name }) => name)
    try {
      freshOf(applied, known)
      return { fresh, trouble: null }
    } catch (error) {
      if (error instanceof MigrationError) return { fresh, trouble: error.message }
      throw error
    }
  } finally {
    await client.end()
  }
}

/** Throws if what people write can't be stored: a database in another encoding takes only its letters, and `SQL_ASCII` none that
 *  Postgres could compare. */
const checkEncoding = async (client: pg.Client): Promise<void> => {
  const { rows } = await client.query<{ name: string; encoding: string }>(
    "SELECT current_database() AS name, current_setting('server_encoding') AS encoding",
  )
  const { name, encoding } = rows[0]!
  if (encoding !== 'UTF8')
    throw new MigrationError(
      `The database ${name} has the encoding ${encoding}, and UTF8 is needed: create another (createdb --template=template0 --encoding=UTF8 NAME), and name it in DATABASE_URL.`,
    )
}

/** Brings the database at `url` up to date, each file in a transaction of its own. Safe to call from many processes at
 *  once. Returns the names that it applied. Throws `MigrationError`, `NoOwnSession`, or Postgres' errors. */
export const migrate = async (
  url: string,
  migrations?: ReadonlyArray<Migration>,
): Promise<ReadonlyArray<string>> => {
  const known = migrations ?? (await readMigrations())
  const client = new pg.Client({ connectionString: url, application_name: 'presence migrations' })
  client.on('error', () => {})
  await client.connect()
  try {
    await checkEncoding(client)
    await proveOwnSession(url, backendOf(client))
    await client.query('SELECT pg_advisory_lock($1, $2)', [...LOCKS.migrating])
    await client.query(`CREATE TABLE IF NOT EXISTS public.schema_migrations (
      name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`)
    const { rows: applied } = await client.query<AppliedMigration>(
      'SELECT name, hash FROM public.schema_migrations ORDER BY name',
    )
    const fresh = freshOf(applied, known)
    for (const { name, text, hash } of fresh) {
      await client.query('BEGIN')
      try {
        await client.query(text)
        await client.query('INSERT INTO public.schema_migrations (name, hash) VALUES ($1, $2)', [name, hash])
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK')
        throw new MigrationError(`The migration ${name} failed: ${error}`)
      }
    }
    return fresh.map(({ name }) => name)
  } finally {
    await client.end()
  }
}
