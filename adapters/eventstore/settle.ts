/** Appends whose outcome is determined, if that is possible in time. */
import { type Either, isRight, left, right } from 'fp-ts/lib/Either.js'
import type {
  AppendError,
  Appended,
  EventLog,
  ExpectedRevision,
  NewEvent,
  RecordedEvent,
} from '../../domain/ports.ts'

export type SettleOptions = {
  /** After this long, an outcome that is still unknown is returned as `OutcomeUnknown`. Default 15,000. */
  readonly deadlineMs?: number
  /** How far back a stream is searched for the events of an append with `any`. Default 2,000 events. */
  readonly searchBack?: number
}

const LONGEST_PAUSE_MS = 500

/**
 * `log.append`, settled: where the outcome is unknown, it is found out, by the stream itself and by sending the same
 * events again under the same expectation, which a server that has them answers as it did the first time.
 *
 * With an exact revision or `none` the result is certain: the place that the events would have is looked at, and either
 * they are there, or others are, or it is free and they are sent again. With `any` there is no such place: the stream's
 * end is searched for them, and they are sent again on condition that the stream still ends where the search began, so
 * a copy could come about only if the first request were written after the second and the server had forgotten the
 * ids by then.
 *
 * `LogUnavailable` (nothing was sent) is given at once. Errors are those of `append`.
 *
 * The command path has a settling of its own (apps/commands/settle-append.ts), which waits for a log that is away and leaves it to the
 * mailbox's next read to tell who was first; this one is for callers that need the answer itself.
 */
export const appendSettled =
  (
    log: Pick<EventLog, 'append' | 'readStream'>,
    { deadlineMs = 15_000, searchBack = 2_000 }: SettleOptions = {},
  ) =>
  (stream: string, expected: ExpectedRevision, events: ReadonlyArray<NewEvent>) =>
  async (): Promise<Either<AppendError, Appended>> => {
    const first = await log.append(stream, expected, events)()
    if (isRight(first) || first.left._tag !== 'OutcomeUnknown') return first
    return settle(
      log,
      { stream, expected, events },
      {
        cause: first.left.cause,
        until: performance.now() + deadlineMs,
        searchBack,
      },
    )
  }

/** An append as it was sent. */
type Sent = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<NewEvent>
}

type Doubt = { readonly cause: string; readonly until: number; readonly searchBack: number }

const settle = async (
  log: Pick<EventLog, 'append' | 'readStream'>,
  sent: Sent,
  doubt: Doubt,
): Promise<Either<AppendError, Appended>> => {
  const { stream, expected, events } = sent
  let cause = doubt.cause
  let condition = expected
  let refusal: Extract<AppendError, { _tag: 'WrongExpectedRevision' }> | null = null
  const searched: Searched = { high: null, low: 0n }
  for (let tries = 0; performance.now() < doubt.until; tries += 1) {
    if (tries > 0) await pause(Math.min(LONGEST_PAUSE_MS, 10 * 2 ** Math.min(tries, 8)))
    const there = await (expected === 'any'
      ? search(log, sent, doubt.searchBack, searched)
      : inPlace(log, stream, expected, events))
    if (there._tag === 'Deleted') return left({ _tag: 'StreamDeleted' })
    if (there._tag === 'Unreadable') {
      cause = there.cause
      continue
    }
    if (there._tag === 'Written') return right(there.appended)
    if (there._tag === 'Taken') return left({ _tag: 'WrongExpectedRevision', actual: there.actual })
    if (expected === 'any') condition = there.end ?? 'none'
    else if (refusal !== null) {
      // The stream is shorter than expected: there is nothing in their place, and nothing will be put there.
      if (!isBeyond(refusal.actual, expected)) return left(refusal)
      // There is something in their place that is not visible yet: it may be ours.
      cause = `the log named event ${refusal.actual} of ${stream} and does not show it`
      continue
    }
    const again = await log.append(stream, condition, events)()
    if (isRight(again)) return again
    switch (again.left._tag) {
      case 'OutcomeUnknown':
      case 'LogUnavailable':
        cause = again.left.cause
        break
      // Somebody else or an earlier request of ours was faster: the next read of the stream will show which.
      case 'WrongExpectedRevision':
        refusal = again.left
        break
      case 'AppendTooLarge':
      case 'StreamDeleted':
        return again
      default:
        return again.left satisfies never
    }
  }
  return left({ _tag: 'OutcomeUnknown', cause })
}

