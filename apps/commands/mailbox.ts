/**
 * One stream's commands, one after another: what is queued is drained, decided against the evolving state and appended
 * as one group. Nothing is answered before it is certain: an acceptance is in the log, a refusal was decided on the
 * log's end, and what can't be known is said to be so.
 */
import * as E from 'fp-ts/lib/Either.js'
import type {
  Accepted,
  Clock,
  CommandError,
  ContentError,
  EventLog,
  NewEvent,
  RecordedEvent,
  Request,
} from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { Pace } from './background-work.ts'
import type { Metrics, Model, Read, Trouble } from './model.ts'
import { appendSettled, type SettleOptions } from './settle-append.ts'
import type { StreamState } from './stream-state.ts'

export type Answer<Event, Refusal> = E.Either<CommandError<Refusal>, Accepted<Event>>

export type Job<Command, Event, Refusal> = {
  readonly request: Request<Command>
  /** Who sent it and its id, as `recent-commands.ts` has it: what makes it the same command when it comes again. */
  readonly key: string
  readonly facts: Promise<E.Either<ContentError, ContentFacts>>
  readonly queuedAt: number
  readonly answer: (answer: Answer<Event, Refusal>) => void
}

/** A job whose facts are known. */
export type Ready<Command, Event, Refusal> = {
  readonly job: Job<Command, Event, Refusal>
  readonly content: ContentFacts
}

/** The command comes back to the queue when this resolves. */
export type Aside = {
  readonly _tag: 'Aside'
  readonly until: () => Promise<E.Either<Trouble | ContentError, void>>
}

/** What the mailbox does not know: how this kind of stream decides, and what that takes. */
export type Rules<State, Command, Event, Refusal> = {
  /** Gets what the decisions need beside the stream itself; called before each round of deciding. */
  readonly prepare: () => Promise<E.Either<Trouble, void>>
  /** `NeedsMore` where `prepare` must be called again first. An `Aside` where the command waits for something of its
   *  own that the others need not wait for. */
  readonly decide: (
    ready: Ready<Command, Event, Refusal>,
    state: State,
    at: string,
  ) => E.Either<Refusal, ReadonlyArray<Event>> | 'NeedsMore' | Aside
  readonly encode: (
    ready: Ready<Command, Event, Refusal>,
    events: ReadonlyArray<Event>,
    state: State,
    at: string,
  ) => ReadonlyArray<NewEvent>
  /** Brings what is beside the stream up to the log's end as it was at `asked` (by `now`) or later; true where that
   *  changed anything. */
  readonly refreshAround: (asked: number) => Promise<E.Either<Trouble, boolean>>
  /** A refusal as it was decided. What it gives is called once that is for good, and answers when the caller may be
   *  told (the refusal may be on its way to the log), or null for at once. */
  readonly refused: (
    ready: Ready<Command, Event, Refusal>,
    refusal: Refusal,
    state: State,
    at: string,
    /** Of the last event in `state`: what was decided on, -1 for nothing. */
    revision: number,
  ) => () => Promise<void> | null
  readonly tooLarge: (maxBytes: number) => Refusal
  /** Of a request whose id the caller chose: whether these are the events of the same request. */
  readonly isSame: (request: Request<Command>, happened: ReadonlyArray<RecordedEvent>) => boolean
  /** The same for equal requests. */
  readonly digest: (request: Request<Command>) => string
  readonly idReused: () => Refusal
  readonly accepted: (ready: Ready<Command, Event, Refusal>, events: ReadonlyArray<Event>) => void
}

export type MailboxOptions = SettleOptions & {
  /** `queuedAt` is by it too. */
  readonly now: SettleOptions['now']
  /** Commands decided in one round, and what they may append in one go. */
  readonly batchCommands: number
  readonly batchEvents: number
  readonly batchBytes: number
  /** Rounds of being overtaken by other writers until the answer is Conflict. */
  readonly rounds: number
  /** A command that waited this long in the queue is answered Unavailable. */
  readonly queueMs: number
  readonly snapshotEvery: number
  /** A tail of this many events is worth a snapshot when the stream falls silent. */
  readonly snapshotIdleEvents: number
  readonly idleMs: number
  /** Of the snapshots of all streams. */
  readonly pace: Pace
}

export type Mailbox<State, Command, Event, Refusal> = {
  readonly stream: string
  readonly state: StreamState<State, Event>
  readonly queued: () => number
  readonly put: (job: Job<Command, Event, Refusal>) => void
  /** Answers with true while it works, waits or is held from outside. */
  readonly isBusy: () => boolean
  readonly pin: () => void
  readonly unpin: () => void
  /** Resolves when nothing is queued or under way. */
  readonly idle: () => Promise<void>
  readonly snapshotIfWorth: () => Promise<void>
  /** Stops its timer. */
  readonly rest: () => void
}

