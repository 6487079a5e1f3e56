/** An EventLog in memory with EventStoreDB's rules of append, and faults on demand. For tests alone. */
import * as E from 'fp-ts/lib/Either.js'
import type {
  AppendError,
  Appended,
  EventLog,
  ExpectedRevision,
  LogSubscription,
  NewEvent,
  ReadError,
  RecordedEvent,
  SubscriptionItem,
} from '../../domain/ports.ts'

/** `lost` was never written; `late` is written when `deliverLate` is called, if it still fits then. */
export type AppendFault = 'unavailable' | 'unknown-written' | 'unknown-lost' | 'unknown-late'

export type MemoryLog = EventLog & {
  /** Asked before each append and each read; null lets it through. */
  onAppend: (stream: string, events: ReadonlyArray<NewEvent>) => AppendFault | null
  onRead: (stream: string) => 'unavailable' | null
  /** Awaited before each append and read: where a test lets another writer in. */
  pause: (what: 'append' | 'read', stream: string) => Promise<void>
  readonly deliverLate: () => void
  /** Set: with `any` it knows no repeat, as a real server after its restart. */
  forgets: boolean
  readonly stream: (name: string) => ReadonlyArray<RecordedEvent>
  readonly names: () => ReadonlyArray<string>
  readonly all: () => ReadonlyArray<RecordedEvent>
  readonly events: ReadonlyArray<RecordedEvent>
  /** Appends whatever the revision, at once, and gives the position. */
  readonly push: (stream: string, ...events: ReadonlyArray<NewEvent>) => bigint
  /** Puts events there as they are. */
  readonly add: (events: ReadonlyArray<RecordedEvent>) => void
  /** Called with each event once it is in the log, in order: a log follower with no delay. */
  readonly follow: (observer: (event: RecordedEvent) => void) => void
  readonly counts: { appends: number; reads: number; largestAppend: number }
}

