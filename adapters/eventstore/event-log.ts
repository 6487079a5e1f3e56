/** The log over an EventStoreDB, a KurrentDB or the embedded node. */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import type {
  AppendError,
  Appended,
  EventLog,
  ExpectedRevision,
  NewEvent,
  ReadError,
  RecordedEvent,
} from '../../domain/ports.ts'
import { APPEND_CALLS, Appends } from './appends.ts'
import { LogConnection } from './connection.ts'
import { causeOf, type LineOptions, type LogLine } from './line.ts'
import { type ReadFault, readOver } from './reads.ts'
import { isRoomStream, isSoftDeletion, metastreamOf } from './soft-deletion.ts'
import { AllSubscription } from './subscription.ts'
import type { ReadRequest } from './wire.ts'

export type EventLogOptions = {
  /** `esdb://…` or `esdb+discover://…`, in the form that EventStoreDB's clients use. */
  readonly url: string
  /** An append that has no answer for this long is `OutcomeUnknown`. Default 5,000. */
  readonly appendTimeoutMs?: number
  /** A read that makes no progress for this long is tried again. Default 5,000. */
  readonly readTimeoutMs?: number
  /** With no connection for this long, a call is `LogUnavailable`. Default 5,000. */
  readonly connectTimeoutMs?: number
  /** A connection or a subscription that was silent for this long is asked for a sign of life. Default 5,000. */
  readonly heartbeatMs?: number
}

/** Counts of what the log has done so far, for `/metrics`. */
export type EventLogStats = {
  readonly appends: number
  readonly appendedEvents: number
  readonly conflicts: number
  readonly unknownOutcomes: number
  readonly unavailable: number
  readonly reads: number
  readonly retriedReads: number
  /** Lines opened, the first one included. */
  readonly connections: number
  /** How many there are now. */
  readonly subscriptions: number
}

export type EventStoreLog = EventLog & { readonly stats: () => EventLogStats }

/** One on which appends arrive in the order in which they are made, to whatever streams, without waiting for each other's answers. Of
 *  others this holds only for the streams of one room: theirs go over several calls, which is faster. */
export type OrderedEventLog = EventStoreLog & { readonly isOrdered: true }

const READ_TRIES = 3
const BUFFER_BYTES = 16 * 1024 * 1024

const lineOptionsOf = ({
  connectTimeoutMs,
  heartbeatMs,
  ...others
}: Required<Omit<EventLogOptions, 'url'>>): LineOptions => ({
  // One try ends in time for another within the same wait.
  connectTimeoutMs: Math.max(50, connectTimeoutMs / 2),
  heartbeatMs,
  tickMs: Math.max(10, Math.min(250, Math.min(heartbeatMs, ...Object.values(others)) / 10)),
})

const noStats = () => ({
  appends: 0,
  appendedEvents: 0,
  conflicts: 0,
  unknownOutcomes: 0,
  unavailable: 0,
  reads: 0,
  retriedReads: 0,
})

/** Throws if the connection string is wrong. Connects by itself, and goes on trying until it is closed. */
export const connectEventLog = (options: EventLogOptions): EventStoreLog => connect(options, APPEND_CALLS)

/** Throws as `connectEventLog` does. */
export const connectOrderedEventLog = (options: EventLogOptions): OrderedEventLog => ({
  ...connect(options, 1),
  isOrdered: true,
})

