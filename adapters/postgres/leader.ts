/** Work that only one process does at a time: whoever holds a lock of Postgres, on the connection that holds it. */
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { cut } from './client.ts'
import type { SessionLock } from './locks.ts'
import { backendOf, proveOwnSession } from './own-session.ts'

const LONGEST_PAUSE_MS = 5_000
const CONNECT_MS = 5_000

export type LeaderOptions = {
  readonly databaseUrl: string
  /** The connection's application name. */
  readonly name: string
  readonly lock: SessionLock
  /** Whether the connection is first proved to have a session of its own (`own-session.ts`). */
  readonly provesSession: boolean
  /** Ends the work and the connection. */
  readonly signal: AbortSignal
  /** Called each time the lock is held. Once it settles, the connection is cut and, after a pause, the lock is asked for again. */
  readonly work: (client: pg.Client) => Promise<void>
  /** Called when the connection is there, before the lock is waited for. */
  readonly onStandby?: () => void
  /** Called when the connection or the work has failed. `before`: how many failures came directly before this one. */
  readonly onFailure: (error: unknown, before: number) => void
}

/** Resolves once the signal is aborted and the work has settled. Throws nothing. */
export const leadUntilAborted = async (options: LeaderOptions): Promise<void> => {
  const { databaseUrl, name, lock, signal } = options

  const lead = async (): Promise<void> => {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: name,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
    })
    client.on('error', () => {})
    const onAbort = (): void => cut(client)
    signal.addEventListener('abort', onAbort)
    try {
      await client.connect()
      options.onStandby?.()
      if (options.provesSession) await proveOwnSession(databaseUrl, backendOf(client))
      await client.query('SELECT pg_advisory_lock($1, $2)', [...lock])
      if (!signal.aborted) await options.work(client)
    } finally {
      signal.removeEventListener('abort', onAbort)
      cut(client)
    }
  }

  for (let failures = 0; !signal.aborted; ) {
    try {
      await lead()
      failures = 0
    } catch (error) {
      if (!signal.aborted) options.onFailure(error, failures)
      failures = Math.min(failures + 1, 7)
    }
    await delay(Math.min(50 * 2 ** failures, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => {})
  }
}
