/** Refusals on the log, `refusal-<space>`: one event each within a caller's allowance, and beyond it an event at
 *  intervals that says how many. The answer waits until the refusal is on the log, but not for a log that is down. */
import type { Logger, Metrics } from '../../adapters/observing.ts'
import type { TokenRate } from '../../adapters/token-bucket.ts'
import type { Clock, EventLog, NewEvent } from '../../domain/ports.ts'
import { createBuckets } from './limits.ts'
import { appendSettled } from './settle-append.ts'

export type RefusalNote = {
  readonly stream: string
  /** Who is counted: an account, or a guest's address. */
  readonly who: string
  readonly command: string
  readonly reason: string
  /** Makes the event, with `detail` added to its data; with `isSummary` it gets an id of its own. */
  readonly event: (detail?: unknown, isSummary?: boolean) => NewEvent
}

export type RefusalLog = {
  /** Resolves when it is on the log, or when there is no point in waiting longer. */
  readonly record: (note: RefusalNote) => Promise<void>
  /** Only counts it; it gets on the log in a summary. */
  readonly summarise: (note: RefusalNote) => void
  /** Writes what waits, including summaries. */
  readonly flush: () => Promise<void>
  readonly lost: () => number
  readonly stop: () => void
}

export type RefusalLogOptions = {
  /** How many refusals of one caller are written one by one; the rest are summed up. */
  readonly rate: TokenRate
  /** How many bytes the refusals of one caller, and all that are written one by one, may have. */
  readonly bytes: TokenRate
  readonly bytesOfAll: TokenRate
  /** How many sums of one caller may wait at once: somebody who is refused in ever new places is only counted. */
  readonly summariesOfOne: number
  readonly summaryMs: number
  /** How long an answer waits for its refusal to be safe. */
  readonly answerMs: number
  readonly maxWaiting: number
  readonly wait: (ms: number) => Promise<void>
}

export const DEFAULT_REFUSALS: Omit<RefusalLogOptions, 'wait'> = {
  rate: { perSecond: 5, burst: 50 },
  bytes: { perSecond: 8_000, burst: 96_000 },
  bytesOfAll: { perSecond: 512_000, burst: 8_000_000 },
  summariesOfOne: 50,
  summaryMs: 10_000,
  answerMs: 1_000,
  maxWaiting: 20_000,
}

export type RefusalLogParts = {
  readonly log: EventLog
  readonly clock: Clock
  readonly metrics: Metrics
  readonly logger: Logger
}

const BATCH = 500
const REMEMBERED = 20_000
const SUMMARIES = 5_000

type Waiting = { readonly event: NewEvent; readonly done: () => void }
type Summary = { readonly note: RefusalNote; times: number; readonly from: number; to: number }

export const createRefusalLog = (
  { log, clock, metrics, logger }: RefusalLogParts,
  options: RefusalLogOptions,
): RefusalLog => {
  const queues = new Map<string, Waiting[]>()
  const running = new Map<string, Promise<void>>()
  const buckets = createBuckets(clock.now, 50_000)
  /** Ids written lately: a repeated refusal is not written again. */
  const written = new Set<string>()
  const summaries = new Map<string, Summary>()
  /** How many sums each caller has. */
  const summed = new Map<string, number>()
  let waiting = 0
  let lost = 0
  let timer: NodeJS.Timeout | undefined

  const lose = (count: number, cause: string): void => {
    lost += count
    metrics.count?.('refusals_lost', count)
    logger.warn({ count, cause }, 'refusals could not be written to the log')
  }

  const drainStream = async (stream: string, queue: Waiting[]): Promise<void> => {
    let size = BATCH
    while (queue.length > 0) {
      const batch = queue.splice(0, size)
      waiting -= batch.length
      // An append may take long; the callers need not wait for it.
      const late = setTimeout(() => {
        for (const { done } of batch) done()
      }, options.answerMs)
      const result = await appendSettled(
        log,
        { stream, expected: 'any', events: batch.map(({ event }) => event) },
        {
          now: () => performance.now(),
          unavailableMs: options.answerMs / 2,
          unknownMs: 10_000,
          wait: options.wait,
        },
      )
      clearTimeout(late)
      if (result._tag === 'Appended') metrics.count?.('refusals_written', batch.length)
      else if (result._tag === 'TooLarge' && batch.length > 1) {
        // Halves the batch until it fits.
        size = batch.length >> 1
        queue.unshift(...batch)
        waiting += batch.length
        continue
      } else {
        for (const { event } of batch) written.delete(event.id)
        lose(
          batch.length,
          result._tag === 'NotWritten' || result._tag === 'Unsettled' ? result.cause : result._tag,
        )
      }
      for (const { done } of batch) done()
    }
  }

  const start = (stream: string, queue: Waiting[]): void => {
    const run = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => drainStream(stream, queue))
      .finally(() => {
        running.delete(stream)
        if (queue.length > 0) start(stream, queue)
        else queues.delete(stream)
      })
    running.set(stream, run)
  }

  const put = (stream: string, event: NewEvent): Promise<void> => {
    if (written.has(event.id)) return Promise.resolve()
    if (waiting >= options.maxWaiting) {
      lose(1, 'too many wait already')
      return Promise.resolve()
    }
    written.add(event.id)
    if (written.size > REMEMBERED)
      for (const oldest of written) {
        written.delete(oldest)
        break
      }
    waiting++
    return new Promise((done) => {
      const queue = queues.get(stream) ?? []
      queues.set(stream, queue)
      queue.push({ event, done })
      if (!running.has(stream)) start(stream, queue)
    })
  }

  const writeSummaries = (): void => {
    clearTimeout(timer)
    timer = undefined
    for (const { note, times, from, to } of summaries.values())
      void put(
        note.stream,
        note.event({ times, from: new Date(from).toISOString(), to: new Date(to).toISOString() }, true),
      )
    summaries.clear()
    summed.clear()
  }

  const summarise = (note: RefusalNote): void => {
    const now = clock.now()
    const key = `${note.stream} ${note.who} ${note.command} ${note.reason}`
    const known = summaries.get(key)
    if (known !== undefined) {
      known.times++
      known.to = now
      return
    }
    const own = summed.get(note.who) ?? 0
    if (own >= options.summariesOfOne || summaries.size >= SUMMARIES)
      return void metrics.count?.('refusals_unsummarised', 1)
    summed.set(note.who, own + 1)
    summaries.set(key, { note, times: 1, from: now, to: now })
    if (timer === undefined) {
      timer = setTimeout(writeSummaries, options.summaryMs)
      timer.unref()
    }
  }

  const mayWrite = (who: string, event: NewEvent): boolean => {
    if (buckets.take(who, options.rate) > 0) return false
    const bytes = Buffer.byteLength(JSON.stringify([event.data, event.metadata]))
    return (
      buckets.take(`bytes ${who}`, options.bytes, bytes) === 0 &&
      buckets.take('bytes', options.bytesOfAll, bytes) === 0
    )
  }

  return {
    record: (note) => {
      const event = note.event()
      if (mayWrite(note.who, event)) return put(note.stream, event)
      summarise(note)
      return Promise.resolve()
    },
    summarise,
    flush: async () => {
      writeSummaries()
      while (running.size > 0) await Promise.all(running.values())
    },
    lost: () => lost,
    stop: () => clearTimeout(timer),
  }
}
