/** Makes what is kept beside one stream (`kept-streams.ts`) from its events as they come, one after the other. Whoever
 *  holds the log writes it (`apps/operations/keep/moment-writer.ts`). */
import { hash } from 'node:crypto'
import type { Decoded } from '../../domain/codec.ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { NewEvent } from '../../domain/ports.ts'
import type { Folding } from './folding.ts'
import { KEPT_VERSION, MARKS_EACH, MAX_BYTES, marksOf, momentsOf, partsOf } from './kept-streams.ts'
import { after, nothing, type Point } from './point.ts'

/** Events to write to a stream from number `at` on. `moments`: how many kept moments they complete. */
export type ToWrite = {
  readonly stream: string
  readonly at: number
  readonly events: ReadonlyArray<NewEvent>
  readonly moments: number
}

export type Keeping<S = unknown> = {
  /** The state after the last event that was added. */
  readonly point: () => Point<S>
  /** Adds the event that follows that one, and no other. The state belongs to this object: nobody else may change it. */
  readonly add: (decoded: Decoded) => void
  /** Whether there is a moment to write. */
  readonly isDue: () => boolean
  /** What there is to write, in this order; it is returned once. */
  readonly take: () => ReadonlyArray<ToWrite>
  /** How many things the state holds. */
  readonly entries: () => number
}

export type Begin<S> = {
  readonly point: Point<S>
  /** The number of the moment at this point, or -1: the last moment that was kept whole. */
  readonly full: number
  /** How many moments and marks are kept. */
  readonly count: number
  readonly marked: number
  /** How many things the last moment that was kept whole holds, if that is not this point. */
  readonly weight?: number
}
/** The beginning: before the first event, with nothing kept. */
export const fromNothing = <S>(folding: Folding<S>): Begin<S> => ({
  point: nothing(folding),
  full: -1,
  count: 0,
  marked: 0,
})

const sha256 = (text: string): string => hash('sha256', text, 'hex')
/** Event number `k` of a stream, made after the room's event `id`: its own id derives from these, so that every writer writes the same. */
const newEvent = (
  { stream, k, id }: { readonly stream: string; readonly k: number; readonly id: string },
  type: string,
  data: unknown,
): NewEvent => ({ id: derivedUuid(sha256, `${stream} ${k} ${id}`), type, data, metadata: {} })

/** `bytes`: about its length on the log. */
type Made = {
  readonly k: number
  readonly event: NewEvent
  readonly bytes: number
  readonly parts: ReadonlyArray<NewEvent>
}

/** A moment that is kept whole: its state is in it, or in parts beside it if the state is long. */
const wholeMoment = (
  { stream, k, id }: { readonly stream: string; readonly k: number; readonly id: string },
  head: object,
  state: unknown,
): Made => {
  const text = JSON.stringify(state)
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_BYTES) {
    const event = newEvent({ stream: momentsOf(stream), k, id }, 'Moment', { ...head, state })
    return { k, event, bytes: bytes + 500, parts: [] }
  }
  const ascii = text.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const parts: NewEvent[] = []
  for (let i = 0; i * MAX_BYTES < ascii.length; i++) {
    const part = { v: 1, text: ascii.slice(i * MAX_BYTES, (i + 1) * MAX_BYTES) }
    parts.push(newEvent({ stream: partsOf(stream, k), k: i, id }, 'MomentPart', part))
  }
  const event = newEvent({ stream: momentsOf(stream), k, id }, 'Moment', { ...head, parts: parts.length })
  return { k, event, bytes: 300, parts }
}

/** The moments from number `from` on, in appends that are not too large. */
const inAppends = (stream: string, from: number, made: ReadonlyArray<Made>): ToWrite[] => {
  const appends: ToWrite[] = []
  let at = from
  for (let i = 0; i < made.length; ) {
    const events: NewEvent[] = []
    for (let bytes = 0; i < made.length && (events.length === 0 || bytes + made[i]!.bytes < MAX_BYTES); i++) {
      bytes += made[i]!.bytes
      events.push(made[i]!.event)
    }
    appends.push({ stream, at, events, moments: events.length })
    at += events.length
  }
  return appends
}

export const createKeeping = <S>(
  stream: string,
  folding: Folding<S>,
  every: number,
  begin: Begin<S>,
): Keeping<S> => {
  const step = every / MARKS_EACH
  let { point, full, count, marked } = begin
  /** How many things the last moment that was kept whole holds. */
  let weight = full < 0 ? 0 : (begin.weight ?? folding.entries(point.state))
  let moments: Made[] = []
  let places: NewEvent[] = []

  const add = (decoded: Decoded): void => {
    point = after(folding, point, decoded)
    const end = point.revision + 1
    if (end % step !== 0) return
    const { position, latest, id, at } = point
    const place = { v: 1, position: String(position), latest }
    const m = end / step - 1
    if (m >= marked + places.length)
      places.push(newEvent({ stream: marksOf(stream), k: m, id }, 'Mark', place))
    const k = end / every - 1
    if (!Number.isInteger(k)) return
    const isThere = k < count + moments.length
    const head = { ...place, v: KEPT_VERSION, id, at }
    // The larger a room's state, the less often it is kept, so that keeping it costs no more than its events do.
    const now = folding.entries(point.state)
    if (full >= 0 && (k - full) * every < Math.max(every, Math.min(weight, now))) {
      if (isThere) return
      const event = newEvent({ stream: momentsOf(stream), k, id }, 'Moment', { ...head, back: full })
      moments.push({ k, event, bytes: 300, parts: [] })
      return
    }
    full = k
    weight = now
    if (!isThere) moments.push(wholeMoment({ stream, k, id }, head, folding.toJson(point.state)))
  }

  const take = (): ReadonlyArray<ToWrite> => {
    const [made, marks] = [moments, places]
    const [from, fromMark] = [count, marked]
    // Events that come meanwhile belong to the next call.
    moments = []
    places = []
    count += made.length
    marked += marks.length
    const parts = made.flatMap(({ k, parts }) =>
      parts.map((part, at) => ({ stream: partsOf(stream, k), at, events: [part], moments: 0 })),
    )
    // The marks come last: if there is a mark, the moments before it are there too.
    const last =
      marks.length === 0 ? [] : [{ stream: marksOf(stream), at: fromMark, events: marks, moments: 0 }]
    return [...parts, ...inAppends(momentsOf(stream), from, made), ...last]
  }

  return {
    point: () => point,
    add,
    isDue: () => moments.length > 0,
    take,
    entries: () => folding.entries(point.state),
  }
}
