/** What `/api/health` says about each part: whether it works, since when not, and how far behind it is. */
import * as E from 'fp-ts/lib/Either.js'
import type { Checks } from '../../adapters/http/deps.ts'
import { deafSentence } from '../../adapters/listener.ts'
import { type MissingKeys, missingSentence } from '../../adapters/privacy/missing-keys.ts'
import type { RelayState } from '../../adapters/redis/relay.ts'
import type { Sfu } from '../../adapters/sfu/sfu.ts'
import type { TlsState } from '../../adapters/turn/tls-watch.ts'
import { waitAtMost } from '../../adapters/wait-at-most.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog, SubscriptionState } from '../../domain/ports.ts'
import type { ReadModels, ReadResult } from '../../projections/read-models.ts'
import { otherLog } from '../../projections/same-log.ts'
import type { WatchedWrites } from './watched-writes.ts'

export type HealthParts = {
  readonly log: Pick<EventLog, 'health' | 'readAll' | 'readStream'>
  readonly readModels: Pick<ReadModels, 'checkpoint' | 'parked' | 'lastPlaces'>
  readonly relay: { readonly configured: boolean; readonly state: () => RelayState }
  /** The state of this process's own subscription to the log: how far the log is. */
  readonly feed: () => SubscriptionState
  /** `look`: null if each server answers, else a sentence. */
  readonly turn: {
    readonly uris: () => ReadonlyArray<string>
    readonly look: () => Promise<string | null>
    /** The state of TURN over TLS, by place. */
    readonly tls?: () => Readonly<Record<string, TlsState>>
  }
  /** The media server of large rooms; null if there is none. */
  readonly sfu: Pick<Sfu, 'kind' | 'isUp'> | null
  readonly writes: WatchedWrites
  /** Keys under which the log was sealed and that are not in the database. */
  readonly missingKeys: () => MissingKeys
  /** The parts that depend on PostgreSQL's notices, and whether these are received. */
  readonly hearing: Parameters<typeof deafSentence>[0]
  readonly now: () => number
}

/** Health answers within this time, whatever hangs. */
const PATIENCE_MS = 2_000
/** The tables may be this far behind before readers are told that they are served stale rows. */
const MAX_LAG_MS = 30_000
/** A lag that lasts this long (ms) is examined: the newest events on the log may be bookkeeping, from which no table is made. */
const LOOKED_INTO_MS = 2_000

/** For how long (ms) the check that the log belongs to the tables counts, unless the connection to it was replaced since. */
const HELD_MS = 10_000

/** Postgres' undefined_table. */
const NO_TABLE = '42P01'
const whyNot = (error: unknown): string => {
  for (let one = error; one instanceof Error; one = one.cause)
    if ('code' in one && one.code === NO_TABLE)
      return 'its tables are not there yet: the projector makes them'
  return String(error)
}

type Answer<A> = Awaited<ReturnType<ReadResult<A>>>
/** A database that does not answer counts as unavailable, and so does one without tables. */
const inTime = async <A>(asked: Promise<Answer<A>>): Promise<Answer<A>> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Answer<A>>((resolve) => {
    const cause = `no answer within ${PATIENCE_MS / 1_000} s`
    timer = setTimeout(() => resolve(E.left({ _tag: 'PostgresUnavailable', cause })), PATIENCE_MS)
  })
  try {
    return await Promise.race([asked, late])
  } catch (error) {
    return E.left({ _tag: 'PostgresUnavailable', cause: whyNot(error) })
  } finally {
    clearTimeout(timer)
  }
}

/** Without a key, what it seals stays blank, and everything else works. */
const keysCheck = (missing: MissingKeys): Pick<Checks, 'keys'> => {
  const error = missingSentence(missing)
  return {
    keys: { ok: error === null, vital: false, ...(error === null ? {} : { missing: missing.count, error }) },
  }
}

/** Missed notices are made up for by polling: no reason to take the server out of service. */
const noticesCheck = (hearing: HealthParts['hearing']): Pick<Checks, 'notices'> => {
  const error = deafSentence(hearing)
  return { notices: { ok: error === null, vital: false, ...(error === null ? {} : { error }) } }
}

/** Without the media server, large rooms are a mesh again: voice is worse, and everything else works. */
const sfuCheck = (sfu: HealthParts['sfu']): Pick<Checks, 'sfu'> => {
  if (sfu === null) return {}
  const isUp = sfu.isUp()
  const error = `The media server (${sfu.kind}) does not answer: the voice of large rooms goes from browser to browser.`
  return { sfu: { ok: isUp, vital: false, kind: sfu.kind, ...(isUp ? {} : { error }) } }
}