const unavailable = (cause: string): E.Either<CommandError<never>, never> =>
  E.left({ _tag: 'Unavailable', what: 'eventstore', cause })
const troubled = (trouble: Trouble | ContentError): E.Either<CommandError<never>, never> =>
  trouble._tag === 'Trouble'
    ? unavailable(trouble.cause)
    : E.left({ _tag: 'Unavailable', what: 'postgres', cause: trouble.cause })

type Stand = { readonly revision: bigint; readonly position: bigint }

/** How many no-op answers a mailbox remembers. */
const NOOPS = 1_000
/** Events read at first of a command that comes again. */
const FEW = 8
/** How often `prepare` may be asked again within one round. */
const PREPARATIONS = 3

/** The state that a group's commands are decided on, one after another. */
const createDraft = <State, Event>(held: StreamState<State, Event>, model: Model<State, Event>) => {
  let own = held.keptDraft()
  let pending: Event[] = []
  const settle = (copy: State): State => {
    let state = copy
    for (const event of pending) state = model.evolve(state, event)
    pending = []
    own = state
    return state
  }
  return {
    /** With everything that was added. Read it at once: the next `add` may write to it. */
    state: (): State =>
      own === null && pending.length === 0 ? held.held()!.state : settle(own ?? held.draft()),
    add: (events: ReadonlyArray<Event>): void => {
      pending.push(...events)
    },
    /** For the next group, where there is a copy: `revision` is of the last event that was added. */
    keep: (revision: number): void => {
      if (own !== null) held.keepDraft(settle(own), revision)
    },
  }
}

/** At most so many bytes as JSON: six for each UTF-16 unit, as where each is escaped. A tenth of what writing it costs. */
const atMost = (value: unknown): number => {
  if (typeof value === 'string') return 6 * value.length + 3
  if (typeof value !== 'object' || value === null) return 32
  let sum = 3
  for (const key in value) sum += 6 * key.length + 4 + atMost((value as Record<string, unknown>)[key])
  return sum
}

/** The bytes that a group takes, added up only once a second command is to join it, and exactly only where they may not
 *  fit. */
const createSize = (limit: number) => {
  let bound = 0
  let bytes = 0
  let bounded = 0
  let counted = 0
  const sum = (events: ReadonlyArray<NewEvent>, from: number, of: (event: NewEvent) => number): number => {
    let all = 0
    for (let i = from; i < events.length; i++) all += of(events[i]!) + 64
    return all
  }
  const exactly = (event: NewEvent): number => Buffer.byteLength(JSON.stringify(event))
  return {
    fits: (group: ReadonlyArray<NewEvent>, more: ReadonlyArray<NewEvent>): boolean => {
      bound += sum(group, bounded, atMost)
      bounded = group.length
      if (bound + sum(more, 0, atMost) <= limit) return true
      bytes += sum(group, counted, exactly)
      counted = group.length
      return bytes + sum(more, 0, exactly) <= limit
    },
  }
}

