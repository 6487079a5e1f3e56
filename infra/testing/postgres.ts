/** Databases for tests: fresh, migrated, cloned from a template in some tens of milliseconds. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate, migrationsHash, readMigrations } from '../../adapters/postgres/migrate.ts'
import { type Cluster, startCluster } from './cluster.ts'

export type TestDatabase = { readonly url: string; readonly drop: () => Promise<void> }

let own: Promise<Cluster> | null = null
const clusterUrl = async (): Promise<string> => {
  const shared = process.env.TEST_POSTGRES_URL
  if (shared !== undefined && shared !== '') return shared
  own ??= startCluster()
  return (await own).url
}

const withDatabase = (url: string, database: string): string => {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.toString()
}

const onCluster = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** The template for today's migration files, migrated once a cluster however many processes ask at once. */
const template = async (url: string): Promise<string> => {
  const name = `template_${migrationsHash(await readMigrations()).slice(0, 16)}`
  await onCluster(url, async (client) => {
    await client.query('SELECT pg_advisory_lock(7462, 1)')
    const found = await client.query('SELECT datistemplate FROM pg_database WHERE datname = $1', [name])
    if (found.rows[0]?.datistemplate === true) return
    // Left half-made by a process that was killed.
    if (found.rows.length > 0) await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
    await client.query(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`)
    await migrate(withDatabase(url, name))
    await client.query(`ALTER DATABASE ${name} IS_TEMPLATE true ALLOW_CONNECTIONS false`)
  })
  return name
}

/** Copying the template's files takes half of what logging its pages does, where nothing is flushed to a disk. */
const STRATEGY = process.env.TEST_POSTGRES_DURABLE === '1' ? 'wal_log' : 'file_copy'
const templates = new Map<string, Promise<string>>()

const databaseOn = async (url: string): Promise<TestDatabase> => {
  let made = templates.get(url)
  if (made === undefined) {
    made = template(url)
    templates.set(url, made)
  }
  const source = await made
  const name = `test_${randomBytes(8).toString('hex')}`
  await onCluster(url, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${source} STRATEGY ${STRATEGY}`),
  )
  return {
    url: withDatabase(url, name),
    drop: async () => {
      await onCluster(url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
    },
  }
}

/** A fresh, migrated database of its own, on the cluster of TEST_POSTGRES_URL or one that starts with the first call
 *  and stops with the process. */
export const testDatabase = async (): Promise<TestDatabase> => databaseOn(await clusterUrl())

/** A cluster of its own, for tests that kill it. `url` is that of a migrated database on it. */
export const testPostgres = async (): Promise<Cluster> => {
  const cluster = await startCluster()
  const database = await databaseOn(cluster.url)
  return { ...cluster, url: database.url }
}

/** For the runner: one cluster that every test file shares through TEST_POSTGRES_URL. */
export const startTestCluster = async (): Promise<{
  readonly url: string
  readonly stop: () => Promise<void>
}> => {
  const cluster = await startCluster()
  return { url: cluster.url, stop: cluster.stop }
}