/** `batch`: how many items a subscription gives at once, at most. */
export const memoryLog = (batch = 500): MemoryLog => {
  const streams = new Map<string, RecordedEvent[]>()
  const all: RecordedEvent[] = []
  const observers: Array<(event: RecordedEvent) => void> = []
  const late: Array<() => void> = []
  const since = new Date(0)

  const keep = (recorded: RecordedEvent): void => {
    const stream = streams.get(recorded.stream) ?? []
    streams.set(recorded.stream, stream)
    stream.push(recorded)
    all.push(recorded)
    for (const observe of observers) observe(recorded)
  }
  const record = (name: string, events: ReadonlyArray<NewEvent>): void => {
    for (const event of events)
      keep({
        ...(JSON.parse(JSON.stringify(event)) as NewEvent),
        stream: name,
        revision: BigInt(streams.get(name)?.length ?? 0),
        // Positions have gaps, as a real log's have.
        position: BigInt((all.length + 1) * 100),
        created: new Date(1_700_000_000_000 + all.length),
      })
  }

  const write = (
    name: string,
    expected: ExpectedRevision,
    events: ReadonlyArray<NewEvent>,
  ): E.Either<AppendError, Appended> => {
    const stream = streams.get(name) ?? []
    const actual = stream.length === 0 ? null : BigInt(stream.length - 1)
    const last = (at: number): E.Either<AppendError, Appended> => {
      const event = stream[at]
      return E.right({ revision: BigInt(at), position: event ? event.position : 0n })
    }
    // A repeat of the same ids at the same place answers as the first did, whatever came after.
    const repeatedAt = (from: number): boolean =>
      events.length > 0 && events.every((event, i) => stream[from + i]?.id === event.id)
    if (expected === 'any') {
      const first = events[0]
      const at = first ? stream.findIndex((event) => event.id === first.id) : -1
      if (!log.forgets && at >= 0 && repeatedAt(at)) return last(at + events.length - 1)
    } else {
      const next = expected === 'none' ? 0 : Number(expected) + 1
      if (next !== stream.length) {
        if (repeatedAt(next)) return last(next + events.length - 1)
        return E.left({ _tag: 'WrongExpectedRevision', actual })
      }
    }
    streams.set(name, stream)
    record(name, events)
    return last(stream.length - 1)
  }

  const log: MemoryLog = {
    onAppend: () => null,
    onRead: () => null,
    forgets: false,
    pause: async () => {},
    counts: { appends: 0, reads: 0, largestAppend: 0 },
    append: (stream, expected, events) => async () => {
      await log.pause('append', stream)
      log.counts.appends++
      log.counts.largestAppend = Math.max(log.counts.largestAppend, events.length)
      const fault = log.onAppend(stream, events)
      switch (fault) {
        case null:
          return write(stream, expected, events)
        case 'unavailable':
          return E.left({ _tag: 'LogUnavailable', cause: 'injected' })
        case 'unknown-written':
          write(stream, expected, events)
          return E.left({ _tag: 'OutcomeUnknown', cause: 'injected' })
        case 'unknown-late':
          late.push(() => write(stream, expected, events))
          return E.left({ _tag: 'OutcomeUnknown', cause: 'injected' })
        case 'unknown-lost':
          return E.left({ _tag: 'OutcomeUnknown', cause: 'injected' })
        default: {
          const never: never = fault
          throw new Error(`unknown fault ${String(never)}`)
        }
      }
    },
    readStream: (name, read) => async () => {
      await log.pause('read', name)
      log.counts.reads++
      if (log.onRead(name) === 'unavailable')
        return E.left<ReadError, ReadonlyArray<RecordedEvent>>({ _tag: 'LogUnavailable', cause: 'injected' })
      const stream = streams.get(name) ?? []
      if (read.direction === 'backwards') {
        const from = read.from === undefined ? stream.length - 1 : Number(read.from)
        return E.right(stream.slice(Math.max(0, from + 1 - read.limit), from + 1).reverse())
      }
      const from = Number(read.from ?? 0n)
      return E.right(stream.slice(from, from + read.limit))
    },
    readAll: (read) => async () => {
      const wanted = all.filter(
        (event) => !read.prefixes || read.prefixes.some((prefix) => event.stream.startsWith(prefix)),
      )
      if (read.direction === 'backwards')
        return E.right(
          wanted
            .filter((event) => read.after === undefined || event.position < read.after)
            .slice(-read.limit)
            .reverse(),
        )
      return E.right(wanted.filter((event) => event.position > (read.after ?? -1n)).slice(0, read.limit))
    },
    subscribe: ({ after, prefixes }) => {
      let next = after === 'end' ? all.length : 0
      let stopped = false
      let wake = (): void => {}
      observers.push(() => wake())
      const floor = typeof after === 'bigint' ? after : -1n
      const subscription: LogSubscription = {
        state: () => ({
          state: stopped ? 'stopped' : 'live',
          since,
          position: all[next - 1]?.position ?? null,
          lastError: null,
          reconnects: 0,
        }),
        stop: async () => {
          stopped = true
          wake()
        },
        async *[Symbol.asyncIterator]() {
          let told = false
          while (!stopped) {
            const items: SubscriptionItem[] = []
            for (; next < all.length && items.length < batch; next++) {
              const event = all[next]!
              if (event.position <= floor) continue
              if (prefixes.some((prefix) => event.stream.startsWith(prefix)))
                items.push({ kind: 'event', event })
              else items.push({ kind: 'checkpoint', position: event.position })
            }
            if (next === all.length && !told) {
              told = true
              items.push({ kind: 'caught-up' })
            }
            if (items.length > 0) yield items
            else
              await new Promise<void>((resolve) => {
                wake = resolve
              })
          }
        },
      }
      return subscription
    },
    health: () => ({ state: 'up', since, lastError: null }),
    close: async () => {},
    deliverLate: () => {
      for (const deliver of late.splice(0)) deliver()
    },
    stream: (name) => streams.get(name) ?? [],
    names: () => [...streams.keys()],
    all: () => all,
    events: all,
    push: (stream, ...events) => {
      record(stream, events)
      return all.at(-1)?.position ?? 0n
    },
    add: (events) => {
      for (const event of events) keep(event)
    },
    follow: (observer) => {
      observers.push(observer)
    },
  }
  return log
}
