/** Checks PostgreSQL, and what depends on it. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import {
  type AppliedMigration,
  compareMigrations,
  readMigrations,
} from '../../../adapters/postgres/migrate.ts'
import { checkMaster, WrongMasterKey } from '../../../adapters/privacy/postgres-vault.ts'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import { signerOf, verifierOf } from '../../../projections/proof/note.ts'
import type { Config } from '../../config/load.ts'
import { about, type Finding, type Findings, soon } from './finding.ts'
import { clockFinding } from './machine.ts'

const database = about('database')
const OLDEST = 15

const connected = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'presence doctor',
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  })
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  return client
}

const TODO_OF: Readonly<Record<string, string>> = {
  '28P01': 'Set the right password in DATABASE_URL.',
  '28000': 'Let the user in by pg_hba.conf, or name another in DATABASE_URL.',
  '3D000': 'Create it (createdb), or name another in DATABASE_URL.',
  '53300': 'Raise max_connections, or lower DATABASE_POOL_SIZE.',
  '57P03': 'Wait until it has started.',
}

const versionFinding = async (client: pg.Client): Promise<Finding> => {
  const { rows } = await client.query('SHOW server_version')
  const version = String(rows[0].server_version)
  return Number.parseInt(version, 10) < OLDEST
    ? database.wrong(`It is PostgreSQL ${version}.`, `Take PostgreSQL ${OLDEST} or later.`)
    : database.well(`PostgreSQL ${version} answers.`)
}

const stateFindings = async (client: pg.Client): Promise<Findings> => {
  const { rows } = await client.query(
    `SELECT pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS read_only,
       current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
       has_schema_privilege(current_user, 'public', 'CREATE') AS creates`,
  )
  const { standby, read_only, encoding, fsync, creates } = rows[0]
  const found: Finding[] = []
  if (standby)
    found.push(
      database.wrong('It is a standby: nothing can be written to it.', 'Name its primary in DATABASE_URL.'),
    )
  else if (read_only === 'on')
    found.push(
      database.wrong(
        'It takes no writes: default_transaction_read_only is on.',
        'Switch that off for this database or its user (ALTER DATABASE … RESET default_transaction_read_only).',
      ),
    )
  if (encoding !== 'UTF8')
    found.push(database.wrong(`Its encoding is ${encoding}.`, 'Create the database with ENCODING ‘UTF8’.'))
  if (!creates)
    found.push(
      database.wrong(
        'Its user may not create tables in the schema public.',
        'GRANT CREATE ON SCHEMA public to it, or make it the owner of the database.',
      ),
    )
  if (fsync === 'off')
    found.push(
      database.note(
        'fsync is off: when the machine goes down, people’s keys may be lost, and with them what they wrote.',
        'Switch fsync on.',
      ),
    )
  return found
}

/** Whether a second connection's NOTIFY is received, and whether a connection keeps its session. */
const listenFinding = async (url: string, client: pg.Client): Promise<Finding> => {
  const listening = about('listening')
  const pooled = 'Name PostgreSQL itself in DATABASE_URL, or a pooler in session mode.'
  const ear = await connected(url)
  try {
    const channel = `presence_doctor_${randomBytes(6).toString('hex')}`
    const heard = new Promise<boolean>((resolve) => {
      ear.on('notification', (notice) => notice.channel === channel && resolve(true))
    })
    const backend = async () => (await ear.query('SELECT pg_backend_pid() AS pid')).rows[0].pid
    const first = await backend()
    await ear.query(`LISTEN ${channel}`)
    await client.query('SELECT pg_notify($1, $2)', [channel, 'x'])
    const arrived = await soon(heard, 2_000).catch(() => false)
    if (!arrived || (await backend()) !== first)
      return listening.wrong(
        'A LISTEN on DATABASE_URL hears nothing: a pooler in transaction mode stands before PostgreSQL.',
        pooled,
      )
    return listening.well('What one connection tells another is heard (LISTEN).')
  } finally {
    await ear.end().catch(() => {})
  }
}

