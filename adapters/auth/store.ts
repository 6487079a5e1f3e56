/** What authentication must remember across restarts and nodes: challenges that were used, sessions that ended. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import pg from 'pg'
import { listen, type NoticeListener } from '../listener.ts'
import { waitAtMost } from '../wait-at-most.ts'
import type { AuthError } from './errors.ts'
import { AGAIN_MS, type TicketStore } from './tickets.ts'

export type AuthStore = {
  /** True for whoever asks first, on any node; false for everybody after that, until `until` (ms since the epoch). */
  readonly claim: (key: string, until: number) => TaskEither<AuthError, boolean>
  readonly isRevoked: (sid: string) => TaskEither<AuthError, boolean>
  readonly revoke: (sid: string, expiresAt: number) => TaskEither<AuthError, void>
  /** Called once for each session that is revoked from now on, here or on another node. */
  readonly onRevoked: (listener: (sid: string) => void) => () => void
  /** Which tickets were used. Default: this process remembers its own. */
  readonly tickets?: TicketStore
  readonly stop: () => Promise<void>
}

export type ConnectedAuthStore = AuthStore & {
  /** Whether it hears of sessions that end elsewhere. */
  readonly hearing: Pick<NoticeListener, 'connected' | 'deaf'>
}

const CHANNEL = 'auth_revoked'
const SWEEP_MS = 60_000
/** Rows are kept for a while after their end, for nodes whose clocks are behind. */
const MARGIN = '10 minutes'
/** A process that has given no sign of life for this long counts as dead. */
const LOST = '20 seconds'

const tried = async <A>(work: () => Promise<A>): Promise<E.Either<AuthError, A>> => {
  try {
    return E.right(await work())
  } catch (error) {
    return E.left({ _tag: 'AuthStoreUnavailable', cause: String(error) })
  }
}

/** A connection whose process counts as dead is over too. */
const postgresTickets = (pool: pg.Pool): TicketStore => {
  const isOne = (text: string, values: ReadonlyArray<unknown>) =>
    tried(async () => (await pool.query({ text, values: [...values] })).rowCount === 1)
  return {
    first:
      ({ id, client, boot, end }) =>
      () =>
        isOne(
          `INSERT INTO auth_used_tickets (id, client, used_by, until) VALUES ($1, $2, $3, to_timestamp($4))
             ON CONFLICT DO NOTHING`,
          [id, client, boot, end / 1_000],
        ),
    again:
      ({ id, client, boot, now, end }) =>
      () =>
        isOne(
          `UPDATE auth_used_tickets AS ticket SET used_by = $3, until = to_timestamp($4)
             WHERE id = $1 AND client = $2 AND until > to_timestamp($5)
               AND (used_by IS NULL OR EXISTS (SELECT FROM presence_leases
                 WHERE boot = ticket.used_by AND renewed_at < now() - interval '${LOST}'))`,
          [id, client, boot, end / 1_000, now / 1_000],
        ),
    over: (id, boot, now) => () =>
      tried(async () => {
        await pool.query(
          `UPDATE auth_used_tickets SET used_by = NULL, until = least(until, to_timestamp($3))
             WHERE id = $1 AND used_by = $2`,
          [id, boot, (now + AGAIN_MS) / 1_000],
        )
      }),
  }
}

/** Uses the tables `auth_used_challenges`, `auth_ended_sessions` and `auth_used_tickets`. Resolves when the sessions
 *  that ended before are known, or after `startMs` (default 5 s) without a database: until it is back, each session is
 *  looked up. */
export const createAuthStore = async (options: {
  readonly url: string
  /** Connections, default 4. */
  readonly poolSize?: number
  readonly startMs?: number
}): Promise<ConnectedAuthStore> => {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 4,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
    application_name: 'presence auth',
  })
  pool.on('error', () => {})
  /** Ended sessions by sid, and until when to remember each: after that the token has expired anyway. */
  const ended = new Map<string, number>()
  const listeners = new Set<(sid: string) => void>()

  const learn = (sid: string, expiresAt: number) => {
    if (ended.has(sid)) return
    ended.set(sid, expiresAt)
    for (const listener of listeners) listener(sid)
  }

  const listener = listen({
    url: options.url,
    pool,
    channels: [CHANNEL],
    onNotice: (_, payload) => {
      const [sid, expiresAt] = payload.split(' ')
      if (sid && expiresAt) learn(sid, Number(expiresAt))
    },
    onListening: async () => {
      const { rows } = await pool.query<{ sid: string; expires_ms: string }>({
        text: `SELECT sid, (extract(epoch FROM expires_at) * 1000)::bigint AS expires_ms
               FROM auth_ended_sessions WHERE expires_at > now() - interval '${MARGIN}'`,
      })
      for (const row of rows) learn(row.sid, Number(row.expires_ms))
    },
  })

  const sweep = setInterval(() => {
    const past = Date.now() - 600_000
    for (const [sid, expiresAt] of ended) if (expiresAt < past) ended.delete(sid)
    pool.query(`DELETE FROM auth_used_challenges WHERE until < now() - interval '${MARGIN}'`).catch(() => {})
    pool.query(`DELETE FROM auth_used_tickets WHERE until < now() - interval '${MARGIN}'`).catch(() => {})
    pool
      .query(`DELETE FROM auth_ended_sessions WHERE expires_at < now() - interval '${MARGIN}'`)
      .catch(() => {})
  }, SWEEP_MS)
  sweep.unref()

  await waitAtMost(options.startMs ?? 5_000, listener.ready)

  return {
    claim: (key, until) => () =>
      tried(async () => {
        const { rowCount } = await pool.query({
          text: 'INSERT INTO auth_used_challenges (key, until) VALUES ($1, to_timestamp($2)) ON CONFLICT DO NOTHING',
          values: [key, until / 1_000],
        })
        return rowCount === 1
      }),
    isRevoked: (sid) => async () => {
      if (ended.has(sid)) return E.right(true)
      if (listener.connected()) return E.right(false)
      return tried(async () => {
        const { rowCount } = await pool.query({
          text: 'SELECT 1 FROM auth_ended_sessions WHERE sid = $1',
          values: [sid],
        })
        return rowCount === 1
      })
    },
    revoke: (sid, expiresAt) => () =>
      tried(async () => {
        await pool.query({
          text: `WITH said AS (
                   INSERT INTO auth_ended_sessions (sid, expires_at) VALUES ($1, to_timestamp($2::bigint / 1000.0))
                   ON CONFLICT DO NOTHING)
                 SELECT pg_notify('${CHANNEL}', $1 || ' ' || $2::bigint)`,
          values: [sid, expiresAt],
        })
        learn(sid, expiresAt)
      }),
    tickets: postgresTickets(pool),
    hearing: listener,
    onRevoked: (one) => {
      listeners.add(one)
      return () => listeners.delete(one)
    },
    stop: async () => {
      clearInterval(sweep)
      listeners.clear()
      await listener.stop()
      await pool.end()
    },
  }
}
