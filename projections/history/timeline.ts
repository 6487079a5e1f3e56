/** One of a room's streams at any of its moments, found with the help of what is kept beside it (`kept-streams.ts`), so
 *  that it costs the same whatever the stream's age. If much is not kept yet, the timeline has it kept first
 *  (`KeepStream`). */

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
/** If there are more events than this after the last kept moment, a reader has them kept first. */
const PATIENCE = 4 * EVERY
/** How many of the events read on the way to a moment are returned with it. */
const SEEN = 2 * PAGE
const NO_END = Number.POSITIVE_INFINITY

/** The port to the writer of kept moments: writes whatever is not kept yet beside a room's stream. */
export type KeepStream = (space: SpaceRef, kind: 'space' | 'chat') => Promise<unknown>

/** `next`: the position of the first event that is past the moment; null if there is none. `unread`: how many were skipped. */
export type Reached<S> = Point<S> & { readonly next: bigint | null; readonly unread: number }

type ReachOptions = {
  readonly exact?: boolean
  readonly passing?: boolean
  readonly last?: number
  /** A map for the last events that were read on the way, by revision. */
  readonly seen?: Map<number, RecordedEvent>
}

export type Timeline<S> = {
  /** The state before the first event that is past; the caller's to keep. `exact`: from every event since the first,
   *  without trusting anything kept. `passing`: skips events that can't be read, which otherwise end it. */
  readonly to: (space: SpaceRef, past: IsPast, options?: ReachOptions) => Promise<Reached<S>>
  /** The first event that is past; null if there is none. */
  readonly first: (space: SpaceRef, past: IsPast) => Promise<RecordedEvent | null>
}

/** How far a fold goes. `until`: the end of the stretch that contains the moment's end; null for the newest. */
type Reach = ReachOptions & {
  readonly past: IsPast
  readonly until: number | null
  readonly patience: number
}

/** Continues the fold from `from`. `foreign`: that is not from this stream; `far`: it would take too many events. */
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

/** Without `keep` nothing is kept, and whatever is far from a kept moment is folded each time. */
export const createTimeline = <S>(
  log: StreamReader,
  folding: Folding<S>,
  options: { readonly every?: number; readonly keep?: KeepStream | undefined } = {},
): Timeline<S> => {
  const { every = EVERY, keep } = options
  const step = every / MARKS_EACH
  const marks = createMarks(log, every)
  const nearest = nearestKept(log, folding, every)

  /** From the nearest kept moment; null if none is usable, `far` if much is not kept yet. */
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
      // Nothing is kept after an event that can't be read: what comes after a skipped event is folded each time.
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

  /** From the state at which the log was cut, if what is asked for comes after that. */
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
