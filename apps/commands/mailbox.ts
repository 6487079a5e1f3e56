/** One stream's commands, one after another: the queue is drained, decided against the evolving state and appended as one
 *  group (`plan.ts`, `carry-out.ts`). Nothing is answered before it is certain: an acceptance is on the log, a refusal was
 *  decided at the log's end, and an unknown outcome is reported as unknown. */

import * as E from 'fp-ts/lib/Either.js'
import type { Metrics } from '../../adapters/observing.ts'
import type { Clock, EventLog } from '../../domain/ports.ts'
import type { BackgroundWork } from './background-work.ts'
import { createCarryOut } from './carry-out.ts'
import { type Aside, type Job, type Ready, type Rules, troubled, unavailable } from './jobs.ts'
import type { Model } from './model.ts'
import { createRepeats } from './repeats.ts'
import type { SettleAppendOptions } from './settle-append.ts'
import type { StreamState } from './stream-state.ts'

export type MailboxOptions = SettleAppendOptions & {
  /** `queuedAt` is by this clock, too. */
  readonly now: SettleAppendOptions['now']
  /** How many commands are decided in one round, and how much they may append at once. */
  readonly batchCommands: number
  readonly batchEvents: number
  readonly batchBytes: number
  /** After this many rounds of being overtaken by other writers, the answer is Conflict. */
  readonly rounds: number
  /** A command that waited this long in the queue is answered with Unavailable. */
  readonly queueMs: number
  readonly snapshotEvery: number
  /** A tail of this many events is worth a snapshot when the stream becomes quiet. */
  readonly snapshotIdleEvents: number
  readonly idleMs: number
  /** Where the snapshots of all streams take turns. */
  readonly background: BackgroundWork
}

export type Mailbox<State, Command, Event, Refusal> = {
  readonly stream: string
  readonly state: StreamState<State, Event>
  readonly queued: () => number
  readonly put: (job: Job<Command, Event, Refusal>) => void
  /** True while it works, waits, or is held from outside. */
  readonly isBusy: () => boolean
  readonly pin: () => void
  readonly unpin: () => void
  /** Resolves when nothing is queued or under way. */
  readonly idle: () => Promise<void>
  readonly snapshotIfWorth: () => Promise<void>
  /** Stops its timer. */
  readonly rest: () => void
}

export type MailboxParts<State, Command, Event, Refusal, Beside> = {
  readonly stream: string
  readonly model: Model<State, Event>
  readonly state: StreamState<State, Event>
  readonly rules: Rules<State, Command, Event, Refusal, Beside>
  readonly log: EventLog
  readonly clock: Clock
  readonly metrics: Metrics
  readonly options: MailboxOptions
  /** Called whenever it has become idle or its weight may have changed. */
  readonly settled: () => void
}

/** For each event a snapshot may take so many bytes, where the event takes 600 to 1,600: a larger one is made less often,
 *  so that all snapshots together stay a small part of the log. */
const BYTES_AN_EVENT = 64
/** While a stream is busy they take less. What is saved is for when it becomes quiet, since only then does somebody wait
 *  for it to be loaded. */
const BYTES_WHILE_BUSY = 48

/** Makes snapshots of a stream: after a number of events while it is busy, and once it becomes quiet if they are worth it. */
const createSnapshotting = <State, Event>(
  model: Model<State, Event>,
  state: StreamState<State, Event>,
  options: MailboxOptions,
) => {
  let timer: NodeJS.Timeout | undefined
  /** By `now`; null while it works. */
  let quietSince: number | null = null
  let isInTurn = false
  const inTurn = (snapshot: () => Promise<void>): void => {
    if (isInTurn) return
    isInTurn = true
    void options.background.run(snapshot).finally(() => {
      isInTurn = false
    })
  }
  /** The stream's revision when this began, and the bytes of all snapshots since. */
  let begunAt: number | null = null
  let written = 0
  const snapshot = async (): Promise<void> => {
    await state.snapshot()
    written += state.snapshotBytes()
  }
  const isSaved = (bytes: number): boolean => {
    const { revision } = state.held() ?? { revision: 0 }
    begunAt ??= revision
    return (revision - begunAt) * BYTES_AN_EVENT - written >= bytes
  }
  const isWorthIdle = (): boolean => {
    const [events, bytes] = [state.sinceSnapshot(), state.snapshotBytes()]
    const isDue = events >= bytes / BYTES_AN_EVENT
    return events >= options.snapshotIdleEvents && (isDue || isSaved(bytes))
  }
  const ifWorth = async (): Promise<void> => {
    // One that is under way is of an earlier state.
    await state.snapshotted()
    if (state.held() !== null && isWorthIdle()) await snapshot()
  }
  /** One timer for many short times of quiet: a busy stream has one after each command. */
  const look = (ms: number): void => {
    timer = setTimeout(() => {
      timer = undefined
      if (quietSince === null) return
      const left = quietSince + options.idleMs - options.now()
      if (left > 0) look(left)
      else inTurn(ifWorth)
    }, ms)
    timer.unref()
  }
  return {
    ifWorth,
    begins: (): void => {
      quietSince = null
    },
    stopTimer: (): void => {
      clearTimeout(timer)
      timer = undefined
    },
    /** Starts one if it is due: a state that takes long to write is written less often. */
    ifDue: (): void => {
      const held = state.held()
      if (held === null) return
      begunAt ??= held.revision
      const distance = Math.max(
        options.snapshotEvery,
        model.entries(held.state),
        state.snapshotBytes() / BYTES_WHILE_BUSY,
      )
      if (state.sinceSnapshot() >= distance) inTurn(snapshot)
    },
    whenIdle: (): void => {
      if (!isWorthIdle()) return
      quietSince = options.now()
      if (timer === undefined) look(options.idleMs)
    },
  }
}

