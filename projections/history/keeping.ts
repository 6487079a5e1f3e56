/** What is to be kept of one stream (`kept-streams.ts`), made from its events as they come, one after the other. */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { Decoded } from '../../domain/codec.ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { EventLog, NewEvent } from '../../domain/ports.ts'
import type { Folding } from './folding.ts'
import { KEPT_VERSION, MARKS_EACH, MAX_BYTES, marksOf, momentsOf, partsOf } from './kept-streams.ts'
import { after, type Point } from './point.ts'

export type Keeping<S = unknown> = {
  /** After the last event that it was given. */
  readonly point: () => Point<S>
  /** The event after that one, and no other. Its state is this one's own: nobody else may change it. */
  readonly add: (decoded: Decoded) => void
  /** Whether there is a moment to write. */
  readonly isDue: () => boolean
  /** Writes what there is. False where that failed: then it is of no use any more. One at a time. */
  readonly flush: (log: Pick<EventLog, 'append'>) => Promise<boolean>
  /** How many moments it wrote. */
  readonly kept: () => number
  /** How many things it holds. */
  readonly entries: () => number
}

export type Begin<S> = {
  readonly point: Point<S>
  /** The number of the moment that this point is, or -1: the last that was kept whole. */
  readonly full: number
  /** How many moments and marks there are. */
  readonly count: number
  readonly marked: number
}

const sha256 = (text: string): string => hash('sha256', text, 'hex')
const newEvent = (stream: string, k: number, id: string, type: string, data: unknown): NewEvent => ({
  id: derivedUuid(sha256, `${stream} ${k} ${id}`),
  type,
  data,
  metadata: {},
})

/** Appends these as the stream's events from number `at` on. Whoever was there before wrote the same. */
const put = async (
  log: Pick<EventLog, 'append'>,
  stream: string,
  at: number,
  events: ReadonlyArray<NewEvent>,
): Promise<boolean> => {
  let next = at
  let left = events
  while (left.length > 0) {
    const written = await log.append(stream, next === 0 ? 'none' : BigInt(next - 1), left)()
    if (E.isRight(written)) return true
    if (written.left._tag !== 'WrongExpectedRevision' || written.left.actual === null) return false
    const ahead = Number(written.left.actual) + 1 - next
    if (ahead <= 0) return false
    next += ahead
    left = left.slice(ahead)
  }
  return true
}

/** `bytes`: about as long as it is on the log. */
type Made = {
  readonly k: number
  readonly event: NewEvent
  readonly bytes: number
  readonly parts: ReadonlyArray<NewEvent>
}

export const createKeeping = <S>(
  stream: string,
  folding: Folding<S>,
  every: number,
  begin: Begin<S>,
): Keeping<S> => {
  const step = every / MARKS_EACH
  let { point, full, count, marked } = begin
  /** What the last one that was kept whole holds. */
  let weight = full < 0 ? 0 : folding.entries(point.state)
  let moments: Made[] = []
  let places: NewEvent[] = []
  let kept = 0

  const whole = (k: number, id: string, head: object): Made => {
    const state = folding.toJson(point.state)
    const text = JSON.stringify(state)
    const bytes = Buffer.byteLength(text)
    if (bytes <= MAX_BYTES) {
      const event = newEvent(momentsOf(stream), k, id, 'Moment', { ...head, state })
      return { k, event, bytes: bytes + 500, parts: [] }
    }
    const ascii = text.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    const parts: NewEvent[] = []
    for (let i = 0; i * MAX_BYTES < ascii.length; i++) {
      const part = { v: 1, text: ascii.slice(i * MAX_BYTES, (i + 1) * MAX_BYTES) }
      parts.push(newEvent(partsOf(stream, k), i, id, 'MomentPart', part))
    }
    const event = newEvent(momentsOf(stream), k, id, 'Moment', { ...head, parts: parts.length })
    return { k, event, bytes: 300, parts }
  }

  const add = (decoded: Decoded): void => {
    point = after(folding, point, decoded)
    const end = point.revision + 1
    if (end % step !== 0) return
    const { position, latest, id, at } = point
    const place = { v: 1, position: String(position), latest }
    const m = end / step - 1
    if (m >= marked + places.length) places.push(newEvent(marksOf(stream), m, id, 'Mark', place))
    const k = end / every - 1
    if (!Number.isInteger(k)) return
    const isThere = k < count + moments.length
    const head = { ...place, v: KEPT_VERSION, id, at }
    // A crowded room's state is kept the more seldom, so that keeping costs no more than its events do.
    const now = folding.entries(point.state)
    if (full >= 0 && (k - full) * every < Math.max(every, Math.min(weight, now))) {
      if (isThere) return
      const event = newEvent(momentsOf(stream), k, id, 'Moment', { ...head, back: full })
      moments.push({ k, event, bytes: 300, parts: [] })
      return
    }
    full = k
    weight = now
    if (!isThere) moments.push(whole(k, id, head))
  }

  const flush = async (log: Pick<EventLog, 'append'>): Promise<boolean> => {
    const [made, marks] = [moments, places]
    const [from, fromMark] = [count, marked]
    // What comes meanwhile is of the next time.
    moments = []
    places = []
    count += made.length
    marked += marks.length
    for (const { k, parts } of made)
      for (const [i, part] of parts.entries())
        if (!(await put(log, partsOf(stream, k), i, [part]))) return false
    let at = from
    for (let i = 0; i < made.length; ) {
      const group: NewEvent[] = []
      for (
        let bytes = 0;
        i < made.length && (group.length === 0 || bytes + made[i]!.bytes < MAX_BYTES);
        i++
      ) {
        bytes += made[i]!.bytes
        group.push(made[i]!.event)
      }
      if (!(await put(log, momentsOf(stream), at, group))) return false
      at += group.length
      kept += group.length
    }
    // Last: where there is a mark, there are the moments before it.
    return marks.length === 0 || put(log, marksOf(stream), fromMark, marks)
  }

  return {
    point: () => point,
    add,
    isDue: () => moments.length > 0,
    flush,
    kept: () => kept,
    entries: () => folding.entries(point.state),
  }
}
