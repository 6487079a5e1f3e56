/** Appends: the rules of expected revisions and idempotency, and the group commit. */
import { encodeBody, idOf, type ProposedEvent, type StoredEvent, TOMBSTONE_REVISION } from './record.ts'
import type { Storage, Stream } from './storage.ts'

/** A revision, or one of the three below. */
export type Expected = number
export const EXPECT_NONE = -1
export const EXPECT_ANY = -2
export const EXPECT_EXISTS = -4

export type AppendOutcome =
  /** `revision` of the last event (-1 for an empty append to no stream), `position` -1 where nothing was written. */
  | { readonly tag: 'appended'; readonly revision: number; readonly position: number }
  /** `current` is -1 where there is no stream. */
  | { readonly tag: 'wrong-expected'; readonly current: number }
  | { readonly tag: 'deleted' }
  | { readonly tag: 'timeout' }
  | { readonly tag: 'failed'; readonly cause: string }

export type AppendRequest = {
  readonly stream: string
  readonly expected: Expected
  readonly events: ReadonlyArray<ProposedEvent>
  /** Milliseconds since the epoch; not written after it. */
  readonly deadline: number
  readonly bytes: number
  readonly done: (outcome: AppendOutcome) => void
}

export type Appender = ReturnType<typeof createAppender>

/** A commit takes at most so much, so that the first of a long queue is not kept waiting for the last. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024
/** Above this, callers are asked to stop reading requests until the queue is shorter. */
const HIGH_WATER_BYTES = 32 * 1024 * 1024

export const createAppender = (
  storage: Storage,
  publish: (events: ReadonlyArray<StoredEvent>) => void,
  now: () => number = Date.now,
) => {
  let queue: AppendRequest[] = []
  let queuedBytes = 0
  let scheduled = false
  let waiting: Array<() => void> = []

  const eventAt = (stream: Stream, revision: number): StoredEvent | undefined => {
    const [event] = storage.streamForwards(stream.id, revision, 1)
    return event?.revision === revision ? event : undefined
  }

  /** The outcome without writing, or undefined where the events are to be written. */
  const check = (stream: Stream, { expected, events }: AppendRequest): AppendOutcome | undefined => {
    const current = stream.last
    if (current === TOMBSTONE_REVISION) return { tag: 'deleted' }
    if (expected === EXPECT_EXISTS && current < 0) return { tag: 'wrong-expected', current: -1 }
    if (expected === EXPECT_ANY || expected === EXPECT_EXISTS) {
      let last = -1
      for (const [i, event] of events.entries()) {
        const known = storage.remembered(event.id)
        if (known === undefined || known.stream !== stream.id)
          return i === 0 ? undefined : { tag: 'wrong-expected', current }
        last = known.revision
      }
      if (events.length === 0) return undefined
      return { tag: 'appended', revision: last, position: eventAt(stream, last)?.position ?? -1 }
    }
    if (expected > current) return { tag: 'wrong-expected', current }
    if (expected === current) return undefined
    if (events.length === 0) return undefined
    let position = -1
    for (const [i, event] of events.entries()) {
      const there = eventAt(stream, expected + 1 + i)
      if (there === undefined || idOf(there.body) !== event.id) return { tag: 'wrong-expected', current }
      position = there.position
    }
    return { tag: 'appended', revision: expected + events.length, position }
  }

  const write = (request: AppendRequest, ticks: string, written: StoredEvent[]): AppendOutcome => {
    const stream = storage.stream(request.stream)
    if (request.deadline < now()) return { tag: 'timeout' }
    const decided = check(stream, request)
    if (decided !== undefined) return decided
    let position = -1
    for (const event of request.events) {
      const revision = stream.last + 1
      position = storage.nextPosition()
      written.push(
        storage.insert(stream, revision, encodeBody(event, stream.nameBytes, revision, position, ticks)),
      )
    }
    return { tag: 'appended', revision: stream.last, position }
  }

  const takeGroup = (): AppendRequest[] => {
    let bytes = 0
    let count = 0
    while (count < queue.length && bytes < MAX_GROUP_BYTES) bytes += queue[count++]!.bytes
    queuedBytes -= bytes
    if (count === queue.length) {
      const all = queue
      queue = []
      return all
    }
    return queue.splice(0, count)
  }

  const commitGroup = (): void => {
    scheduled = false
    const group = takeGroup()
    const written: StoredEvent[] = []
    let outcomes: AppendOutcome[] = []
    try {
      const ticks = `${now()}0000`
      storage.transaction(() => {
        for (const request of group) outcomes.push(write(request, ticks, written))
      })
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      outcomes = group.map(() => ({ tag: 'failed', cause }))
      written.length = 0
    }
    for (let i = 0; i < group.length; i++) group[i]!.done(outcomes[i]!)
    if (written.length > 0) publish(written)
    if (queue.length > 0) schedule()
    if (waiting.length > 0 && queuedBytes < HIGH_WATER_BYTES) {
      const callers = waiting
      waiting = []
      for (const resume of callers) resume()
    }
  }

  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(commitGroup)
  }

  return {
    /** Queues the append for the next commit; `done` is called after its fsync. */
    append: (request: AppendRequest): void => {
      queue.push(request)
      queuedBytes += request.bytes
      schedule()
    },

    /** True where the caller should read no more; then `resume` is called when it may. */
    full: (resume: () => void): boolean => {
      if (queuedBytes < HIGH_WATER_BYTES) return false
      waiting.push(resume)
      return true
    },

    /** Commits what is queued, now. */
    drain: (): void => {
      while (queue.length > 0) commitGroup()
    },
  }
}
