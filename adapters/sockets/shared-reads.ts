/** Shares reads of streams between clients that need about the same at about the same time: after a server's restart
 *  all its clients come back at once and missed the same. Each event is read and decoded once for all of them. */
import * as E from 'fp-ts/lib/Either.js'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import { type SpaceRef, type StreamKind, streamName } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { roughBytes } from './rough-bytes.ts'

export type SharedReads = {
  /** The events from revision `from` to `to`, inclusive: all of them, in order, readable; or null. */
  readonly stretch: (
    kind: StreamKind,
    space: SpaceRef,
    from: bigint,
    to: bigint,
  ) => Promise<ReadonlyArray<Decoded> | null>
}

/** How long (ms) a stretch is kept after it was last requested, and how many events and bytes are kept in all. */
const KEPT_MS = 10_000
const MAX_KEPT = 20_000
const MAX_KEPT_BYTES = 32 << 20
/** A read of more bytes than this is useless to everybody, and stops there. */
const MAX_BYTES = 4 << 20
const PAGE = 100

/** What is kept of one stream, without gaps; `first` is the revision of the first event. */
type SharedRead = {
  first: bigint
  events: ReadonlyArray<Decoded>
  bytes: number
  timer: NodeJS.Timeout | undefined
  /** Whoever comes in the meantime waits, and then finds it already read. */
  turn: Promise<unknown>
}

export const createSharedReads = (log: Pick<EventLog, 'readStream'>): SharedReads => {
  const kept = new Map<string, SharedRead>()

  const read = async (stream: string, from: bigint, to: bigint): Promise<ReadonlyArray<Decoded> | null> => {
    const decoded: Decoded[] = []
    let bytes = 0
    for (let next = from; next <= to; next = from + BigInt(decoded.length)) {
      const limit = Math.min(PAGE, Number(to - next) + 1)
      const events = await log.readStream(stream, { from: next, limit })()
      if (E.isLeft(events) || events.right.length !== limit) return null
      for (const [i, recorded] of events.right.entries()) {
        const one = decodeRecorded(recorded)
        if (E.isLeft(one) || recorded.revision !== next + BigInt(i)) return null
        decoded.push(one.right)
        bytes += roughBytes(one.right)
      }
      if (bytes > MAX_BYTES) return null
    }
    return decoded
  }

  const forget = (stream: string): void => {
    clearTimeout(kept.get(stream)?.timer)
    kept.delete(stream)
  }

  /** Keeps the ones that were requested last. */
  const keep = (stream: string, one: SharedRead): void => {
    forget(stream)
    kept.set(stream, one)
    one.timer = setTimeout(() => kept.delete(stream), KEPT_MS)
    one.timer.unref()
    let count = 0
    let bytes = 0
    for (const other of kept.values()) {
      count += other.events.length
      bytes += other.bytes
    }
    for (const [oldest, { events, bytes: size }] of kept) {
      if (count <= MAX_KEPT && bytes <= MAX_KEPT_BYTES) return
      count -= events.length
      bytes -= size
      forget(oldest)
    }
  }

  const extended = async (
    stream: string,
    one: SharedRead,
    from: bigint,
    to: bigint,
  ): Promise<ReadonlyArray<Decoded> | null> => {
    const end = one.first + BigInt(one.events.length)
    if (one.events.length === 0 || to < one.first - 1n || from > end) {
      const events = await read(stream, from, to)
      // Nobody else will ask for what comes before it.
      if (events !== null && (one.events.length === 0 || from > end))
        Object.assign(one, { first: from, events, bytes: roughBytes(events) })
      return events
    }
    const before = from < one.first ? await read(stream, from, one.first - 1n) : []
    const after = to >= end ? await read(stream, end, to) : []
    if (before === null || after === null) return null
    if (before.length > 0 || after.length > 0) {
      one.events = [...before, ...one.events, ...after]
      one.first -= BigInt(before.length)
      one.bytes += roughBytes(before) + roughBytes(after)
    }
    return one.events.slice(Number(from - one.first), Number(to - one.first) + 1)
  }

  return {
    stretch: async (kind, space, from, to) => {
      if (to < from) return []
      const stream = streamName(kind, space)
      const one = kept.get(stream) ?? {
        first: 0n,
        events: [],
        bytes: 0,
        timer: undefined,
        turn: Promise.resolve(),
      }
      keep(stream, one)
      const asked = one.turn.then(() => extended(stream, one, from, to))
      one.turn = asked.catch(() => {})
      return asked
    },
  }
}
