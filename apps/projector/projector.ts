/** Follows the log and keeps the tables: rows and checkpoint in one transaction, one leader, exactly once. */
import { setTimeout as delay } from 'node:timers/promises'
import { LOCKS } from '../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { setLock } from '../../adapters/postgres/take-lock.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog, LogSubscription } from '../../domain/ports.ts'
import type { ParkedEvent } from '../../projections/parked.ts'
import type { Readable } from '../operations/tables/apply.ts'
import { OtherLog } from '../operations/tables/same-log.ts'
import { createBatches, MAX_BATCH } from './batches.ts'
import { createPace } from './commit-pace.ts'
import { keepHeld } from './held-to-log.ts'
import { type BeforeCommit, type Lead, takeTheLead } from './leading.ts'
import { type ProjectorLogger, silent } from './logger.ts'
import { createState, type ProjectorState, type StateKeeper } from './state.ts'

export type ProjectorOptions = {
  readonly log: EventLog
  readonly databaseUrl: string
  readonly logger?: ProjectorLogger
  /** Called when an event was parked: raise an alarm. */
  readonly onParked?: (parked: ParkedEvent) => void
  /** Called each time that it takes the lead, before it reads the log. */
  readonly onLead?: () => void
  /** Called with each batch once it is in the tables. Must not throw. */
  readonly onApplied?: (events: ReadonlyArray<Readable>) => void
  readonly beforeCommit?: BeforeCommit
}

export type Projector = {
  readonly state: () => ProjectorState
  /** Stops after the current batch. */
  readonly stop: () => Promise<void>
}

/** One projector, from its start to its stop. */
type Run = {
  readonly options: ProjectorOptions
  readonly logger: ProjectorLogger
  readonly state: StateKeeper
  /** Aborted when it is to stop. */
  readonly stopped: AbortSignal
  /** What is open while it follows. */
  readonly open: { session: DatabaseSession | null; subscription: LogSubscription | null }
}

const parkedBy = ({ options, logger }: Run, parked: ParkedEvent): void => {
  const { event, reason } = parked
  logger.error(
    { stream: event.stream, position: String(event.position), type: event.type, id: event.id, reason },
    'An event is parked with its stream; other streams go on.',
  )
  options.onParked?.(parked)
}

const rest = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {})

/** A session of Postgres that leads, once no other does; null if it is stopped first. */
const becomeLeader = async (
  run: Run,
): Promise<{ readonly session: DatabaseSession; readonly leading: Lead } | null> => {
  const { options, logger, state, stopped, open } = run
  const session = await connectSession(options.databaseUrl, 'presence projector', { isOwn: true })
  open.session = session
  if (stopped.aborted) return null
  // Rows and checkpoint are one transaction: what a crash of Postgres takes back is applied again from the log. So no
  // commit waits for the disk, which the event store needs.
  await session.exec('SET synchronous_commit = off')
  state.set({ role: 'standby' })
  // Waits for as long as another session has the lock; the lock ends with this session, and with it every write from here.
  await session.run(setLock(LOCKS.projecting))
  if (stopped.aborted) return null
  const leading = await takeTheLead(session, options.log, logger)
  const { position, epoch, parked } = leading
  options.onLead?.()
  state.leads(position, epoch, parked.size)
  logger.info(
    { position: position === null ? null : String(position), epoch: String(epoch) },
    'This projector leads.',
  )
  return { session, leading }
}

/** Commits are further apart than this in a steady flow, so nobody waits longer for it. */
const GATHER_MS = 50

const follow = async (run: Run): Promise<void> => {
  const { options, state, stopped, open } = run
  const leader = await becomeLeader(run)
  if (leader === null) return
  const { session, leading } = leader
  const subscription = options.log.subscribe({
    after: leading.position ?? 'start',
    prefixes: STREAM_PREFIXES,
    bufferSize: 2 * MAX_BATCH,
    gatherMs: GATHER_MS,
  })
  open.subscription = subscription
  const held = keepHeld(session, options.log, subscription)
  void session.closed.then(() => subscription.stop())
  const takeIn = createBatches({
    session,
    leading,
    state,
    isStopping: () => stopped.aborted,
    beforeCommit: options.beforeCommit,
    onParked: (parked) => parkedBy(run, parked),
    onApplied: options.onApplied,
  })
  const pace = createPace(performance.now())
  for await (const items of subscription) {
    if (stopped.aborted) break
    await held.check()
    // What was on the log before it started does not count for the rate.
    const isNew = state.now().caughtUp
    const before = state.now().events
    const begun = performance.now()
    await takeIn(items)
    if (stopped.aborted) break
    state.set({ lastError: null })
    const now = performance.now()
    pace.committed(isNew ? state.now().events - before : 0, now - begun, now)
    // A projector that is far behind does not rest.
    if (items.length < MAX_BATCH / 2) await rest(pace.rest(), stopped)
  }
  held.stop()
  if (!stopped.aborted) throw held.failure() ?? new Error('The connection to Postgres is gone.')
}

const release = async ({ open }: Run): Promise<void> => {
  await open.subscription?.stop().catch(() => {})
  open.subscription = null
  await open.session?.close()
  open.session = null
}

/** Follows until it is stopped; after a failure it tries again, with a growing pause. */
const followForEver = async (run: Run): Promise<void> => {
  const { logger, state, stopped } = run
  for (let failures = 0; !stopped.aborted; ) {
    const before = state.now().batches
    try {
      await follow(run)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      failures = state.now().batches > before ? 1 : failures + 1
      const isOther = error instanceof OtherLog
      if (isOther && state.now().otherLog !== message) logger.error({}, message)
      else if (!stopped.aborted && !isOther)
        logger.warn({ error: message, failures }, 'The projector starts over.')
      state.set({ role: 'waiting', lastError: message, otherLog: isOther ? message : null })
    }
    await release(run)
    if (!stopped.aborted) await rest(Math.min(50 * 2 ** failures, 5_000), stopped)
  }
  state.set({ role: 'stopped' })
}

/** Starts at once, and goes on until stopped, whatever becomes of the log or of Postgres meanwhile. */
export const runProjector = (options: ProjectorOptions): Projector => {
  const state = createState()
  const stopping = new AbortController()
  const open: Run['open'] = { session: null, subscription: null }
  const { logger = silent } = options
  const running = followForEver({ options, logger, state, stopped: stopping.signal, open })

  return {
    state: state.now,
    stop: async () => {
      if (!stopping.signal.aborted) {
        stopping.abort()
        // The current batch is finished; waiting for the lock is aborted.
        if (state.now().role === 'leading') await open.subscription?.stop()
        else await open.session?.close()
      }
      await running
    },
  }
}
