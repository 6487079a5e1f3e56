/** A vault with database connections of its own, which forgets what was erased as soon as it is notified. */
import pg from 'pg'
import { listen, type NoticeListener } from '../listener.ts'
import { createPatience } from '../postgres/query.ts'
import {
  checkMaster,
  ERASED_CHANNEL,
  type PostgresVault,
  postgresVault,
  WrongMasterKey,
} from './postgres-vault.ts'

export type ConnectedVault = PostgresVault & {
  /** Resolves once it hears of erasures; what was erased before is then forgotten, too. */
  readonly ready: Promise<void>
  /** Whether it hears of erasures. */
  readonly hearing: Pick<NoticeListener, 'connected' | 'deaf'>
  readonly close: () => Promise<void>
}

export type VaultOptions = {
  readonly databaseUrl: string
  /** PRIVACY_MASTER_KEY: 64 hex digits. */
  readonly masterKey: string
  /** Called if the database's keys were made under another master key: then nothing can be opened or sealed. */
  readonly onWrongMaster?: (error: WrongMasterKey) => void
  /** Keys kept in memory. Default 50,000. */
  readonly cacheSize?: number
  readonly maxConnections?: number
  /** How long (ms) to wait for a silent database. Default 2,000; longer for callers who have more to lose by giving up. */
  readonly silenceMs?: number
}

export const connectVault = ({
  databaseUrl,
  masterKey,
  onWrongMaster = () => {},
  cacheSize,
  maxConnections = 3,
  silenceMs,
}: VaultOptions): ConnectedVault => {
  const master = Buffer.from(masterKey, 'hex')
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'presence privacy',
    max: maxConnections,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    keepAlive: true,
    allowExitOnIdle: true,
  })
  // A connection was lost while idle: the next query opens a new one.
  pool.on('error', () => {})
  const patience = createPatience(() => pool.query('SELECT 1'), silenceMs)
  const patient = {
    query: (text: string, values?: unknown[]) => patience(() => pool.query(text, values)),
  } as Pick<pg.Pool, 'query'>
  const vault = postgresVault({ pool: patient, master, ...(cacheSize === undefined ? {} : { cacheSize }) })
  const listener: NoticeListener = listen({
    url: databaseUrl,
    pool,
    channels: [ERASED_CHANNEL],
    onNotice: (_channel, subject) => vault.forget(subject),
    onListening: async () => {
      try {
        await checkMaster(pool, master)
      } catch (error) {
        if (error instanceof WrongMasterKey) onWrongMaster(error)
        throw error
      }
      // Any erasures while nobody listened are unknown here.
      vault.forget()
    },
  })
  return {
    ...vault,
    ready: listener.ready,
    hearing: listener,
    close: async () => {
      await listener.stop()
      await pool.end()
    },
  }
}