export const createMailbox = <State, Command, Event, Refusal>(
  stream: string,
  model: Model<State, Event>,
  state: StreamState<State, Event>,
  rules: Rules<State, Command, Event, Refusal>,
  log: EventLog,
  clock: Clock,
  metrics: Metrics,
  options: MailboxOptions,
  /** Called whenever it has come to rest or its weight may have changed. */
  settled: () => void,
): Mailbox<State, Command, Event, Refusal> => {
  type AJob = Job<Command, Event, Refusal>
  type AReady = Ready<Command, Event, Refusal>
  type Planned = { readonly ready: AReady; readonly events: ReadonlyArray<Event>; readonly end: number }

  const queue: AJob[] = []
  /** Commands that changed nothing, and what they were told. */
  const noops = new Map<string, Stand & { readonly digest: string | null }>()
  let running: Promise<void> | null = null
  let pins = 0
  let asides = 0
  let batchBytes = options.batchBytes
  let timer: NodeJS.Timeout | undefined
  const labels = { kind: model.kind }

  /** Answers these alike, and gives back those that are still to be carried out. */
  const answerAll = (
    jobs: ReadonlyArray<AReady>,
    answer: Answer<Event, Refusal>,
    rest: ReadonlyArray<AReady> = [],
  ): ReadonlyArray<AReady> => {
    for (const { job } of jobs) job.answer(answer)
    return rest
  }

  /** What the command did when it first came, read from the log itself. Most commands are an event or two, and whoever
   *  repeats one over and over must not have thousands read each time. */
  const answerRepeat = async (job: AJob, revision: number): Promise<void> => {
    const events: Event[] = []
    const happened: RecordedEvent[] = []
    let isWhole = false
    for (let from = revision, limit = FEW; !isWhole; from += limit, limit = options.batchEvents) {
      const page = await log.readStream(stream, { from: BigInt(from), limit })()
      if (E.isLeft(page))
        return job.answer(unavailable(page.left._tag === 'StreamDeleted' ? 'deleted' : page.left.cause))
      isWhole = page.right.length < limit
      for (const recorded of page.right) {
        const read = model.decode(recorded)
        if (E.isLeft(read)) return job.answer(unavailable(read.left.detail))
        isWhole ||= read.right.key !== job.key
        if (read.right.key !== job.key) break
        events.push(read.right.event)
        happened.push(recorded)
      }
    }
    const last = happened.at(-1)
    if (last === undefined)
      return job.answer(unavailable('the command’s events are no longer where they were'))
    if (job.request.isIdChosen === true && !rules.isSame(job.request, happened)) return answerReused(job)
    job.answer(E.right({ revision: last.revision, position: last.position, events }))
  }

  const answerReused = (job: AJob): void => job.answer(E.left({ _tag: 'Refused', refusal: rules.idReused() }))

  /** Null for an id that the server made, which comes with nothing else. */
  const digestOf = ({ request }: AJob): string | null =>
    request.isIdChosen === true ? rules.digest(request) : null

  const rememberNoop = (job: AJob, at: Stand): void => {
    noops.set(job.key, { ...at, digest: digestOf(job) })
    if (noops.size > NOOPS)
      for (const oldest of noops.keys()) {
        noops.delete(oldest)
        break
      }
  }

  /** Decides the jobs in order on a draft of the state; stops where the group is full. */
  const plan = (jobs: ReadonlyArray<AReady>) => {
    const held = state.held()!
    const base = held.revision
    const at = new Date(clock.now()).toISOString()
    // A group of one is decided on the state itself: only what must see the events before it needs a copy.
    const draft = createDraft(state, model)
    const accepted: Planned[] = []
    const noop: AReady[] = []
    const refused: Array<{
      readonly ready: AReady
      readonly tell: () => Promise<void> | null
      readonly refusal: Refusal
    }> = []
    const repeats: Array<{ readonly job: AJob; readonly revision: number }> = []
    const again: Array<{ readonly job: AJob; readonly at: Stand }> = []
    const reused: AJob[] = []
    const later: AReady[] = []
    const aside: Array<{ readonly ready: AReady; readonly until: Aside['until'] }> = []
    const inGroup = new Set<string>()
    const newEvents: NewEvent[] = []
    const size = createSize(batchBytes)
    let next = 0
    let needsMore = false
    for (; next < jobs.length; next++) {
      const ready = jobs[next]!
      const id = ready.job.key
      const known = held.recent.revisionOf(id)
      if (known !== undefined) {
        repeats.push({ job: ready.job, revision: known })
        continue
      }
      const before = noops.get(id)
      if (before !== undefined) {
        const { digest, ...at } = before
        if (digest === digestOf(ready.job)) again.push({ job: ready.job, at })
        else reused.push(ready.job)
        continue
      }
      // The same command twice in one group: the second waits, and then finds the first.
      if (inGroup.has(id)) {
        later.push(ready)
        continue
      }
      inGroup.add(id)
      const sofar = draft.state()
      const decision = rules.decide(ready, sofar, at)
      if (decision === 'NeedsMore') {
        needsMore = true
        break
      }
      if (decision._tag === 'Aside') {
        aside.push({ ready, until: decision.until })
        continue
      }
      if (decision._tag === 'Left') {
        const refusal = decision.left
        const decidedOn = base + newEvents.length
        refused.push({ ready, refusal, tell: rules.refused(ready, refusal, sofar, at, decidedOn) })
        continue
      }
      const events = decision.right
      if (events.length === 0) {
        noop.push(ready)
        continue
      }
      const encoded = rules.encode(ready, events, sofar, at)
      const isFull = () =>
        newEvents.length + encoded.length > options.batchEvents || !size.fits(newEvents, encoded)
      if (newEvents.length > 0 && isFull()) break
      for (const event of encoded) newEvents.push(event)
      draft.add(events)
      accepted.push({ ready, events, end: newEvents.length })
    }
    const rest = [...later, ...jobs.slice(next)]
    return {
      base,
      draft,
      accepted,
      noop,
      refused,
      repeats,
      again,
      reused,
      aside,
      newEvents,
      next,
      rest,
      needsMore,
    }
  }
  type Plan = ReturnType<typeof plan>

  const tellRefused = ({ refused }: Plan): void => {
    for (const { ready, refusal, tell } of refused) {
      const told = tell()
      const answer = E.left({ _tag: 'Refused' as const, refusal })
      if (told === null) ready.job.answer(answer)
      else void told.then(() => ready.job.answer(answer))
    }
  }
  const tellNoops = ({ noop }: Plan, revision: bigint, position: bigint): void => {
    for (const { job } of noop) {
      rememberNoop(job, { revision, position })
      job.answer(E.right({ revision, position, events: [] }))
    }
  }
  const tellRepeats = ({ repeats, again, reused }: Plan): void => {
    for (const { job, at } of again) job.answer(E.right({ ...at, events: [] }))
    for (const job of reused) answerReused(job)
    for (const { job, revision } of repeats) void answerRepeat(job, revision)
  }

  const setAside = ({ job }: AReady, until: Aside['until']): void => {
    asides++
    void until().then((result) => {
      asides--
      if (E.isLeft(result)) return job.answer(troubled(result.left))
      queue.push(job)
      start()
    })
  }

  /** Carries the jobs out; answers those that did not fit in. */
  const carryOut = async (all: ReadonlyArray<AReady>): Promise<ReadonlyArray<AReady>> => {
    let jobs = all
    let isFresh = false
    let preparations = 0
    for (let round = 0; round < options.rounds; round++) {
      const loaded = await state.load()
      if (E.isLeft(loaded)) return answerAll(jobs, troubled(loaded.left), [])
      const prepared = await rules.prepare()
      if (E.isLeft(prepared)) return answerAll(jobs, troubled(prepared.left), [])
      // Something may have let go of the state while the rules prepared.
      if (state.held() === null) continue

      const planned = plan(jobs)
      const { base, draft, accepted, newEvents, next, rest, needsMore } = planned
      if (needsMore && next === 0) {
        draft.keep(base)
        if (++preparations >= PREPARATIONS)
          return answerAll(
            jobs.slice(0, 1),
            unavailable('what the decision needs can’t be had'),
            jobs.slice(1),
          )
        round--
        continue
      }
      if (planned.aside.length > 0) {
        for (const { ready, until } of planned.aside) setAside(ready, until)
        const gone = new Set(planned.aside.map(({ ready }) => ready))
        jobs = jobs.filter((ready) => !gone.has(ready))
      }
      const left = new Set(rest)
      const done = left.size === 0 ? jobs : jobs.filter((ready) => !left.has(ready))

      if (newEvents.length === 0) {
        draft.keep(base)
        // An append proves that the state was the log's end; without one, a look does.
        if (!isFresh && planned.noop.length + planned.refused.length > 0) {
          const asked = jobs.reduce((latest, { job }) => Math.max(latest, job.queuedAt), 0)
          const refreshed = state.freshAt() > asked ? E.right(false) : await state.refresh()
          if (E.isLeft(refreshed)) return answerAll(done, troubled(refreshed.left), rest)
          const around = await rules.refreshAround(asked)
          if (E.isLeft(around)) return answerAll(done, troubled(around.left), rest)
          isFresh = true
          if (state.held()?.revision !== base || around.right) {
            state.loseDraft()
            continue
          }
        }
        const end = state.held()
        tellRefused(planned)
        tellNoops(planned, BigInt(end?.revision ?? base), end?.position ?? 0n)
        tellRepeats(planned)
        return rest
      }

      const started = options.now()
      const expected = base < 0 ? 'none' : BigInt(base)
      const result = await appendSettled(log, stream, expected, newEvents, options)
      metrics.observe?.('commands_append_ms', options.now() - started, labels)
      switch (result._tag) {
        case 'Appended': {
          metrics.observe?.('commands_append_events', newEvents.length, labels)
          const { position } = result.appended
          const happened: Read<Event>[] = []
          for (const { ready, events } of accepted)
            for (const event of events) happened.push({ event, key: ready.job.key })
          const revision = base + happened.length
          state.committed(happened, newEvents, { revision: BigInt(revision), position }, started)
          draft.keep(revision)
          for (const { ready, events, end } of accepted) {
            const later = end < happened.length ? ({ isPositionLater: true } as const) : {}
            ready.job.answer(E.right({ revision: BigInt(base + end), position, events, ...later }))
            rules.accepted(ready, events)
          }
          tellNoops(planned, BigInt(revision), position)
          tellRepeats(planned)
          // Beside a chat stands the space's state, which this append says nothing of.
          if (planned.refused.length > 0) {
            const around = isFresh ? E.right(false) : await rules.refreshAround(started)
            if (E.isRight(around) && around.right)
              return [...planned.refused.map(({ ready }) => ready), ...rest]
            tellRefused(planned)
          }
          return rest
        }
        case 'Overtaken': {
          state.loseDraft()
          metrics.count?.('commands_conflicts', 1, labels)
          const refreshed = await state.refresh()
          if (E.isLeft(refreshed)) {
            // An earlier try may be what overtook us.
            state.drop()
            return answerAll(done, troubled(refreshed.left), rest)
          }
          // Overtaken by nothing: what is held is not this log's.
          if (state.held()?.revision === base) state.drop()
          if (round > 2) await options.wait(Math.random() * 5 * round)
          break
        }
        case 'NotWritten':
          state.loseDraft()
          return answerAll(done, unavailable(result.cause), rest)
        case 'Unsettled':
          metrics.count?.('commands_unsettled', 1, labels)
          state.drop()
          return answerAll(done, unavailable(result.cause), rest)
        case 'TooLarge': {
          state.loseDraft()
          if (accepted.length > 1) {
            batchBytes = Math.max(1, Math.min(result.maxBytes * 0.8, batchBytes / 2))
            round--
            break
          }
          const { ready } = accepted[0]!
          ready.job.answer(E.left({ _tag: 'Refused', refusal: rules.tooLarge(result.maxBytes) }))
          jobs = jobs.filter((other) => other !== ready)
          if (jobs.length === 0) return []
          break
        }
        default: {
          const never: never = result
          throw new Error(`unknown outcome ${JSON.stringify(never)}`)
        }
      }
    }
    // The last look may have found that an earlier try got through.
    for (const { job } of jobs) {
      const revision = state.held()?.recent.revisionOf(job.key)
      if (revision === undefined) job.answer(E.left({ _tag: 'Conflict' }))
      else void answerRepeat(job, revision)
    }
    return []
  }

  const readyOf = async (jobs: ReadonlyArray<AJob>): Promise<AReady[]> => {
    const ready: AReady[] = []
    for (const job of jobs) {
      const content = await job.facts
      if (E.isLeft(content)) job.answer(troubled(content.left))
      else ready.push({ job, content: content.right })
    }
    return ready
  }

  const run = async (): Promise<void> => {
    clearTimeout(timer)
    // What else comes in this turn of the event loop goes with it.
    await new Promise<void>((resolve) => setImmediate(resolve))
    let waiting: ReadonlyArray<AReady> = []
    while (waiting.length > 0 || queue.length > 0) {
      const room = options.batchCommands - waiting.length
      const taken: AJob[] = []
      const oldest = options.now() - options.queueMs
      for (const job of queue.splice(0, Math.max(0, room)))
        if (job.queuedAt < oldest) job.answer(unavailable('the command waited too long for the log'))
        else taken.push(job)
      let jobs: ReadonlyArray<AReady> = waiting
      waiting = []
      try {
        jobs = [...jobs, ...(await readyOf(taken))]
        metrics.observe?.('commands_batch', jobs.length, labels)
        if (jobs.length > 0) waiting = await carryOut(jobs)
      } catch (error) {
        // A defect: nothing is known of what was under way, so nothing is claimed and nothing kept.
        state.drop()
        const cause = `a defect: ${error instanceof Error ? error.stack : String(error)}`
        metrics.count?.('commands_defects', 1, labels)
        answerAll(jobs, unavailable(cause))
        for (const job of taken) job.answer(unavailable(cause))
      }
      const held = state.held()
      if (
        held !== null &&
        state.sinceSnapshot() >= Math.max(options.snapshotEvery, model.entries(held.state))
      )
        snapshotInTurn(() => state.snapshot())
    }
  }

  const snapshotIfWorth = (): Promise<void> =>
    state.held() !== null && state.sinceSnapshot() >= options.snapshotIdleEvents
      ? state.snapshot()
      : Promise.resolve()

  let isInTurn = false
  const snapshotInTurn = (snapshot: () => Promise<void>): void => {
    if (isInTurn) return
    isInTurn = true
    void options.pace.run(snapshot).finally(() => {
      isInTurn = false
    })
  }

  const start = (): void => {
    if (running !== null) return
    running = run().finally(() => {
      running = null
      if (queue.length > 0) return start()
      if (state.sinceSnapshot() >= options.snapshotIdleEvents) {
        clearTimeout(timer)
        timer = setTimeout(() => snapshotInTurn(snapshotIfWorth), options.idleMs)
        timer.unref()
      }
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
    snapshotIfWorth,
    rest: () => clearTimeout(timer),
  }
}