const connect = (options: EventLogOptions, appendCalls: number): EventStoreLog => {
  const appendTimeoutMs = options.appendTimeoutMs ?? 5_000
  const readTimeoutMs = options.readTimeoutMs ?? 5_000
  const connectTimeoutMs = options.connectTimeoutMs ?? 5_000
  const heartbeatMs = options.heartbeatMs ?? 5_000
  const lineOptions = lineOptionsOf({ appendTimeoutMs, readTimeoutMs, connectTimeoutMs, heartbeatMs })
  const connection = new LogConnection(options.url, lineOptions)
  const subscriptions = new Set<AllSubscription>()
  let isClosed = false
  let appends: { readonly line: LogLine; readonly over: Appends } | null = null
  const stats = noStats()

  const appendsOver = (line: LogLine): Appends => {
    if (appends?.line !== line) appends = { line, over: new Appends(line, appendTimeoutMs, appendCalls) }
    return appends.over
  }

  const count = (error: AppendError): Either<AppendError, never> => {
    if (error._tag === 'WrongExpectedRevision') stats.conflicts += 1
    else if (error._tag === 'OutcomeUnknown') stats.unknownOutcomes += 1
    else if (error._tag === 'LogUnavailable') stats.unavailable += 1
    return left(error)
  }

  const append = async (
    stream: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<NewEvent>,
  ): Promise<Either<AppendError, Appended>> => {
    stats.appends += 1
    if (events.length === 0) return count({ _tag: 'LogUnavailable', cause: 'an append of no events' })
    let line = connection.current
    if (line === null) {
      try {
        line = await connection.next(connectTimeoutMs)
      } catch (error) {
        return count({ _tag: 'LogUnavailable', cause: causeOf(error) })
      }
    }
    const outcome = await appendsOver(line).append(stream, expected, events)
    if (isLeft(outcome)) return count(outcome.left)
    const { revision, position } = outcome.right
    stats.appendedEvents += events.length
    if (position !== null) return right({ revision, position })
    // The server recognised a repeat, without saying where the first one is.
    const back = await read({ from: { stream, revision }, count: 1 }, true)
    const last = isLeft(back) ? undefined : back.right[0]
    return last === undefined
      ? count({ _tag: 'OutcomeUnknown', cause: 'written, at a position that could not be read' })
      : right({ revision, position: last.position })
  }

  /** Returns nothing if the stream never existed. A room's stream that was soft-deleted counts as deleted: written to
   *  again, it would be a room without its bans. */
  const missing = async (
    { from }: ReadRequest,
    requiresLeader: boolean,
  ): Promise<Either<ReadError, RecordedEvent[]>> => {
    if (!('stream' in from) || !isRoomStream(from.stream)) return right([])
    const stream = metastreamOf(from.stream)
    const last = await read({ from: { stream, revision: 'end' }, backwards: true, count: 1 }, requiresLeader)
    if (isLeft(last)) return last
    return last.right.some(isSoftDeletion) ? left({ _tag: 'StreamDeleted' }) : right([])
  }

  const read = async (
    request: ReadRequest & { readonly count: number },
    requiresLeader: boolean,
  ): Promise<Either<ReadError, RecordedEvent[]>> => {
    stats.reads += 1
    let cause = ''
    for (let tries = 0; tries < READ_TRIES; tries += 1) {
      if (tries > 0) stats.retriedReads += 1
      try {
        const line = connection.current ?? (await connection.next(connectTimeoutMs))
        return right(await readOver(line, request, readTimeoutMs, requiresLeader))
      } catch (error) {
        if (error instanceof Error) return left({ _tag: 'LogUnavailable', cause: error.message })
        const fault = error as ReadFault
        if (fault.kind === 'deleted') return left({ _tag: 'StreamDeleted' })
        if (fault.kind === 'missing') return missing(request, requiresLeader)
        cause = fault.cause
        if (fault.kind === 'refused') break
      }
    }
    return left({ _tag: 'LogUnavailable', cause })
  }

  return {
    append: (stream, expected, events) => () => append(stream, expected, events),
    readStream:
      (stream, { direction = 'forwards', from, limit }) =>
      async () => {
        if (limit <= 0) return right([])
        const backwards = direction === 'backwards'
        const revision = from ?? (backwards ? 'end' : 'start')
        return read({ from: { stream, revision }, backwards, count: limit }, true)
      },
    readAll:
      ({ direction = 'forwards', after, limit, prefixes }) =>
      async () => {
        if (limit <= 0) return right([])
        const backwards = direction === 'backwards'
        const all = after === undefined ? (backwards ? 'end' : 'start') : { commit: after, prepare: after }
        // Forwards, a server reads from a place on, including the event at that place.
        const result = await read(
          {
            from: { all },
            backwards,
            count: after === undefined ? limit : limit + 1,
            prefixes: prefixes ?? [],
          },
          false,
        )
        if (isLeft(result) || after === undefined) return result
        return right(
          result.right
            .filter((event) => (backwards ? event.position < after : event.position > after))
            .slice(0, limit),
        )
      },
    subscribe: ({ after, prefixes, bufferSize = 2_000, given, wants, gatherMs = 0 }) => {
      const subscription = new AllSubscription(options.url, lineOptions, {
        after,
        prefixes,
        bufferSize,
        bufferBytes: BUFFER_BYTES,
        readTimeoutMs,
        silenceMs: heartbeatMs,
        given,
        wants,
        gatherMs,
        onStop: () => subscriptions.delete(subscription),
      })
      subscriptions.add(subscription)
      // A closed log has nothing to subscribe to: the subscription ends at once.
      if (isClosed) void subscription.stop()
      return subscription
    },
    health: () => connection.health(),
    stats: () => ({ ...stats, connections: connection.lines, subscriptions: subscriptions.size }),
    close: async () => {
      isClosed = true
      connection.close()
      await Promise.all([...subscriptions].map((subscription) => subscription.stop()))
    },
  }
}
