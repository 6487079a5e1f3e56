/** What the follower of DLUX's primary reported, for health and metrics. */
import pg from 'pg'
import { type FollowHealth, readFollowing } from '../../adapters/content/primary/record.ts'
import type { Check, Checks } from '../../adapters/http/deps.ts'
import type { MetricsRegistry } from './metrics.ts'

/** After this long (ms) without a sign the follower counts as gone; it gives one every second. */
const GONE_MS = 30_000
/** Meanwhile rooms get what is known. */
const MAX_LAG_MS = 60_000
const FRESH_MS = 1_000

/** How far the tables here are behind the primary, as far as is known. */
const lagOf = ({ state, lagMs, heardMs, seenMs }: FollowHealth): number =>
  Math.round(Math.max(lagMs, state === 'following' && (seenMs ?? 0) < GONE_MS ? 0 : (heardMs ?? 0)))

const troubleOf = (following: FollowHealth | null): string | null => {
  if (following === null || following.seenMs === null || following.seenMs > GONE_MS)
    return 'Nobody follows content: the projector does.'
  if (following.state === 'waiting' || following.lastError !== null)
    return following.lastError ?? 'Content can’t be followed.'
  const lag = lagOf(following)
  return lag > MAX_LAG_MS ? `Content is ${Math.round(lag / 1_000)} s behind the primary.` : null
}

/** `ago` is in milliseconds. */
const contentCheck = (following: FollowHealth | null): Check => {
  const error = troubleOf(following)
  if (following === null) return { ok: false, vital: false, error }
  const { way, state, reason, rowsApplied, rowsSkipped, lastSkipped, heardMs, changedMs } = following
  return {
    ok: error === null,
    vital: false,
    way,
    state,
    lag_ms: lagOf(following),
    heard_ms_ago: heardMs === null ? null : Math.round(heardMs),
    changed_ms_ago: changedMs === null ? null : Math.round(changedMs),
    rows_applied: rowsApplied,
    rows_skipped: rowsSkipped,
    ...(reason === null ? {} : { reason }),
    ...(lastSkipped === null ? {} : { last_skipped: lastSkipped }),
    ...(error === null ? {} : { error }),
  }
}

export type WatchedFollowing = {
  /** Whether a primary is named, or DLUX’s API or Hive are asked. */
  readonly isAsked: boolean
  /** Undefined if there is nothing to follow. */
  readonly check: () => Promise<Check | undefined>
  /** Null if nobody follows, or if it is not known. */
  readonly state: () => Promise<FollowHealth | null>
  readonly stop: () => Promise<void>
}

export const watchFollowing = (databaseUrl: string, isAsked: boolean): WatchedFollowing => {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 1,
    connectionTimeoutMillis: 1_500,
    query_timeout: 1_500,
    application_name: 'presence health',
  })
  pool.on('error', () => {})
  let looked: { readonly at: number; readonly found: Promise<FollowHealth | null> } | null = null
  /** Looks once for everybody who asks at about the same time. */
  const find = (): Promise<FollowHealth | null> => {
    if (looked === null || Date.now() - looked.at > FRESH_MS)
      looked = { at: Date.now(), found: readFollowing(pool) }
    return looked.found
  }
  return {
    isAsked,
    state: async () => (isAsked ? find().catch(() => null) : null),
    check: async () => {
      if (!isAsked) return undefined
      try {
        return contentCheck(await find())
      } catch (error) {
        return { ok: false, vital: false, error: `It can’t be looked at: ${(error as Error).message}.` }
      }
    },
    stop: () => pool.end(),
  }
}

/** Health with the state of following. */
export const withContent =
  (health: () => Promise<Checks>, following: WatchedFollowing) => async (): Promise<Checks> => {
    const [checks, content] = await Promise.all([health(), following.check()])
    return content === undefined ? checks : { ...checks, content }
  }

export const measureFollowing = (metrics: MetricsRegistry, { check, state }: WatchedFollowing): void => {
  metrics.gauge('presence_content_up', '1 while the primary is followed', async () =>
    (await check())?.ok ? 1 : 0,
  )
  const of = (name: string, help: string, read: (following: FollowHealth) => number) =>
    metrics.gauge(name, help, async () => {
      const following = await state()
      return following === null ? Number.NaN : read(following)
    })
  of(
    'presence_content_lag_seconds',
    'how far content is behind the primary',
    (following) => lagOf(following) / 1_000,
  )
  of('presence_content_rows_applied', 'rows of the primary that were new or different', (f) => f.rowsApplied)
  of('presence_content_rows_skipped', 'rows of the primary that can be no room', (f) => f.rowsSkipped)
}
