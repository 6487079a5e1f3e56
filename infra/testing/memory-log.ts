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

/** The events, by stream and in the log's order. */
type Records = {
  readonly streams: Map<string, RecordedEvent[]>
  readonly all: RecordedEvent[]
  /** Called with each event once it is there. */
  readonly observers: Array<(event: RecordedEvent) => void>
}

const keep = ({ streams, all, observers }: Records, recorded: RecordedEvent): void => {
  const stream = streams.get(recorded.stream) ?? []
  streams.set(recorded.stream, stream)
  stream.push(recorded)
  all.push(recorded)
  for (const observe of observers) observe(recorded)
}
const record = (records: Records, name: string, events: ReadonlyArray<NewEvent>): void => {
  for (const event of events)
    keep(records, {
      ...(JSON.parse(JSON.stringify(event)) as NewEvent),
      stream: name,
      revision: BigInt(records.streams.get(name)?.length ?? 0),
      // Positions have gaps, as a real log's have.
      position: BigInt((records.all.length + 1) * 100),
      created: new Date(1_700_000_000_000 + records.all.length),
    })
}

type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<NewEvent>
}
/** Appends by EventStoreDB's rules. `forgets`: with `any` no repeat is recognised. */
const write = (
  records: Records,
  { stream: name, expected, events }: Append,
  forgets: boolean,
): E.Either<AppendError, Appended> => {
  const stream = records.streams.get(name) ?? []
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
    if (!forgets && at >= 0 && repeatedAt(at)) return last(at + events.length - 1)
  } else {
    const next = expected === 'none' ? 0 : Number(expected) + 1
    if (next !== stream.length) {
      if (repeatedAt(next)) return last(next + events.length - 1)
      return E.left({ _tag: 'WrongExpectedRevision', actual })
    }
  }
  records.streams.set(name, stream)
  record(records, name, events)
  return last(stream.length - 1)
}

const readStream = (
  { streams }: Records,
  name: string,
  read: Parameters<EventLog['readStream']>[1],
): ReadonlyArray<RecordedEvent> => {
  const stream = streams.get(name) ?? []
  if (read.direction === 'backwards') {
    const from = read.from === undefined ? stream.length - 1 : Number(read.from)
    return stream.slice(Math.max(0, from + 1 - read.limit), from + 1).reverse()
  }
  const from = Number(read.from ?? 0n)
  return stream.slice(from, from + read.limit)
}
const readAll = (
  { all }: Records,
  read: Parameters<EventLog['readAll']>[0],
): ReadonlyArray<RecordedEvent> => {
  const wanted = all.filter(
    (event) => !read.prefixes || read.prefixes.some((prefix) => event.stream.startsWith(prefix)),
  )
  if (read.direction === 'backwards')
    return wanted
      .filter((event) => read.after === undefined || event.position < read.after)
      .slice(-read.limit)
      .reverse()
  return wanted.filter((event) => event.position > (read.after ?? -1n)).slice(0, read.limit)
}

const SINCE = new Date(0)
/** A subscription that gives at most `batch` items at once. */
const subscribe = (
  { all, observers }: Records,
  { after, prefixes }: Parameters<EventLog['subscribe']>[0],
  batch: number,
): LogSubscription => {
  let next = after === 'end' ? all.length : 0
  let stopped = false
  let wake = (): void => {}
  observers.push(() => wake())
  const floor = typeof after === 'bigint' ? after : -1n
  return {
    state: () => ({
      state: stopped ? 'stopped' : 'live',
      since: SINCE,
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
          if (prefixes.some((prefix) => event.stream.startsWith(prefix))) items.push({ kind: 'event', event })
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
}

/** `batch`: how many items a subscription gives at once, at most. */
export const memoryLog = (batch = 500): MemoryLog => {
  const records: Records = { streams: new Map(), all: [], observers: [] }
  const { streams, all } = records
  const late: Array<() => void> = []
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
      const appending = { stream, expected, events }
      const fault = log.onAppend(stream, events)
      switch (fault) {
        case null:
          return write(records, appending, log.forgets)
        case 'unavailable':
          return E.left({ _tag: 'LogUnavailable', cause: 'injected' })
        case 'unknown-written':
          write(records, appending, log.forgets)
          return E.left({ _tag: 'OutcomeUnknown', cause: 'injected' })
        case 'unknown-late':
          late.push(() => write(records, appending, log.forgets))
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
      return log.onRead(name) === 'unavailable'
        ? E.left<ReadError>({ _tag: 'LogUnavailable', cause: 'injected' })
        : E.right(readStream(records, name, read))
    },
    readAll: (read) => async () => E.right(readAll(records, read)),
    subscribe: (options) => subscribe(records, options, batch),
    health: () => ({ state: 'up', since: SINCE, lastError: null }),
    close: async () => {},
    deliverLate: () => {
      for (const deliver of late.splice(0)) deliver()
    },
    stream: (name) => streams.get(name) ?? [],
    names: () => [...streams.keys()],
    all: () => all,
    events: all,
    push: (stream, ...events) => {
      record(records, stream, events)
      return all.at(-1)?.position ?? 0n
    },
    add: (events) => {
      for (const event of events) keep(records, event)
    },
    follow: (observer) => {
      records.observers.push(observer)
    },
  }
  return log
}