export const createMailbox = <State, Command, Event, Refusal, Beside>(
  parts: MailboxParts<State, Command, Event, Refusal, Beside>,
): Mailbox<State, Command, Event, Refusal> => {
  const { stream, model, state, rules, log, clock, metrics, options, settled } = parts
  type AJob = Job<Command, Event, Refusal>
  type AReady = Ready<Command, Event, Refusal>

  const queue: AJob[] = []
  let running: Promise<void> | null = null
  let pins = 0
  let asides = 0
  const labels = { kind: model.kind }
  const snapshots = createSnapshotting(model, state, options)
  const { batchEvents } = options

  const setAside = ({ job }: AReady, until: Aside['until']): void => {
    asides++
    void until().then((result) => {
      asides--
      if (E.isLeft(result)) return job.answer(troubled(result.left))
      queue.push({ ...job, lookedUp: result.right })
      start()
    })
  }
  const repeats = createRepeats({ stream, model, rules, log, pageSize: batchEvents })
  const carryOut = createCarryOut({
    stream,
    model,
    state,
    rules,
    repeats,
    log,
    clock,
    metrics,
    options,
    batchEvents,
    setAside,
  })

  const readyOf = async (jobs: ReadonlyArray<AJob>): Promise<AReady[]> => {
    const ready: AReady[] = []
    for (const job of jobs) {
      const content = await job.facts
      if (E.isLeft(content)) job.answer(troubled(content.left))
      else ready.push({ job, content: content.right })
    }
    return ready
  }

  /** The next jobs of the queue, without those that waited too long. */
  const takeFromQueue = (room: number): AJob[] => {
    const taken: AJob[] = []
    const oldest = options.now() - options.queueMs
    for (const job of queue.splice(0, Math.max(0, room)))
      if (job.queuedAt < oldest) job.answer(unavailable('the command waited too long for the log'))
      else taken.push(job)
    return taken
  }

  /** There was a bug: the outcome of what was under way is unknown, so nothing is claimed and nothing kept. */
  const failAll = (error: unknown, jobs: ReadonlyArray<AReady>, taken: ReadonlyArray<AJob>): void => {
    state.drop()
    const cause = `a defect: ${error instanceof Error ? error.stack : String(error)}`
    metrics.count?.('commands_defects', 1, labels)
    for (const { job } of jobs) job.answer(unavailable(cause))
    for (const job of taken) job.answer(unavailable(cause))
  }

  const run = async (): Promise<void> => {
    snapshots.begins()
    // Whatever else comes in this turn of the event loop joins the group.
    await new Promise<void>((resolve) => setImmediate(resolve))
    let waiting: ReadonlyArray<AReady> = []
    while (waiting.length > 0 || queue.length > 0) {
      const taken = takeFromQueue(options.batchCommands - waiting.length)
      let jobs: ReadonlyArray<AReady> = waiting
      waiting = []
      try {
        jobs = [...jobs, ...(await readyOf(taken))]
        metrics.observe?.('commands_batch', jobs.length, labels)
        if (jobs.length > 0) waiting = await carryOut(jobs)
      } catch (error) {
        failAll(error, jobs, taken)
      }
      snapshots.ifDue()
    }
  }

  const start = (): void => {
    if (running !== null) return
    running = run().finally(() => {
      running = null
      if (queue.length > 0) return start()
      snapshots.whenIdle()
      settled()
    })
  }

  return {
    stream,
    state,
    queued: () => queue.length,
    put: (job) => {
      queue.push(job)
      if (running === null) start()
    },
    isBusy: () => running !== null || queue.length > 0 || pins > 0 || asides > 0,
    pin: () => {
      pins++
    },
    unpin: () => {
      pins--
    },
    idle: async () => {
      while (running !== null) await running
    },
    snapshotIfWorth: snapshots.ifWorth,
    rest: snapshots.stopTimer,
  }
}
