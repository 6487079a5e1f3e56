/** Writes the moments that are kept beside a room's streams (`projections/history/kept-streams.ts`). They derive from
 *  the room's events alone, so several writers for one room write the same. */
import * as E from 'fp-ts/lib/Either.js'
import { type SpaceRef, streamName } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { standingAt } from '../../../projections/history/cut-standing.ts'
import type { Folding } from '../../../projections/history/folding.ts'
import { type Begin, createKeeping, fromNothing, type Keeping } from '../../../projections/history/keeping.ts'
import { nearestKept, pageAfter } from '../../../projections/history/kept-moments.ts'
import { EVERY, MARKS_EACH } from '../../../projections/history/kept-streams.ts'
import { createMarks } from '../../../projections/history/marks.ts'
import { nothing, readable } from '../../../projections/history/point.ts'
import { talk } from '../../../projections/history/recent-messages.ts'
import { standing } from '../../../projections/history/space-standing.ts'

const PAGE = 1_000

type Log = Pick<EventLog, 'append' | 'readStream'>
type Kind = 'space' | 'chat'

export type MomentWriter = {
  /** Writes what is not kept yet of a room's stream, so that looks are quick; resolves to the number of moments that it
   *  added. One at a time for each stream. Throws `Failed`. */
  readonly keep: (space: SpaceRef, kind: Kind) => Promise<number>
  /** The same, and returns what continues from the stream's end; null if that is impossible. For a single caller. */
  readonly takeUp: (space: SpaceRef, kind: Kind) => Promise<Keeping | null>
  /** Begins a stream that has no events yet. */
  readonly begin: (space: SpaceRef, kind: Kind) => Keeping
  /** Writes what is due. False if that failed: then `keeping` is useless. One at a time. */
  readonly write: (keeping: Keeping) => Promise<boolean>
}

/** Appends these as the stream's events from number `at` on. If another writer was faster, it wrote the same. */
const put = async (
  log: Log,
  { stream, at, events }: ReturnType<Keeping['take']>[number],
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

/** `isWhole`: everything that was due is on the log. */
type Written = { readonly moments: number; readonly isWhole: boolean }
const writeDue = async (log: Log, keeping: Keeping): Promise<Written> => {
  let moments = 0
  for (const due of keeping.take()) {
    if (!(await put(log, due))) return { moments, isWhole: false }
    moments += due.moments
  }
  return { moments, isWhole: true }
}

type CaughtUp = { readonly added: number; readonly keeping: Keeping | null }

/** Reads one kind of stream from what is kept of it to its end, and writes what is missing. */
const catchingUp = <S>(log: Log, folding: Folding<S>, every: number) => {
  const marks = createMarks(log, every)
  const nearest = nearestKept(log, folding, every)
  const begin = (stream: string, at: Begin<S>) => createKeeping(stream, folding, every, at)

  const catchUp = async (stream: string): Promise<CaughtUp> => {
    const marked = await marks.count(stream)
    const count = Math.floor(marked / MARKS_EACH)
    // If none can be read, it starts with the first event: what is kept from here on can be read.
    const near = await nearest(stream, count - 1)
    const stood = await standingAt(log, folding, stream)
    const isCut = stood !== null && stood.revision > (near?.point.revision ?? -1)
    // What should have been kept before the cut can't be any more, and what comes after it would stand in its place.
    if (isCut && Math.floor((stood.revision + 1) / (every / MARKS_EACH)) > marked)
      return { added: 0, keeping: null }
    let point = isCut ? stood : (near?.point ?? nothing(folding))
    const weight = near === null ? {} : { weight: folding.entries(near.point.state) }
    const keeping = begin(stream, { point, full: near?.k ?? -1, count, marked, ...weight })
    let added = 0
    for (;;) {
      const page = await pageAfter(log, stream, point, PAGE)
      if (page === null) return { added, keeping: null }
      for (const recorded of page) keeping.add(readable(recorded))
      const { moments, isWhole } = await writeDue(log, keeping)
      added += moments
      if (!isWhole) return { added, keeping: null }
      point = keeping.point()
      if (page.length < PAGE) return { added, keeping }
    }
  }
  return { begin: (stream: string): Keeping => begin(stream, fromNothing(folding)), catchUp }
}

/** `log` may be the log as it is: nothing personal is needed. */
export const createMomentWriter = (log: Log, every = EVERY): MomentWriter => {
  const streams = { space: catchingUp(log, standing, every), chat: catchingUp(log, talk, every) }
  const underWay = new Map<string, Promise<CaughtUp>>()
  const caughtUp = (space: SpaceRef, kind: Kind): Promise<CaughtUp> => {
    const stream = streamName(kind, space)
    const running = underWay.get(stream)
    if (running !== undefined) return running
    const started = streams[kind].catchUp(stream).finally(() => underWay.delete(stream))
    underWay.set(stream, started)
    return started
  }
  return {
    keep: async (space, kind) => (await caughtUp(space, kind)).added,
    takeUp: async (space, kind) => (await caughtUp(space, kind)).keeping,
    begin: (space, kind) => streams[kind].begin(streamName(kind, space)),
    write: async (keeping) => (await writeDue(log, keeping)).isWhole,
  }
}

/** Writes everything that is not kept yet of a room; returns how many moments it added. Throws `Failed`. */
export const keepRoom = async (log: Log, space: SpaceRef, every = EVERY): Promise<number> => {
  const { keep } = createMomentWriter(log, every)
  return (await keep(space, 'space')) + (await keep(space, 'chat'))
}
