/** Appends: the rules of expected revisions and idempotency, and the group commit. */
import { randomUUID } from 'node:crypto'
import type { Storage, Stream } from '../log/storage.ts'
import {
  encodeBody,
  idOf,
  type ProposedEvent,
  type StoredEvent,
  TOMBSTONE_REVISION,
} from '../protocol/record.ts'
import {
  DELETED_MARK,
  isMetastream,
  isSoftDeleted,
  metadataOf,
  metastreamOf,
  originalOf,
  rawMetadata,
  withTruncateBefore,
} from './metadata.ts'

/** A revision, or one of the three below. */
export type Expected = number
export const EXPECT_NONE = -1
export const EXPECT_ANY = -2
export const EXPECT_EXISTS = -4

/** SQLITE_FULL: the log's file took less than the whole transaction, so no reader and no recovery will find one there.
 *  Of any other failure that can't be said. */
const isDiskFull = (error: Error): boolean => 'errcode' in error && error.errcode === 13

export type AppendOutcome =
  /** `revision` of the last event (-1 for an empty append to no stream), `position` -1 where nothing was written. */
  | { readonly tag: 'appended'; readonly revision: number; readonly position: number }
  /** `current` is -1 where there is no stream. */
  | { readonly tag: 'wrong-expected'; readonly current: number }
  | { readonly tag: 'deleted' }
  | { readonly tag: 'timeout' }
  | { readonly tag: 'failed'; readonly cause: string }
  /** Certainly not written, and nothing of it will appear later. */
  | { readonly tag: 'full' }

/** What is to be done to the stream. */
export type Change =
  | { readonly kind: 'append'; readonly events: ReadonlyArray<ProposedEvent> }
  /** Its events can't be read any more; appending goes on with the next number. */
  | { readonly kind: 'delete' }
  /** For good. */
  | { readonly kind: 'tombstone' }

export type AppendRequest = {
  readonly stream: string
  readonly expected: Expected
  readonly change: Change
  /** Milliseconds since the epoch; not written after it. */
  readonly deadline: number
  readonly bytes: number
  readonly done: (outcome: AppendOutcome) => void
}

/** What the node itself writes, in the transaction of the next commit and after what clients asked for. */
export type Alongside = {
  readonly write: (insert: (stream: string, event: ProposedEvent) => void) => void
  readonly done: (committed: boolean) => void
}

export type Appender = ReturnType<typeof createAppender>

/** What one commit writes. `ticks`: its time. */
type Batch = { readonly ticks: string; readonly written: StoredEvent[] }

/** What one commit took up, to be answered when it is on the disk. */
type Committed = {
  readonly group: ReadonlyArray<AppendRequest>
  readonly outcomes: ReadonlyArray<AppendOutcome>
  readonly own: ReadonlyArray<Alongside>
  readonly written: ReadonlyArray<StoredEvent>
}
const NOTHING_COMMITTED: Committed = { group: [], outcomes: [], own: [], written: [] }

const NOTHING = new Uint8Array(0)
/** A commit takes at most so much, so that the first of a long queue is not kept waiting for the last. */
const MAX_GROUP_BYTES = 8 * 1024 * 1024
/** While appends come at more than `FLOW` a second and from several clients, commits begin at least so far apart, and
 *  further where few appends have come: a commit with its fsync costs as much as several appends do. Below that there is
 *  processor to spare, and nobody is kept waiting; nor is ever a single client that waits for each answer. */
const PACE_MS = 2
const LONGEST_PACE_MS = 4
const ENOUGH = 4
/** So many are worth a commit of their own: nobody waits for more. */
const PLENTY = 16
const FLOW = 600
/** What is counted over so long is the rate. */
const RATE_MS = 100
/** From so many events on, the fsync is left to a thread, so that this one goes on with the next; handing over and being
 *  told costs more than a small fsync does. */
