/** Follows the log and keeps the tables: rows and checkpoint in one transaction, one leader, exactly once. */
import { setTimeout as delay } from 'node:timers/promises'
import { isDataError } from '../../adapters/postgres/errors.ts'
import { NoOwnSession } from '../../adapters/postgres/own-session.ts'
import { connectSession, type Session } from '../../adapters/postgres/session.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog, LogSubscription, RecordedEvent, SubscriptionItem } from '../../domain/ports.ts'
import { type AuditMemory, auditMemory } from '../../projections/audit/fold.ts'
import { lastAudit } from '../../projections/audit/queries.ts'
import { advance, takeLead } from '../../projections/checkpoint.ts'
import { type Parked, parkedStreams } from '../../projections/parked.ts'
import {
  appendAudit,
  applyToTables,
  auditRowsFor,
  type Readable,
  readable,
} from '../operations/tables/apply.ts'
import { LEADER_LOCK, setLock } from '../operations/tables/lock.ts'
import { holdToLog, OtherLog } from '../operations/tables/same-log.ts'
import { treeUpTo } from '../operations/tables/tree.ts'
import { createPace } from './commit-pace.ts'

/** Structured: a sentence and what it is about. */
export type ProjectorLogger = {
  readonly info: (fields: Readonly<Record<string, unknown>>, message: string) => void
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void
}
export const silent: ProjectorLogger = { info: () => {}, warn: () => {}, error: () => {} }

export type ProjectorOptions = {
  readonly log: EventLog
  readonly databaseUrl: string
  readonly logger?: ProjectorLogger
  /** An event was parked: raise an alarm. */
  readonly onParked?: (parked: Parked) => void
  /** Called each time that it takes the lead, before it reads the log. */
  readonly onLead?: () => void
  /** Told of each batch once it is in the tables. Must not throw. */
  readonly onApplied?: (events: ReadonlyArray<Readable>) => void
  /** For tests: called inside the transaction, after the rows and before the commit. */
  readonly beforeCommit?: (to: bigint) => Promise<void>
}

export type ProjectorState = {
  /** `standby` waits for another to stop leading; `waiting` for the log or Postgres to come back. */
  readonly role: 'starting' | 'standby' | 'leading' | 'waiting' | 'stopped'
  readonly since: Date
  /** The last position committed, null before the first. */
  readonly position: bigint | null
  readonly epoch: bigint | null
  /** The last that the subscription gave. */
  readonly seen: bigint | null
  /** Since when what was seen is not yet committed, null where all is. */
  readonly behindSince: Date | null
  /** Events given and not yet committed. */
  readonly pending: number
  readonly caughtUp: boolean
  readonly events: number
  readonly batches: number
  readonly parkedStreams: number
  readonly lastError: string | null
  /** A sentence where the tables are of another log than this: it waits for a rebuild. */
  readonly otherLog: string | null
}

export type Projector = {
  readonly state: () => ProjectorState
  /** After the batch in hand. */
  readonly stop: () => Promise<void>
}

/** Somebody else moved the checkpoint: what is known here is not true any more. */
class LostLead extends Error {
  override readonly name = 'LostLead'
}

const MAX_BATCH = 2_000

type Lead = {
  readonly epoch: bigint
  position: bigint | null
  memory: AuditMemory
  parked: Set<string>
}

const lead = async (session: Session, log: EventLog, logger: ProjectorLogger): Promise<Lead> => {
  const [checkpoint] = await session.run(takeLead())
  const [last] = await session.run(lastAudit())
  const parked = await session.run(parkedStreams())
  const epoch = checkpoint?.epoch as bigint
  await holdToLog(session, log)
  // From the last event that is in the tables. The checkpoint may be beyond it, past bookkeeping that a log which went back
  // does not have any more: what has come to stand there since would be passed over.
  const position = (last?.position as bigint | undefined) ?? null
  if (position !== checkpoint?.position) {
    const moved = await session.run(advance((checkpoint?.position as bigint | null) ?? null, position, epoch))
    if (moved.length === 0) throw new LostLead('Another projector leads.')
  }
  // The tree has what the audit log has: the log is read only where it does not.
  const audited = (last?.position as bigint | undefined) ?? null
  const edge = await treeUpTo(session, log, audited, (error) =>
    logger.error({ error: error.message }, 'The log’s tree was torn, and is made anew from the log.'),
  )
  return {
    epoch,
    position,
    memory: auditMemory(last === undefined ? null : { hash: last.hash as string, edge }),
    parked: new Set(parked.map(({ stream }) => String(stream))),
  }
}

