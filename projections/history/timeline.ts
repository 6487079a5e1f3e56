/** One of a room's streams at any of its moments, found from what is kept beside it (`kept-streams.ts`), so that it costs
 *  the same whatever the stream's age. Where much is not kept yet, the timeline has it kept first (`KeepStream`). */

import { decodeRecorded } from '../../domain/codec.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { standingAt } from './cut-standing.ts'
import { Failed, isArchived, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { nearestKept, pageAfter } from './kept-moments.ts'
import { EVERY, MARKS_EACH } from './kept-streams.ts'
import { createMarks } from './marks.ts'
import { after, type IsPast, nothing, type Point, passed, readable, whereOf } from './point.ts'

const PAGE = 1_000
/** With more events than this past the last kept moment, a reader has them kept first. */
const PATIENCE = 4 * EVERY
/** How many events that were read on the way to a moment are handed on. */
const SEEN = 2 * PAGE
const NO_END = Number.POSITIVE_INFINITY

/** The port to what writes kept moments: has what is not kept yet of a room's stream written beside it. */
export type KeepStream = (space: SpaceRef, kind: 'space' | 'chat') => Promise<unknown>

/** `next`: the position of the first event that is past; null where none is. `unread`: how many were passed over. */
export type Reached<S> = Point<S> & { readonly next: bigint | null; readonly unread: number }

type ReachOptions = {
  readonly exact?: boolean
  readonly passing?: boolean
  readonly last?: number
  /** Where the last events that were read on the way are put, by revision. */
  readonly seen?: Map<number, RecordedEvent>
}

export type Timeline<S> = {
  /** As things stood before the first event that is past. The caller's to keep. `exact`: by every event from the first
   *  on, with nothing kept believed. `passing`: events that can't be read are passed over, where else they end it. */
  readonly to: (space: SpaceRef, past: IsPast, options?: ReachOptions) => Promise<Reached<S>>
  /** The first event that is past; null where none is. */
  readonly first: (space: SpaceRef, past: IsPast) => Promise<RecordedEvent | null>
}

/** How far a fold goes. `until`: where the stretch ends that holds the moment's end; null for the newest. */
type Reach = ReachOptions & {
  readonly past: IsPast
  readonly until: number | null
  readonly patience: number
}

/** Folds on from `from`. `foreign`: that is not of this stream; `far`: patience ended first. */
const foldTo = async <S>(
  log: StreamReader,
  { stream, folding }: { readonly stream: string; readonly folding: Folding<S> },
  from: Point<S>,
  { past, until, patience, last = NO_END, seen, passing = false }: Reach,
): Promise<Reached<S> | 'foreign' | 'far'> => {
  let point = from
  let folded = 0
  let unread = 0
  for (;;) {
    const ahead = Math.min(until ?? NO_END, last + 1) - point.revision
    const limit = Math.max(1, Math.min(PAGE, ahead))
    const page = await pageAfter(log, stream, point, limit)
    if (page === null) return 'foreign'
    if (seen !== undefined && seen.size + page.length > SEEN) seen.clear()
    for (const recorded of page) {
      // An event past the end need not be readable.
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

/** `keep`: without it nothing is kept, and what is far from a kept moment is folded each time. */
export const createTimeline = <S>(
  log: StreamReader,
  folding: Folding<S>,
  options: { readonly every?: number; readonly keep?: KeepStream | undefined } = {},
): Timeline<S> => {
  const { every = EVERY, keep } = options
  const step = every / MARKS_EACH
  const marks = createMarks(log, every)
  const nearest = nearestKept(log, folding, every)

  /** From the nearest kept moment; null where none is of use, `far` where much is not kept yet. */
  const fromKept = async (
    stream: string,
    past: IsPast,
    options: ReachOptions,
    isPatient: boolean,
  ): Promise<Reached<S> | 'foreign' | 'far'> => {
    const count = await marks.countFor(stream, past)
    const m = await marks.stretch(stream, count, past)
    const k = Math.floor(m / MARKS_EACH)
    const near = await nearest(stream, k - 1)
    if (near === null && k > 0) return 'foreign'
    const isNewest = m === count
    return foldTo(log, { stream, folding }, near?.point ?? nothing(folding), {
      ...options,
      past,
      until: isNewest ? null : (m + 1) * step - 1,
      patience: isNewest && !isPatient ? PATIENCE : NO_END,
    })
  }
  const haveKept = async (space: SpaceRef, passing: boolean): Promise<void> => {
    try {
      await keep?.(space, folding.kind)
    } catch (error) {
      // Nothing is kept behind an event that can't be read: what is passed over is folded each time.
      if (!passing || !(error instanceof Failed) || error.error._tag !== 'Unreadable') throw error
    }
  }

  const reach: Timeline<S>['to'] = async (space, past, options = {}) => {
    const stream = streamName(folding.kind, space)
    if (options.exact !== true) {
      let end = await fromKept(stream, past, options, keep === undefined)
      if (end === 'far') {
        await haveKept(space, options.passing === true)
        end = await fromKept(stream, past, options, true)
      }
      if (end !== 'foreign' && end !== 'far') return end
    }
    const whole = { ...options, past, until: null, patience: NO_END }
    const end = await foldTo(log, { stream, folding }, nothing(folding), whole)
    if (end === 'foreign' || end === 'far')
      throw new Failed({ _tag: 'LogUnavailable', cause: `${stream} changed while it was read` })
    return end
  }

  /** From how things stood where the log was cut, where what is asked for comes after that. */
  const pastCut = async (stream: string, past: IsPast, error: unknown): Promise<Point<S>> => {
    const stood = isArchived(error) ? await standingAt(log, folding, stream) : null
    if (stood === null || past({ ...stood, position: stood.position! })) throw error
    return stood
  }

  const to: Timeline<S>['to'] = async (space, past, options = {}) => {
    try {
      return await reach(space, past, options)
    } catch (error) {
      if (options.exact === true) throw error
      const stream = streamName(folding.kind, space)
      const stood = await pastCut(stream, past, error)
      const end = await foldTo(log, { stream, folding }, stood, {
        ...options,
        past,
        until: null,
        patience: NO_END,
      })
      if (end === 'foreign' || end === 'far') throw error
      return end
    }
  }

  const search = async (stream: string, past: IsPast): Promise<RecordedEvent | null> => {
    const count = await marks.countFor(stream, past)
    const k = await marks.stretch(stream, count, past)
    let latest = k === 0 ? 0 : ((await marks.at(stream, k - 1))?.latest ?? 0)
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
  const first: Timeline<S>['first'] = async (space, past) => {
    const stream = streamName(folding.kind, space)
    try {
      return await search(stream, past)
    } catch (error) {
      let { latest, revision } = await pastCut(stream, past, error)
      for (;;) {
        const page = await readEvents(log, stream, { from: BigInt(revision + 1), limit: PAGE })
        for (const recorded of page) {
          const where = whereOf(latest, recorded)
          if (past(where)) return recorded
          ;({ latest, revision } = where)
        }
        if (page.length < PAGE) return null
      }
    }
  }

  return { to, first }
}