const WORTH_A_THREAD = 16
/** How many commits of a single append, with none under way, say that there are no longer several. */
const CROWDED_FOR = 8
/** As much as this is worth a commit at once. */
const EAGER_BYTES = 256 * 1024
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
  /** Where the next commit waits for more. */
  let timer: NodeJS.Timeout | undefined
  /** Committed, and waiting for an fsync; and those for which one is under way. */
  let unsynced: Committed[] = []
  let syncing: Committed[] = []
  let lastCommit = Number.NEGATIVE_INFINITY
  /** Above 0: several clients append at once. */
  let crowded = 0
  let counted = { since: performance.now(), appends: 0 }
  let perSecond = 0
  let waiting: Array<() => void> = []
  let alongside: Alongside[] = []

  const eventAt = (stream: Stream, revision: number): StoredEvent | undefined => {
    const [event] = storage.streamForwards(stream.id, revision, 1)
    return event?.revision === revision ? event : undefined
  }

  const lastOf = (stream: Stream): number => {
    // A metastream goes with the stream it is of.
    const gone =
      isMetastream(stream.name) && storage.stream(originalOf(stream.name)).last === TOMBSTONE_REVISION
    return gone ? TOMBSTONE_REVISION : stream.last
  }

  /** The outcome without writing, or undefined where the events are to be written. */
  const check = (
    stream: Stream,
    { expected, change }: AppendRequest,
    softDeleted: boolean,
  ): AppendOutcome | undefined => {
    const events = change.kind === 'append' ? change.events : []
    const current = lastOf(stream)
    if (current === TOMBSTONE_REVISION) return { tag: 'deleted' }
    if (expected === EXPECT_EXISTS) {
      if (softDeleted) return { tag: 'deleted' }
      // Metadata alone makes a stream exist.
      if (current < 0 && lastOf(storage.stream(metastreamOf(stream.name))) < 0)
        return { tag: 'wrong-expected', current }
    }
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
    if (events.length === 0) {
      const isBegunAnew = change.kind !== 'append' && softDeleted && expected === EXPECT_NONE
      return isBegunAnew ? undefined : { tag: 'wrong-expected', current }
    }
    let position = -1
    for (const [i, event] of events.entries()) {
      const there = eventAt(stream, expected + 1 + i)
      if (there === undefined || idOf(there.body) !== event.id) {
        // A deleted stream may be begun anew as if it were not there.
        if (i === 0 && expected === EXPECT_NONE && softDeleted) return undefined
        return { tag: 'wrong-expected', current }
      }
      position = there.position
    }
    return { tag: 'appended', revision: expected + events.length, position }
  }

  const insert = (
    stream: Stream,
    revision: number,
    event: ProposedEvent,
    batch: Batch,
    remember = true,
  ): number => {
    const position = storage.nextPosition()
    const body = encodeBody(event, stream.nameBytes, { revision, position, ticks: batch.ticks })
    batch.written.push(storage.insert(stream, revision, body, remember ? event.id : null))
    return position
  }

  /** Whatever is there; ids are not remembered. */
  const append = (name: string, event: ProposedEvent, batch: Batch): void => {
    const stream = storage.stream(name)
    if (stream.last !== TOMBSTONE_REVISION) insert(stream, stream.last + 1, event, batch, false)
  }

  const insertMetadata = (name: string, json: string, batch: Batch): number => {
    const metastream = storage.stream(metastreamOf(name))
    const event = {
      id: randomUUID(),
      type: '$metadata',
      contentType: 'application/json',
      data: Buffer.from(json),
      metadata: NOTHING,
    }
    return insert(metastream, metastream.last + 1, event, batch)
  }

  /** Deleted streams that are written to live again: from `from` on. */
  const undelete = (name: string, from: number, batch: Batch): void => {
    insertMetadata(name, withTruncateBefore(rawMetadata(storage, name), `${from}`), batch)
  }

  const write = (request: AppendRequest, batch: Batch): AppendOutcome => {
    const { change } = request
    const stream = storage.stream(request.stream)
    if (request.deadline <= now()) return { tag: 'timeout' }
    const softDeleted = isSoftDeleted(metadataOf(storage, stream))
    const decided = check(stream, request, softDeleted)
    if (decided !== undefined) return decided
    let position = -1
    switch (change.kind) {
      case 'append': {
        const first = stream.last + 1
        // Its own metadata, sent to a deleted stream, would bring back what was deleted.
        const original = isMetastream(stream.name) ? storage.stream(originalOf(stream.name)) : undefined
        const revived = original !== undefined && isSoftDeleted(metadataOf(storage, original))
        for (const event of change.events) position = insert(stream, stream.last + 1, event, batch)
        const revision = stream.last
        if (softDeleted) undelete(stream.name, first, batch)
        if (revived && change.events.length > 0 && !isSoftDeleted(metadataOf(storage, original)))
          undelete(original.name, original.last + 1, batch)
        return { tag: 'appended', revision, position }
      }
      case 'delete':
        if (stream.last < 0 && storage.stream(metastreamOf(stream.name)).last < 0)
          return { tag: 'wrong-expected', current: -1 }
        // In place of all that its metadata said.
        position = insertMetadata(stream.name, withTruncateBefore('', DELETED_MARK), batch)
        return { tag: 'appended', revision: stream.last, position }
      case 'tombstone': {
        const event = {
          id: randomUUID(),
          type: '$streamDeleted',
          contentType: 'application/octet-stream',
          data: NOTHING,
          metadata: NOTHING,
        }
        position = insert(stream, TOMBSTONE_REVISION, event, batch)
        return { tag: 'appended', revision: TOMBSTONE_REVISION, position }
      }
      default:
        return change satisfies never
    }
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

  const answer = ({ group, outcomes, own, written }: Committed, error: Error | undefined): void => {
    const failed = (cause: Error): AppendOutcome =>
      isDiskFull(cause) ? { tag: 'full' } : { tag: 'failed', cause: cause.message }
    for (const [i, request] of group.entries())
      request.done(error === undefined ? outcomes[i]! : failed(error))
    for (const one of own) one.done(error === undefined)
    if (error === undefined && written.length > 0) publish(written)
  }

  const answerSynced = (error: Error | undefined): void => {
    const these = syncing
    syncing = []
    for (const one of these) answer(one, error)
    if (waiting.length > 0 && queuedBytes < HIGH_WATER_BYTES) {
      const callers = waiting
      waiting = []
      for (const resume of callers) resume()
    }
  }

  /** What was committed since the last fsync began goes into the next one together; commits go on meanwhile. */
  const sync = (): void => {
    if (syncing.length > 0 || unsynced.length === 0) return
    syncing = unsynced
    unsynced = []
    const mine = syncing
    storage.sync((error) => {
      // Not where it was waited for meanwhile.
      if (syncing === mine) answerSynced(error)
      sync()
    })
  }

  const answerAll = (error?: Error): void => {
    syncing = [...syncing, ...unsynced]
    unsynced = []
    answerSynced(error)
  }

  const syncNow = (): void => {
    let failure: Error | undefined
    try {
      storage.syncNow()
    } catch (error) {
      failure = error as Error
    }
    answerAll(failure)
  }

  const commit = (): Committed => {
    const group = takeGroup()
    const own = alongside
    alongside = []
    const written: StoredEvent[] = []
    const outcomes: AppendOutcome[] = []
    try {
      const time = now()
      const batch = { ticks: `${time}0000`, written }
      storage.transaction(() => {
        storage.at(time)
        for (const request of group) outcomes.push(write(request, batch))
        for (const one of own) one.write((name, event) => append(name, event, batch))
      })
      return { group, outcomes, own, written }
    } catch (error) {
      answer({ group, outcomes: [], own, written: [] }, error as Error)
      return NOTHING_COMMITTED
    }
  }

  const commitGroup = (): void => {
    scheduled = false
    timer = undefined
    if (queue.length === 0 && alongside.length === 0) return
    lastCommit = performance.now()
    counted.appends += queue.length
    if (lastCommit - counted.since >= RATE_MS) {
      perSecond = (1_000 * counted.appends) / (lastCommit - counted.since)
      counted = { since: lastCommit, appends: 0 }
    }
    if (queue.length > 1 || syncing.length > 0) crowded = CROWDED_FOR
    else if (crowded > 0) crowded--
    const committed = commit()
    unsynced.push(committed)
    // An answer may rest on what is not on the disk yet, without having written anything.
    const nothing = committed.written.length === 0 && committed.own.length === 0 && storage.isSynced()
    if (nothing) answerAll()
    else if (syncing.length === 0 && committed.written.length < WORTH_A_THREAD) syncNow()
    else sync()
    if (queue.length > 0 || alongside.length > 0) schedule()
  }

  /** Milliseconds that the next commit is to wait for more. */
  const rest = (): number => {
    if (crowded === 0 || perSecond < FLOW) return 0
    if (queue.length >= PLENTY || queuedBytes >= EAGER_BYTES) return 0
    const pace = queue.length >= ENOUGH ? PACE_MS : LONGEST_PACE_MS
    return lastCommit + pace - performance.now()
  }

  const commitRested = (): void => {
    const left = rest()
    // A timer counts in whole milliseconds.
    if (left < 0.5) commitGroup()
    else timer = setTimeout(commitRested, left)
  }

  const schedule = (): void => {
    if (scheduled && timer === undefined) return
    const hasRested = rest() < 0.5
    if (scheduled && !hasRested) return
    scheduled = true
    clearTimeout(timer)
    timer = hasRested ? undefined : setTimeout(commitRested, PACE_MS)
    if (hasRested) setImmediate(commitGroup)
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

    /** Writes it in the next commit's transaction; `done` is called after its fsync. */
    alongside: (own: Alongside): void => {
      alongside.push(own)
      schedule()
    },

    /** Commits what is queued, now, and waits for the disk. */
    drain: (): void => {
      while (queue.length > 0 || alongside.length > 0) unsynced.push(commit())
      syncNow()
    },
  }
}