/** One batch in one transaction. On any error nothing of it is there, but for a commit whose answer was lost. */
const commit = async (
  session: Session,
  leading: Lead,
  events: ReadonlyArray<Readable>,
  to: bigint,
  careful: boolean,
  beforeCommit: ProjectorOptions['beforeCommit'],
): Promise<ReadonlyArray<Parked>> => {
  const { hash, edge } = leading.memory
  const parked = new Set(leading.parked)
  try {
    const aside = await session.transaction(async () => {
      const [moved] = await session.run(advance(leading.position, to, leading.epoch))
      if (moved === undefined) throw new LostLead('Another projector leads.')
      // The lock is that backend's: what another one writes is written without it.
      if (moved.backend !== session.backend) throw new NoOwnSession()
      if (events.length === 0) return []
      if (parked.size > 0) {
        // A retry may have let streams go: it holds the checkpoint while it does, so this is how it stands.
        parked.clear()
        for (const { stream } of await session.run(parkedStreams())) parked.add(String(stream))
      }
      await appendAudit(session, await auditRowsFor(session, events, leading.memory))
      const parkedNow = await applyToTables(session, events, parked, careful)
      await beforeCommit?.(to)
      return parkedNow
    })
    leading.parked = parked
    leading.position = to
    return aside
  } catch (error) {
    Object.assign(leading.memory, { hash, edge })
    throw error
  }
}

const LOOK_MS = 1_000

/** After each reconnection: what answers now may be another log than what answered before. Looks by itself too, since another
 *  log may have nothing to tell. */
const keepHeld = (session: Session, log: EventLog, subscription: LogSubscription) => {
  let checked = 0
  let checking: Promise<void> | null = null
  let failure: Error | null = null
  const check = (): Promise<void> => {
    const { reconnects } = subscription.state()
    if (checking !== null || reconnects === checked) return checking ?? Promise.resolve()
    checking = holdToLog(session, log)
      .then(() => {
        checked = reconnects
      })
      .finally(() => {
        checking = null
      })
    return checking
  }
  const looking = setInterval(() => {
    check().catch((error) => {
      if (!(error instanceof OtherLog)) return
      failure = error
      void subscription.stop()
    })
  }, LOOK_MS)
  looking.unref()
  return { check, failure: () => failure, stop: () => clearInterval(looking) }
}