/** A write without an answer counts as refused. */
const soon = async (asked: Promise<string | null>): Promise<string | null> => {
  let found: string | null = 'no answer in time'
  await waitAtMost(
    PATIENCE_MS,
    asked.then((answer) => {
      found = answer
    }),
  )
  return found
}

export const createHealth = ({
  log,
  readModels,
  relay,
  feed,
  turn,
  sfu,
  writes,
  missingKeys,
  hearing,
  now,
}: HealthParts) => {
  /** How far the log was when it was first seen ahead, and when: under load the tables are always a little behind. */
  let ahead: { readonly position: bigint; readonly at: number } | null = null
  /** Up to this position, the log has nothing that the tables lack. */
  let settled = -1n
  const hasNothingAfter = async (position: bigint): Promise<boolean> => {
    let nothing = false
    const asked = { limit: 1, prefixes: STREAM_PREFIXES, ...(position < 0n ? {} : { after: position }) }
    const read = log
      .readAll(asked)()
      .then((found) => {
        nothing = E.isRight(found) && found.right.length === 0
      })
    await waitAtMost(PATIENCE_MS, read)
    return nothing
  }
  /** When the log was last compared with the tables, and the result. */
  let held = { reconnects: -1, at: Number.NEGATIVE_INFINITY }
  let other: string | null = null
  const holdToLog = async (reconnects: number): Promise<void> => {
    if (other === null && held.reconnects === reconnects && now() - held.at < HELD_MS) return
    const at = now()
    const look = async (): Promise<void> => {
      const places = await inTime(readModels.lastPlaces()())
      if (E.isLeft(places)) return
      const found = await otherLog(log, places.right)
      if (E.isLeft(found)) return
      other = found.right
      held = { reconnects, at }
    }
    await waitAtMost(PATIENCE_MS, look())
  }
  return async (): Promise<Checks> => {
    const store = log.health()
    const live = feed()
    const [checkpoint, parked, silentTurn, refused] = await Promise.all([
      inTime(readModels.checkpoint()()),
      inTime(readModels.parked()()),
      turn.look(),
      soon(writes.refused()),
    ])
    const waiting = E.isRight(parked) ? parked.right : { streams: 0n, events: 0n }
    const tables = E.isRight(checkpoint) ? (checkpoint.right.position ?? -1n) : null
    if (tables !== null && live.position !== null && (ahead === null || tables >= ahead.position))
      ahead =
        tables < live.position && settled < live.position ? { position: live.position, at: now() } : null
    if (tables !== null && live.position !== null && ahead !== null && now() - ahead.at > LOOKED_INTO_MS)
      if (await hasNothingAfter(tables)) {
        settled = live.position
        ahead = null
      }
    if (E.isRight(checkpoint) && store.state === 'up') await holdToLog(live.reconnects)
    const lagMs = ahead === null ? 0 : now() - ahead.at
    return {
      eventstore: {
        ok: store.state === 'up' && refused === null,
        vital: true,
        state: store.state,
        since: store.since.toISOString(),
        live: live.state,
        live_since: live.since.toISOString(),
        reconnects: live.reconnects,
        position: live.position === null ? null : String(live.position),
        ...(store.lastError === null || store.state === 'up'
          ? refused === null
            ? {}
            : { error: `It takes no writes: ${refused}` }
          : { error: store.lastError }),
      },
      postgres: {
        ok: E.isRight(checkpoint),
        vital: true,
        ...(E.isLeft(checkpoint) ? { error: checkpoint.left.cause } : {}),
      },
      // Sockets here work without it: only messages from other processes are lost.
      redis: relay.configured
        ? { ok: relay.state().state === 'up', vital: false, ...relay.state() }
        : { ok: true, vital: false, state: 'not configured' },
      projections: {
        ok: tables !== null && other === null && lagMs <= MAX_LAG_MS,
        vital: true,
        position: tables === null || tables < 0n ? null : String(tables),
        lag_ms: lagMs,
        parked_streams: Number(waiting.streams),
        parked_events: Number(waiting.events),
        ...(other !== null
          ? { error: other }
          : lagMs > MAX_LAG_MS
            ? { error: `The tables are ${Math.round(lagMs / 1000)} s behind the log.` }
            : waiting.streams > 0n
              ? // All else goes on: no reason to take the server out.
                {
                  error: `${waiting.events} events of ${waiting.streams} streams are parked: presence parked.`,
                }
              : {}),
      },
      ...keysCheck(missingKeys()),
      ...noticesCheck(hearing),
      ...sfuCheck(sfu),
      turn: {
        ok: silentTurn === null,
        vital: false,
        ...(silentTurn === null ? {} : { error: silentTurn }),
        ...(turn.uris().length > 0
          ? { uris: turn.uris(), ...(turn.tls === undefined ? {} : { tls: turn.tls() }) }
          : { state: 'not configured' }),
      },
    }
  }
}