const hasTable = async (client: pg.Client, name: string): Promise<boolean> =>
  (await client.query('SELECT to_regclass($1) AS found', [`public.${name}`])).rows[0].found !== null

const migrationFinding = async (client: pg.Client): Promise<Finding> => {
  const tables = about('tables')
  const known = await readMigrations()
  const applied = (await hasTable(client, 'schema_migrations'))
    ? (await client.query<AppliedMigration>('SELECT name, hash FROM public.schema_migrations')).rows
    : []
  const { newer, changed, fresh: missing } = compareMigrations(applied, known)
  if (newer.length > 0)
    return tables.wrong(
      `The database was made by a newer version: it has ${newer.join(', ')}.`,
      'Run the newer version, or restore a backup from before it.',
    )
  if (changed.length > 0)
    return tables.wrong(
      `${changed[0]} was changed after it was applied.`,
      'Put back the file as this version has it.',
    )
  const fresh = missing.length
  return fresh > 0
    ? tables.wrong(
        `${fresh} of ${known.length} migrations are not applied.`,
        'Start the projector: it applies them first.',
      )
    : tables.well(`All ${known.length} migrations are applied.`)
}

const projectorFinding = async (client: pg.Client): Promise<Finding> => {
  const projector = about('projector')
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid = $2
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [...LOCKS.projecting],
  )
  return rowCount === 0
    ? projector.wrong(
        'No projector leads: the tables stand still.',
        'Start one (npm run projector), or read its log.',
      )
    : projector.well('A projector leads.')
}

const parkedFinding = async (client: pg.Client): Promise<Finding> => {
  const parked = about('parked')
  const { rows } = await client.query('SELECT count(*)::int AS streams FROM parked_streams')
  const streams = Number(rows[0].streams)
  return streams === 0
    ? parked.well('No event waits.')
    : parked.wrong(
        `Events of ${streams} stream${streams === 1 ? '' : 's'} wait, since this version can’t read them.`,
        'presence parked says why; presence parked retry STREAM tries again.',
      )
}

const masterFinding = async (client: pg.Client, config: Config): Promise<Finding> => {
  const keys = about('keys')
  // Without keys the first process would decide on the master key; a doctor must not.
  if ((await client.query('SELECT 1 FROM privacy_master')).rowCount === 0)
    return keys.well('No key of people was made yet.')
  const asked = { query: client.query.bind(client) } as unknown as Pick<pg.Pool, 'query'>
  try {
    await checkMaster(asked, Buffer.from(config.privacy.masterKey, 'hex'))
    return keys.well('PRIVACY_MASTER_KEY opens the keys of people.')
  } catch (error) {
    if (!(error instanceof WrongMasterKey)) throw error
    return keys.wrong(
      error.message,
      'Put back the PRIVACY_MASTER_KEY that this database was begun with: what people wrote can’t be read without it.',
    )
  }
}

const signerFinding = async (client: pg.Client, { audit }: Config): Promise<Finding> => {
  const signing = about('checkpoints')
  const { rows } = await client.query<{ vkey: string }>(
    'SELECT vkey FROM proof_checkpoints ORDER BY issued_at DESC, size DESC LIMIT 1',
  )
  const ours = verifierOf(signerOf(audit.origin, Buffer.from(audit.signingKey, 'hex'))).vkey
  if (rows[0] === undefined) return signing.well('No checkpoint was signed yet.')
  if (rows[0].vkey === ours) return signing.well('Checkpoints go on under the same key.')
  const [name] = rows[0].vkey.split('+')
  return name === audit.origin
    ? signing.note(
        'AUDIT_SIGNING_KEY is not the one that signed the last checkpoint.',
        'Put it back; where it was changed on purpose, give the old one to those who check (docs/proof.md).',
      )
    : signing.note(
        `The log is called ${audit.origin} now, and was ${name} in its last checkpoint.`,
        `Set AUDIT_ORIGIN=${name}: to those who check, it is another log else.`,
      )
}

