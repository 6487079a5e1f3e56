/**
 * One of a room's streams, at any moment of it, at a cost that its age does not change.
 *
 * After every `EVERY` events the fold's result is kept in a stream beside it, `moments-<stream>`: its event number k holds
 * how things stood after revision (k + 1) · EVERY - 1, so whoever knows a revision knows where to look, with no index.
 * `marks-<stream>` is numbered alike, four to each, and says in a few bytes where on the log, and when, that was: times and
 * positions are found in it by halving. Both are made of the room's own events and nothing else, so it is no matter who
 * writes them, or whether two do at once: they write the same, and whatever is missing is made when first asked for.
 */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import { derivedUuid } from '../../domain/ids.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, NewEvent, RecordedEvent } from '../../domain/ports.ts'
import { Failed, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import type { Ref } from './refs.ts'

export const EVERY = 256
/** Marks to a kept moment: what is read past it ends with the mark. */
const MARKS_EACH = 4
/** An append takes 1 MiB; a kept moment above this goes into parts. */
const MAX_BYTES = 700_000
const PAGE = 1_000
/** Events past the last kept moment that a reader folds before it has them kept first. */
const PATIENCE = 4 * EVERY

/** Of the streams that are kept beside the room's. They hold places in this very log, and are of no use in another. */
export const KEPT_PREFIXES: ReadonlyArray<string> = ['moments-', 'marks-', 'momentparts-']
const momentsOf = (stream: string): string => `moments-${stream}`
const marksOf = (stream: string): string => `marks-${stream}`
const partsOf = (stream: string, k: number): string => `momentparts-${stream}@${k}`

/** The fold after some event. `latest` (ms) is the newest time of any event so far: with several clocks, an event may
 *  say an earlier time than the one before it. */
export type Point<S> = {
  readonly state: S
  /** Of the last event in it, -1 for none; its position, id and time. */
  readonly revision: number
  readonly position: bigint | null
  readonly id: string
  readonly at: string | null
  readonly latest: number
}
/** `next`: the position of the first event that is past; null where none is. */
export type Reached<S> = Point<S> & { readonly next: bigint | null }

export type Where = { readonly revision: number; readonly position: bigint; readonly latest: number }
/** Whether a moment ends before this event. Once true, true of all that follow. */
export type Past = (where: Where) => boolean

export type Timeline<S> = {
  /** As things stood before the first event that is past. The caller's to keep. `exact`: by every event from the first
   *  on, with nothing kept believed. */
  readonly to: (
    space: SpaceRef,
    past: Past,
    options?: {
      readonly exact?: boolean
      readonly last?: number
      /** Where the last events that were read on the way are put, by revision. */
      readonly seen?: Map<number, RecordedEvent>
    },
  ) => Promise<Reached<S>>
  /** The first event that is past; null where none is. */
  readonly first: (space: SpaceRef, past: Past) => Promise<RecordedEvent | null>
  /** Keeps what is not kept yet; answers how many moments it added. One at a time for each stream. */
  readonly keep: (space: SpaceRef) => Promise<number>
}

const Mark = t.type({ v: t.literal(1), position: t.string, latest: t.number })
const Kept = t.intersection([
  t.type({ v: t.literal(1), position: t.string, latest: t.number, id: t.string, at: t.string }),
  t.partial({ state: t.unknown, back: t.number, parts: t.number }),
])
type Kept = t.TypeOf<typeof Kept>

const sha256 = (text: string): string => hash('sha256', text, 'hex')

export const readable = (recorded: RecordedEvent): Decoded => {
  const decoded = decodeRecorded(recorded)
  if (E.isRight(decoded)) return decoded.right
  const { stream, revision } = recorded
  throw new Failed({ _tag: 'Unreadable', cause: `event ${revision} of ${stream}: ${decoded.left.reason}` })
}
export const refOf = ({
  revision,
  position,
  id,
}: Pick<RecordedEvent, 'revision' | 'position' | 'id'>): Ref => ({
  revision: Number(revision),
  position: String(position),
  id,
})

/** The newest time so far; a date that is none counts for nothing. */
const later = (latest: number, { metadata }: Decoded): number => {
  const ms = Date.parse(metadata.at)
  return Number.isNaN(ms) ? latest : Math.max(latest, ms)
}
const whereOf = (latest: number, decoded: Decoded): Where => ({
  revision: Number(decoded.revision),
  position: decoded.position,
  latest: later(latest, decoded),
})

/** So few are read together rather than halved one by one: several waits less, for bytes that are few. */
const MARKS_AT_ONCE = 64
/** How many events that were read on the way to a moment are handed on. */
const SEEN = 2 * PAGE
/** Marks never change once written, so they are remembered, so many of them in all. */
const MARKS = 200_000

export const createTimeline = <S>(log: EventLog, folding: Folding<S>, every = EVERY): Timeline<S> => {
  const step = every / MARKS_EACH
  const marks = new Map<string, Map<number, Where>>()
  /** How many marks of a stream there were when last looked at: never fewer since. */
  const counts = new Map<string, number>()
  let remembered = 0
  const keeping = new Map<string, Promise<number>>()

  const nothing = (): Point<S> => ({
    state: folding.initial(),
    revision: -1,
    position: null,
    id: '',
    at: null,
    latest: 0,
  })

  const after = (
    point: Point<S>,
    decoded: Decoded,
    { revision, position, latest }: Where = whereOf(point.latest, decoded),
  ): Point<S> => ({
    state: folding.apply(point.state, decoded, refOf(decoded)),
    revision,
    position,
    id: decoded.id,
    at: decoded.metadata.at,
    latest,
  })

  /* ── marks ──────────────────────────────────────────────────────────────────────────────────────────── */

  const remember = (stream: string, k: number, recorded: RecordedEvent | undefined): Where | null => {
    if (recorded === undefined || !Mark.is(recorded.data)) return null
    const { position, latest } = recorded.data
    const mark = { revision: (k + 1) * step - 1, position: BigInt(position), latest }
    if (remembered >= MARKS) {
      marks.clear()
      counts.clear()
      remembered = 0
    }
    const known = marks.get(stream) ?? new Map()
    marks.set(stream, known)
    if (!known.has(k)) remembered += 1
    known.set(k, mark)
    return mark
  }
  const markAt = async (stream: string, k: number): Promise<Where | null> => {
    const known = marks.get(stream)?.get(k)
    if (known !== undefined) return known
    const [recorded] = await readEvents(log, marksOf(stream), { from: BigInt(k), limit: 1 })
    return remember(stream, k, recorded)
  }
  /** Has these remembered, in one read where some are not. */
  const marksIn = async (stream: string, low: number, high: number): Promise<void> => {
    const known = marks.get(stream)
    let k = low
    while (k < high && known?.has(k) === true) k += 1
    if (k === high) return
    const page = await readEvents(log, marksOf(stream), { from: BigInt(k), limit: high - k })
    for (const [i, recorded] of page.entries()) remember(stream, k + i, recorded)
  }
  /** How many marks there are. */
  const markedSoFar = async (stream: string): Promise<number> => {
    const [last] = await readEvents(log, marksOf(stream), { direction: 'backwards', limit: 1 })
    if (last === undefined) return 0
    const k = Number(last.revision)
    if (remember(stream, k, last) !== null) counts.set(stream, k + 1)
    return k + 1
  }
  /** The same where the moment may lie behind the last that is known of; else what is known is enough. */
  const markedFor = async (stream: string, past: Past): Promise<number> => {
    const known = counts.get(stream) ?? 0
    const mark = marks.get(stream)?.get(known - 1)
    return mark !== undefined && past(mark) ? known : markedSoFar(stream)
  }
  /** The first stretch between marks whose end is past; `count` where none is. */
  const stretch = async (stream: string, count: number, past: Past): Promise<number> => {
    let low = 0
    let high = count
    while (low < high) {
      if (high - low <= MARKS_AT_ONCE && high - low > 2) await marksIn(stream, low, high)
      const middle = (low + high) >> 1
      const mark = await markAt(stream, middle)
      if (mark === null || past(mark)) high = middle
      else low = middle + 1
    }
    return low
  }

  /* ── kept moments ───────────────────────────────────────────────────────────────────────────────────── */

  const keptAt = async (stream: string, k: number): Promise<Kept | null> => {
    const [recorded] = await readEvents(log, momentsOf(stream), { from: BigInt(k), limit: 1 })
    return recorded !== undefined && Number(recorded.revision) === k && Kept.is(recorded.data)
      ? recorded.data
      : null
  }
  const stateOf = async (stream: string, k: number, kept: Kept): Promise<S | null> => {
    if (kept.parts === undefined) return folding.fromJson(kept.state)
    const parts = await readEvents(log, partsOf(stream, k), { limit: kept.parts })
    const text = parts.map(({ data }) => (data as { readonly text?: unknown }).text).join('')
    try {
      return folding.fromJson(JSON.parse(text))
    } catch {
      return null
    }
  }
  /** The nearest moment kept at or before the end of stretch `k`, and its number; null where none is of use. */
  const pointAt = async (
    stream: string,
    k: number,
  ): Promise<{ readonly k: number; readonly point: Point<S> } | null> => {
    if (k < 0) return null
    const there = await keptAt(stream, k)
    const at = there?.back ?? k
    const kept = at === k ? there : await keptAt(stream, at)
    if (kept === null || at > k) return null
    const state = await stateOf(stream, at, kept)
    if (state === null) return null
    const { id, position, latest } = kept
    const revision = (at + 1) * every - 1
    return { k: at, point: { state, revision, position: BigInt(position), id, at: kept.at, latest } }
  }

  /** The events after `point`, page by page; null where what is kept is not of this stream. */
  const pageAfter = async (
    stream: string,
    point: Point<S>,
    limit: number,
  ): Promise<ReadonlyArray<RecordedEvent> | null> => {
    if (point.revision < 0) return readEvents(log, stream, { from: 0n, limit })
    const page = await readEvents(log, stream, { from: BigInt(point.revision), limit: limit + 1 })
    const [known] = page
    return known?.id === point.id && known.position === point.position ? page.slice(1) : null
  }

  const foldTo = async (
    stream: string,
    from: Point<S>,
    past: Past,
    /** Where the stretch ends that holds the moment's end; null for the newest. */
    until: number | null,
    patience: number,
    last: number,
    seen: Map<number, RecordedEvent> | undefined,
  ): Promise<Reached<S> | 'foreign' | 'far'> => {
    let point = from
    let folded = 0
    for (;;) {
      const ahead = Math.min(until ?? Number.POSITIVE_INFINITY, last + 1) - point.revision
      const limit = Math.max(1, Math.min(PAGE, ahead))
      const page = await pageAfter(stream, point, limit)
      if (page === null) return 'foreign'
      if (seen !== undefined && seen.size + page.length > SEEN) seen.clear()
      for (const recorded of page) {
        const decoded = readable(recorded)
        const where = whereOf(point.latest, decoded)
        if (past(where)) return { ...point, next: decoded.position }
        point = after(point, decoded, where)
        seen?.set(where.revision, recorded)
      }
      if (page.length < limit) return { ...point, next: null }
      folded += page.length
      if (folded > patience) return 'far'
    }
  }

  const to: Timeline<S>['to'] = async (space, past, options = {}) => {
    const { last = Number.POSITIVE_INFINITY, seen } = options
    const stream = streamName(folding.kind, space)
    if (options.exact !== true)
      for (let attempt = 0; attempt < 2; attempt++) {
        const count = await markedFor(stream, past)
        const m = await stretch(stream, count, past)
        const k = Math.floor(m / MARKS_EACH)
        const near = await pointAt(stream, k - 1)
        if (near === null && k > 0) break
        const from = near?.point ?? nothing()
        const isNewest = m === count
        const patience = isNewest && attempt === 0 ? PATIENCE : Number.POSITIVE_INFINITY
        const end = await foldTo(
          stream,
          from,
          past,
          isNewest ? null : (m + 1) * step - 1,
          patience,
          last,
          seen,
        )
        if (end === 'foreign') break
        if (end !== 'far') return end
        await keep(space)
      }
    const end = await foldTo(stream, nothing(), past, null, Number.POSITIVE_INFINITY, last, seen)
    if (end === 'foreign' || end === 'far')
      throw new Failed({ _tag: 'LogUnavailable', cause: `${stream} changed while it was read` })
    return end
  }

  const first: Timeline<S>['first'] = async (space, past) => {
    const stream = streamName(folding.kind, space)
    const count = await markedFor(stream, past)
    const k = await stretch(stream, count, past)
    let latest = k === 0 ? 0 : ((await markAt(stream, k - 1))?.latest ?? 0)
    for (let from = BigInt(k * step); ; from += BigInt(PAGE)) {
      const page = await readEvents(log, stream, { from, limit: k < count ? step : PAGE })
      for (const recorded of page) {
        const where = whereOf(latest, readable(recorded))
        if (past(where)) return recorded
        latest = where.latest
      }
      if (k < count || page.length < PAGE) return null
    }
  }

  /* ── keeping ────────────────────────────────────────────────────────────────────────────────────────── */

  /** Appends these as the stream's events from number `at` on. Whoever was there before wrote the same. */
  const put = async (stream: string, at: number, events: ReadonlyArray<NewEvent>): Promise<boolean> => {
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
  const newEvent = (stream: string, k: number, id: string, type: string, data: unknown): NewEvent => ({
    id: derivedUuid(sha256, `${stream} ${k} ${id}`),
    type,
    data,
    metadata: {},
  })

  const keepStream = async (stream: string): Promise<number> => {
    let marked = await markedSoFar(stream)
    const begun = Math.floor(marked / MARKS_EACH)
    const near = await pointAt(stream, begun - 1)
    if (near === null && begun > 0) return 0
    let point = near?.point ?? nothing()
    let full = near?.k ?? -1
    /** What the last one that was kept whole holds. */
    let weight = near === null ? 0 : folding.entries(near.point.state)
    let count = begun
    for (;;) {
      const page = await pageAfter(stream, point, PAGE)
      if (page === null) return count - begun
      const moments: Array<{ readonly event: NewEvent; readonly bytes: number }> = []
      const places: NewEvent[] = []
      for (const recorded of page) {
        point = after(point, readable(recorded))
        const { position, latest, id, at } = point
        const place = { v: 1, position: String(position), latest }
        const m = (point.revision + 1) / step - 1
        if (Number.isInteger(m) && m >= marked) places.push(newEvent(marksOf(stream), m, id, 'Mark', place))
        const k = (point.revision + 1) / every - 1
        if (!Number.isInteger(k) || k < count) continue
        const head = { ...place, id, at }
        // A crowded room's state is kept the more seldom, so that keeping costs no more than its events do.
        const now = folding.entries(point.state)
        if (full >= 0 && (k - full) * every < Math.max(every, Math.min(weight, now))) {
          const data = { ...head, back: full }
          moments.push({ event: newEvent(momentsOf(stream), k, id, 'Moment', data), bytes: 300 })
          continue
        }
        full = k
        weight = now
        const state = folding.toJson(point.state)
        const text = JSON.stringify(state)
        const bytes = Buffer.byteLength(text)
        if (bytes <= MAX_BYTES) {
          const event = newEvent(momentsOf(stream), k, id, 'Moment', { ...head, state })
          moments.push({ event, bytes: bytes + 500 })
          continue
        }
        const parts: NewEvent[] = []
        const ascii = text.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
        for (let i = 0; i * MAX_BYTES < ascii.length; i++) {
          const part = { v: 1, text: ascii.slice(i * MAX_BYTES, (i + 1) * MAX_BYTES) }
          parts.push(newEvent(partsOf(stream, k), i, id, 'MomentPart', part))
        }
        for (const [i, part] of parts.entries())
          if (!(await put(partsOf(stream, k), i, [part]))) return count - begun
        const data = { ...head, parts: parts.length }
        moments.push({ event: newEvent(momentsOf(stream), k, id, 'Moment', data), bytes: 300 })
      }
      let at = count
      for (let i = 0; i < moments.length; ) {
        const group: NewEvent[] = []
        for (
          let bytes = 0;
          i < moments.length && (group.length === 0 || bytes + moments[i]!.bytes < MAX_BYTES);
          i++
        ) {
          bytes += moments[i]!.bytes
          group.push(moments[i]!.event)
        }
        if (!(await put(momentsOf(stream), at, group))) return count - begun
        at += group.length
      }
      // Last: where there is a mark, there are the moments before it.
      if (places.length > 0 && !(await put(marksOf(stream), marked, places))) return count - begun
      marked += places.length
      count += moments.length
      if (page.length < PAGE) return count - begun
    }
  }
  const keep = (space: SpaceRef): Promise<number> => {
    const stream = streamName(folding.kind, space)
    const under = keeping.get(stream)
    if (under !== undefined) return under
    const started = keepStream(stream).finally(() => keeping.delete(stream))
    keeping.set(stream, started)
    return started
  }

  return { to, first, keep }
}
