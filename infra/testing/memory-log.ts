/** A log in memory, for tests of what follows a log. */
import * as TE from 'fp-ts/lib/TaskEither.js'
import type {
  EventLog,
  LogSubscription,
  NewEvent,
  RecordedEvent,
  SubscriptionItem,
} from '../../domain/ports.ts'

export type MemoryLog = EventLog & {
  readonly events: ReadonlyArray<RecordedEvent>
  /** Appends without asking for a revision. Gives the position. */
  readonly push: (stream: string, ...events: ReadonlyArray<NewEvent>) => bigint
  readonly add: (events: ReadonlyArray<RecordedEvent>) => void
}

/** `batch`: how many events a subscription gives at once. */
export const memoryLog = (batch = 500): MemoryLog => {
  const events: RecordedEvent[] = []
  const revisions = new Map<string, bigint>()
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const each of waiting) each()
  }
  const push = (stream: string, ...added: ReadonlyArray<NewEvent>): bigint => {
    for (const event of added) {
      const revision = (revisions.get(stream) ?? -1n) + 1n
      revisions.set(stream, revision)
      // Positions have gaps, as a real log's have.
      const position = (events.at(-1)?.position ?? 0n) + 7n
      events.push({
        ...event,
        stream,
        revision,
        position,
        created: new Date(1_700_000_000_000 + events.length),
      })
    }
    wake()
    return events.at(-1)?.position ?? 0n
  }
  const fits = (event: RecordedEvent, prefixes?: ReadonlyArray<string>): boolean =>
    prefixes === undefined || prefixes.some((prefix) => event.stream.startsWith(prefix))
  const subscribe: EventLog['subscribe'] = ({ after, prefixes }) => {
    let next =
      after === 'end' ? events.length : after === 'start' ? 0 : events.findIndex((e) => e.position > after)
    if (next < 0) next = events.length
    let stopped = false
    let told = false
    let stop = (): void => {}
    const stopping = new Promise<void>((resolve) => {
      stop = resolve
    })
    const since = new Date()
    const subscription: LogSubscription = {
      state: () => ({
        state: stopped ? 'stopped' : 'live',
        since,
        position: events[next - 1]?.position ?? null,
        lastError: null,
        reconnects: 0,
      }),
      stop: async () => {
        stopped = true
        stop()
      },
      async *[Symbol.asyncIterator]() {
        while (!stopped) {
          const items: SubscriptionItem[] = []
          while (next < events.length && items.length < batch) {
            const event = events[next]!
            next += 1
            if (fits(event, prefixes)) items.push({ kind: 'event', event })
            else items.push({ kind: 'checkpoint', position: event.position })
          }
          if (next === events.length && !told) {
            told = true
            items.push({ kind: 'caught-up' })
          }
          if (items.length > 0) {
            yield items
            continue
          }
          let more = (): void => {}
          const pushed = new Promise<void>((resolve) => {
            more = resolve
          })
          waiting.add(more)
          await Promise.race([pushed, stopping])
          waiting.delete(more)
        }
      },
    }
    return subscription
  }
  return {
    events,
    push,
    add: (added) => {
      events.push(...added)
      wake()
    },
    append: (stream, _expected, added) => {
      const position = push(stream, ...added)
      return TE.right({ position, revision: revisions.get(stream) ?? 0n })
    },
    readStream: (stream) => TE.right(events.filter((event) => event.stream === stream)),
    readAll: ({ direction, after, limit, prefixes }) => {
      const found = events.filter(
        (event) =>
          fits(event, prefixes) &&
          (after === undefined ||
            (direction === 'backwards' ? event.position < after : event.position > after)),
      )
      return TE.right((direction === 'backwards' ? found.reverse() : found).slice(0, limit))
    },
    subscribe,
    health: () => ({ state: 'up', since: new Date(), lastError: null }),
    close: async () => {},
  }
}