type Found =
  | { readonly _tag: 'Written'; readonly appended: Appended }
  /** Other events are in their place: ours were never written, and can't be any more under their expected revision. */
  | { readonly _tag: 'Taken'; readonly actual: bigint | null }
  | { readonly _tag: 'Absent'; readonly end: bigint | null }
  | { readonly _tag: 'Unreadable'; readonly cause: string }
  | { readonly _tag: 'Deleted' }

/** The place after `expected` is taken. */
const isBeyond = (actual: bigint | null, expected: bigint | 'none'): boolean =>
  actual !== null && (expected === 'none' || actual > expected)

const unreadable = (error: { _tag: 'LogUnavailable'; cause: string } | { _tag: 'StreamDeleted' }): Found =>
  error._tag === 'StreamDeleted' ? { _tag: 'Deleted' } : { _tag: 'Unreadable', cause: error.cause }

const written = (last: RecordedEvent): Found => ({
  _tag: 'Written',
  appended: { revision: last.revision, position: last.position },
})

const inPlace = async (
  log: Pick<EventLog, 'readStream'>,
  stream: string,
  expected: bigint | 'none',
  events: ReadonlyArray<NewEvent>,
): Promise<Found> => {
  const from = expected === 'none' ? 0n : expected + 1n
  const read = await log.readStream(stream, { from, limit: events.length })()
  if (!isRight(read)) return unreadable(read.left)
  const found = read.right
  const last = found[found.length - 1]
  if (last === undefined) return { _tag: 'Absent', end: null }
  if (found.length === events.length && found.every((event, index) => event.id === events[index]!.id))
    return written(last)
  // Everything that is visible is part of the append; the rest is not visible yet.
  if (found.length < events.length && found.every((event, index) => event.id === events[index]!.id))
    return { _tag: 'Unreadable', cause: `${stream} is not shown to its end` }
  const end = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
  if (!isRight(end)) return unreadable(end.left)
  return { _tag: 'Taken', actual: end.right[0]?.revision ?? null }
}

/** The part of a stream that was searched already, so that a search makes progress over a connection that breaks often.
 *  Revisions, both inclusive; `high` is null before the first read. */
type Searched = { high: bigint | null; low: bigint }

const SEARCH_PAGE = 100n

const search = async (
  log: Pick<EventLog, 'readStream'>,
  { stream, events }: Pick<Sent, 'stream' | 'events'>,
  limit: number,
  searched: Searched,
): Promise<Found> => {
  const lastId = events[events.length - 1]?.id
  const first = await log.readStream(stream, { direction: 'backwards', limit: Number(SEARCH_PAGE) })()
  if (!isRight(first)) return unreadable(first.left)
  const end = first.right[0]?.revision ?? null
  if (end === null) return { _tag: 'Absent', end }
  const bottom = end - BigInt(limit + events.length)
  let page = first.right
  // What is new since the last search comes first; once that meets the part that was searched, the search goes on below it.
  for (let hasMet = false; page.length > 0; ) {
    const last = page.find((event) => event.id === lastId)
    if (last !== undefined) return written(last)
    const lowest = page[page.length - 1]!.revision
    if (hasMet) searched.low = lowest
    else if (searched.high === null || lowest <= searched.high + 1n) {
      hasMet = true
      if (searched.high === null || lowest < searched.low) searched.low = lowest
      searched.high = end
    }
    const from = (hasMet ? searched.low : lowest) - 1n
    const left = from - bottom
    if (from < 0n || left <= 0n) break
    const limit = Number(left < SEARCH_PAGE ? left : SEARCH_PAGE)
    const next = await log.readStream(stream, { direction: 'backwards', from, limit })()
    if (!isRight(next)) return unreadable(next.left)
    page = next.right
  }
  return { _tag: 'Absent', end }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