/** Starts at once, and goes on until stopped, whatever becomes of the log or of Postgres meanwhile. */
export const runProjector = ({
  log,
  databaseUrl,
  logger = silent,
  onParked,
  onLead,
  onApplied,
  beforeCommit,
}: ProjectorOptions): Projector => {
  let state: ProjectorState = {
    role: 'starting',
    since: new Date(),
    position: null,
    epoch: null,
    seen: null,
    behindSince: null,
    pending: 0,
    caughtUp: false,
    events: 0,
    batches: 0,
    parkedStreams: 0,
    lastError: null,
    otherLog: null,
  }
  const set = (to: Partial<ProjectorState>): void => {
    state = {
      ...state,
      ...to,
      ...(to.role !== undefined && to.role !== state.role ? { since: new Date() } : {}),
    }
  }
  let stopping = false
  const stopped = new AbortController()
  let session: Session | null = null
  let subscription: LogSubscription | null = null

  const applied = (leading: Lead, events: number, aside: ReadonlyArray<Parked>): void => {
    const left = state.pending - events
    set({
      position: leading.position,
      events: state.events + events,
      batches: state.batches + 1,
      pending: left,
      behindSince: left > 0 ? state.behindSince : null,
      parkedStreams: leading.parked.size,
    })
    for (const parked of aside) {
      const { event, reason } = parked
      logger.error(
        { stream: event.stream, position: String(event.position), type: event.type, id: event.id, reason },
        'An event is parked with its stream; other streams go on.',
      )
      onParked?.(parked)
    }
  }

  const take = async (from: Session, leading: Lead, events: ReadonlyArray<RecordedEvent>, to: bigint) => {
    const decoded = events.map(readable)
    let aside: ReadonlyArray<Parked>
    try {
      aside = await commit(from, leading, decoded, to, false, beforeCommit)
    } catch (error) {
      if (!isDataError(error)) throw error
      aside = await commit(from, leading, decoded, to, true, beforeCommit)
    }
    applied(leading, events.length, aside)
    onApplied?.(decoded)
  }

  const takeAll = async (
    from: Session,
    leading: Lead,
    items: ReadonlyArray<SubscriptionItem>,
  ): Promise<void> => {
    const events: RecordedEvent[] = []
    let to = leading.position
    let caughtUp = state.caughtUp
    for (const item of items)
      switch (item.kind) {
        case 'event':
          // A subscription gives each event once; this costs nothing and holds whatever it does.
          if (to !== null && item.event.position <= to) break
          events.push(item.event)
          to = item.event.position
          break
        case 'checkpoint':
          if (to === null || item.position > to) to = item.position
          break
        case 'caught-up':
          caughtUp = true
          break
        default:
          item satisfies never
      }
    set({
      seen: to,
      pending: events.length,
      behindSince: events.length > 0 ? (state.behindSince ?? new Date()) : state.behindSince,
    })
    for (let at = 0; at < events.length && !stopping; at += MAX_BATCH) {
      const part = events.slice(at, at + MAX_BATCH)
      await take(from, leading, part, at + MAX_BATCH >= events.length ? to! : part.at(-1)!.position)
    }
    if (events.length === 0 && to !== null && to !== leading.position) await take(from, leading, [], to)
    if (caughtUp !== state.caughtUp) set({ caughtUp })
  }

  const follow = async (): Promise<void> => {
    session = await connectSession(databaseUrl, 'presence projector', { isOwn: true })
    const mine = session
    if (stopping) return
    // Rows and checkpoint are one transaction: what a crash of Postgres takes back is applied again from the log. So no
    // commit waits for the disk, which the event store needs.
    await mine.exec('SET synchronous_commit = off')
    set({ role: 'standby' })
    // Waits for as long as another session has it; ends with this session, and with it every write from here.
    await mine.run(setLock(LEADER_LOCK))
    if (stopping) return
    const leading = await lead(mine, log, logger)
    onLead?.()
    set({
      role: 'leading',
      otherLog: null,
      position: leading.position,
      epoch: leading.epoch,
      parkedStreams: leading.parked.size,
      pending: 0,
      caughtUp: false,
    })
    logger.info(
      { position: leading.position === null ? null : String(leading.position), epoch: String(leading.epoch) },
      'This projector leads.',
    )
    subscription = log.subscribe({
      after: leading.position ?? 'start',
      prefixes: STREAM_PREFIXES,
      bufferSize: 2 * MAX_BATCH,
    })
    const following = subscription
    const held = keepHeld(mine, log, following)
    void mine.closed.then(() => following.stop())
    const pace = createPace(performance.now())
    for await (const items of following) {
      if (stopping) break
      await held.check()
      // What was there before it came is no flow.
      const isNew = state.caughtUp
      const before = state.events
      const begun = performance.now()
      await takeAll(mine, leading, items)
      if (stopping) break
      set({ lastError: null })
      const now = performance.now()
      pace.committed(isNew ? state.events - before : 0, now - begun, now)
      // What is far behind goes on at once.
      if (items.length < MAX_BATCH / 2)
        await delay(pace.rest(), undefined, { signal: stopped.signal }).catch(() => {})
    }
    held.stop()
    if (!stopping) throw held.failure() ?? new Error('The connection to Postgres is gone.')
  }

  const release = async (): Promise<void> => {
    await subscription?.stop().catch(() => {})
    subscription = null
    await session?.close()
    session = null
  }

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping; ) {
      const before = state.batches
      try {
        await follow()
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        failures = state.batches > before ? 1 : failures + 1
        const isOther = error instanceof OtherLog
        if (isOther && state.otherLog !== message) logger.error({}, message)
        else if (!stopping && !isOther)
          logger.warn({ error: message, failures }, 'The projector starts over.')
        set({ role: 'waiting', lastError: message, otherLog: isOther ? message : null })
      }
      await release()
      if (!stopping)
        await delay(Math.min(50 * 2 ** failures, 5_000), undefined, { signal: stopped.signal }).catch(
          () => {},
        )
    }
    set({ role: 'stopped' })
  }
  const running = run()

  return {
    state: () => state,
    stop: async () => {
      if (!stopping) {
        stopping = true
        stopped.abort()
        // The batch in hand is finished; a lock that is waited for is not.
        if (state.role === 'leading') await subscription?.stop()
        else await session?.close()
      }
      await running
    },
  }
}
