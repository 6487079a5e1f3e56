/**
 * One of a room's streams, at any moment of it, at a cost that its age does not change: from what is kept beside it
 * (`kept-streams.ts`), which is made when first asked for where it is missing.
 */

import { decodeRecorded } from '../../domain/codec.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { Failed, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { createKeeping, type Keeping } from './keeping.ts'
import {
  broughtUp as broughtUpFrom,
  EVERY,
  Kept,
  MARKS_EACH,
  Mark,
  marksOf,
  momentsOf,
  partsOf,
} from './kept-streams.ts'
import { after, nothing, type Past, type Point, passed, readable, type Where, whereOf } from './point.ts'

const PAGE = 1_000
/** Events past the last kept moment that a reader folds before it has them kept first. */
const PATIENCE = 4 * EVERY

/** `next`: the position of the first event that is past; null where none is. `unread`: how many were passed over. */
export type Reached<S> = Point<S> & { readonly next: bigint | null; readonly unread: number }

export type Timeline<S> = {
  /** As things stood before the first event that is past. The caller's to keep. `exact`: by every event from the first
   *  on, with nothing kept believed. `passing`: events that can't be read are passed over, where else they end it. */
  readonly to: (
    space: SpaceRef,
    past: Past,
    options?: {
      readonly exact?: boolean
      readonly passing?: boolean
      readonly last?: number
      /** Where the last events that were read on the way are put, by revision. */
      readonly seen?: Map<number, RecordedEvent>
    },
  ) => Promise<Reached<S>>
  /** The first event that is past; null where none is. */
  readonly first: (space: SpaceRef, past: Past) => Promise<RecordedEvent | null>
  /** Keeps what is not kept yet; answers how many moments it added. One at a time for each stream. */
  readonly keep: (space: SpaceRef) => Promise<number>
  /** The same, and gives what carries it on from the stream's end; null where it can't be carried on. For one caller
   *  alone. */
  readonly takeUp: (space: SpaceRef) => Promise<Keeping | null>
  /** Of a stream that has no events yet. */
  readonly begin: (space: SpaceRef) => Keeping
}

/** So few are read together rather than halved one by one: several waits less, for bytes that are few. */
const MARKS_AT_ONCE = 64
/** How many kept moments that can't be read are passed over, looking for one that can. */
const STEPS_BACK = 4
/** How many events that were read on the way to a moment are handed on. */
const SEEN = 2 * PAGE
/** Marks never change once written, so they are remembered, so many of them in all. */
const MARKS = 200_000

type Brought = { readonly added: number; readonly keeping: Keeping<unknown> | null }