const replicationFindings = async (client: pg.Client): Promise<Findings> => {
  const replication = about('replication')
  const found: Finding[] = []
  const { rows: subscriptions } = await client
    .query(
      `SELECT s.subname AS name, s.subenabled AS enabled, bool_or(t.pid IS NOT NULL) AS works
       FROM pg_subscription s LEFT JOIN pg_stat_subscription t ON t.subid = s.oid
      WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1, 2`,
    )
    .catch(() => ({ rows: [] as ReadonlyArray<{ name: string; enabled: boolean; works: boolean }> }))
  for (const { name, enabled, works } of subscriptions)
    found.push(
      !enabled
        ? replication.wrong(
            `The subscription ${name} is switched off: content stands still.`,
            `ALTER SUBSCRIPTION ${name} ENABLE.`,
          )
        : works
          ? replication.well(`The subscription ${name} works.`)
          : replication.wrong(
              `The subscription ${name} does not work: content stands still.`,
              'PostgreSQL’s own log says why; look whether the primary can be reached.',
            ),
    )
  const { rows: slots } = await client.query(
    'SELECT slot_name AS name FROM pg_replication_slots WHERE NOT active',
  )
  for (const { name } of slots)
    found.push(
      replication.note(
        `Nobody reads the replication slot ${name}: PostgreSQL keeps all that it writes for it, until the disk is full.`,
        `Start its reader again, or SELECT pg_drop_replication_slot('${name}').`,
      ),
    )
  return found
}

const primaryFindings = async ({ primary }: Config): Promise<Findings> => {
  if (primary === null) return []
  const where = `${primary.host}:${primary.port}`
  const client = new pg.Client({ ...primary, database: primary.name, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return [about('primary').well(`DLUX’s primary at ${where} answers.`)]
  } catch (error) {
    return [
      about('primary').wrong(
        `DLUX’s primary at ${where} can’t be used: ${whyUnreachable(error)}.`,
        'Look at DB_PRIMARY_HOST and its siblings: without it content stands still.',
      ),
    ]
  } finally {
    await client.end().catch(() => {})
  }
}

const all = async (url: string, client: pg.Client, config: Config): Promise<Findings> => {
  const asked = Date.now()
  const { rows } = await client.query('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now')
  const found: Finding[] = [
    await versionFinding(client),
    ...(await stateFindings(client)),
    clockFinding('the database’s', Number(rows[0].now), (asked + Date.now()) / 2),
    await listenFinding(url, client),
    ...(await replicationFindings(client)),
  ]
  const migrations = await migrationFinding(client)
  found.push(migrations, await projectorFinding(client))
  if (await hasTable(client, 'parked_streams')) found.push(await parkedFinding(client))
  if (await hasTable(client, 'privacy_master')) found.push(await masterFinding(client, config))
  if (await hasTable(client, 'proof_checkpoints')) found.push(await signerFinding(client, config))
  return found
}

export const databaseFindings = async (config: Config): Promise<Findings> => {
  const { url } = config.database
  const { hostname, port, pathname } = new URL(url)
  const where = `${hostname}:${port || 5432}${pathname}`
  let client: pg.Client
  try {
    client = await connected(url)
  } catch (error) {
    const todo =
      TODO_OF[(error as { code?: string }).code ?? ''] ??
      'Start PostgreSQL, or set DATABASE_URL to where it is.'
    return [
      database.wrong(`The database at ${where} can’t be used: ${whyUnreachable(error)}.`, todo),
      ...(await primaryFindings(config)),
    ]
  }
  try {
    return [...(await all(url, client, config)), ...(await primaryFindings(config))]
  } catch (error) {
    return [
      database.wrong(
        `The database at ${where} does not do what it is asked: ${whyUnreachable(error)}.`,
        'Look at PostgreSQL’s own log.',
      ),
    ]
  } finally {
    await client.end().catch(() => {})
  }
}