export const createTimeline = <S>(log: EventLog, folding: Folding<S>, every = EVERY): Timeline<S> => {
  const step = every / MARKS_EACH
  const marks = new Map<string, Map<number, Where>>()
  /** How many marks of a stream there were when last looked at: never fewer since. */
  const counts = new Map<string, number>()
  let remembered = 0
  const keeping = new Map<string, Promise<Brought>>()

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
    const read = (state: unknown): S | null => folding.fromJson(broughtUpFrom(kept.v, state))
    if (kept.parts === undefined) return read(kept.state)
    const parts = await readEvents(log, partsOf(stream, k), { limit: kept.parts })
    const text = parts.map(({ data }) => (data as { readonly text?: unknown }).text).join('')
    try {
      return read(JSON.parse(text))
    } catch {
      return null
    }
  }
  /** The nearest moment kept at or before the end of stretch `k`, and its number; null where none is of use. */
  const pointAt = async (
    stream: string,
    k: number,
    tries = STEPS_BACK,
  ): Promise<{ readonly k: number; readonly point: Point<S> } | null> => {
    if (k < 0) return null
    const there = await keptAt(stream, k)
    const at = there?.back ?? k
    const kept = at === k ? there : await keptAt(stream, at)
    if (kept === null || at > k) return null
    const state = await stateOf(stream, at, kept)
    // A newer program's, or not to be read: the one before it may be.
    if (state === null) return tries > 0 ? pointAt(stream, at - 1, tries - 1) : null
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
    passing: boolean,
  ): Promise<Reached<S> | 'foreign' | 'far'> => {
    let point = from
    let folded = 0
    let unread = 0
    for (;;) {
      const ahead = Math.min(until ?? Number.POSITIVE_INFINITY, last + 1) - point.revision
      const limit = Math.max(1, Math.min(PAGE, ahead))
      const page = await pageAfter(stream, point, limit)
      if (page === null) return 'foreign'
      if (seen !== undefined && seen.size + page.length > SEEN) seen.clear()
      for (const recorded of page) {
        // What is past need not be readable.
        const where = whereOf(point.latest, recorded)
        if (past(where)) return { ...point, next: recorded.position, unread }
        if (passing && decodeRecorded(recorded)._tag === 'Left') {
          point = passed(point, recorded, where)
          unread += 1
          continue
        }
        point = after(folding, point, readable(recorded), where)
        seen?.set(where.revision, recorded)
      }
      if (page.length < limit) return { ...point, next: null, unread }
      folded += page.length
      if (folded > patience) return 'far'
    }
  }

  const to: Timeline<S>['to'] = async (space, past, options = {}) => {
    const { last = Number.POSITIVE_INFINITY, seen, passing = false } = options
    const stream = streamName(folding.kind, space)
    if (options.exact !== true)
      for (let attempt = 0; attempt < 2; attempt++) {
        const count = await markedFor(stream, past)
        const m = await stretch(stream, count, past)
        const k = Math.floor(m / MARKS_EACH)
        const near = await pointAt(stream, k - 1)
        if (near === null && k > 0) break
        const from = near?.point ?? nothing(folding)
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
          passing,
        )
        if (end === 'foreign') break
        if (end !== 'far') return end
        // Nothing is kept behind an event that can't be read: what is passed over is folded each time.
        await broughtUp(space).catch((error) => {
          if (!passing || !(error instanceof Failed) || error.error._tag !== 'Unreadable') throw error
        })
      }
    const all = Number.POSITIVE_INFINITY
    const end = await foldTo(stream, nothing(folding), past, null, all, last, seen, passing)
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
        const where = whereOf(latest, recorded)
        if (past(where)) return recorded
        latest = where.latest
      }
      if (k < count || page.length < PAGE) return null
    }
  }

  /* ── keeping ────────────────────────────────────────────────────────────────────────────────────────── */

  const bringUp = async (space: SpaceRef): Promise<Brought> => {
    const stream = streamName(folding.kind, space)
    const marked = await markedSoFar(stream)
    const count = Math.floor(marked / MARKS_EACH)
    // Where none can be read it goes on all the same, from the first event: what is kept from here on can be.
    const near = await pointAt(stream, count - 1)
    const one = createKeeping(stream, folding, every, {
      point: near?.point ?? nothing(folding),
      full: near?.k ?? -1,
      count,
      marked,
    })
    let point = near?.point ?? nothing(folding)
    for (;;) {
      const page = await pageAfter(stream, point, PAGE)
      if (page === null) return { added: one.kept(), keeping: null }
      for (const recorded of page) one.add(readable(recorded))
      if (!(await one.flush(log))) return { added: one.kept(), keeping: null }
      point = one.point()
      if (page.length < PAGE) return { added: one.kept(), keeping: one }
    }
  }
  const broughtUp = (space: SpaceRef): Promise<Brought> => {
    const stream = streamName(folding.kind, space)
    const under = keeping.get(stream)
    if (under !== undefined) return under
    const started = bringUp(space).finally(() => keeping.delete(stream))
    keeping.set(stream, started)
    return started
  }

  return {
    to,
    first,
    keep: async (space) => (await broughtUp(space)).added,
    takeUp: async (space) => (await broughtUp(space)).keeping,
    begin: (space) => {
      const none = { point: nothing(folding), full: -1, count: 0, marked: 0 }
      return createKeeping(streamName(folding.kind, space), folding, every, none)
    },
  }
}
