/** Checks the moments kept beside a room's stream: folds its events from the first, without trusting anything that is
 *  kept, and compares. */
import * as E from 'fp-ts/lib/Either.js'
import type { Decoded } from '../../domain/codec.ts'
import { parseStreamName } from '../../domain/names.ts'
import type { StreamReader } from '../../domain/ports.ts'
import { provedJson } from '../audit/canonical.ts'
import { Failed, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { createKeeping, fromNothing, type Keeping, type ToWrite } from './keeping.ts'
import { EVERY, MARKS_EACH, marksOf, momentsOf } from './kept-streams.ts'
import { readable } from './point.ts'
import { talk } from './recent-messages.ts'
import { standing } from './space-standing.ts'

/** `stream` is the one that holds what is kept; its event `revision` is wrong. */
export type KeptFault = { readonly stream: string; readonly revision: number; readonly detail: string }
export type KeptCheck = { readonly events: number; readonly faults: ReadonlyArray<KeptFault> }

const PAGE = 1_000

/** Compares what is made from one stream's events with what is kept beside it. */
const comparison = (log: StreamReader, stream: string) => {
  const faults: KeptFault[] = []
  let events = 0
  const made = new Map<string, number>()
  /** Compares what was made with what is there, instead of writing it. */
  const compare = async ({ stream: kept, at, events: all }: ToWrite): Promise<void> => {
    made.set(kept, at + all.length)
    const there = await readEvents(log, kept, { from: BigInt(at), limit: all.length })
    for (const { id, type, data, revision } of there) {
      // Moments of archived events are not kept.
      const i = Number(revision) - at
      const should = all[i]
      if (should === undefined) continue
      events += 1
      // As it would be on the log.
      const written: unknown = JSON.parse(JSON.stringify(should.data))
      if (id === should.id && type === should.type && provedJson(data) === provedJson(written)) continue
      faults.push({ stream: kept, revision: at + i, detail: 'It is not what the room’s events make.' })
    }
  }
  /** To be called after all events: no more may be kept than was made. */
  const end = async (): Promise<KeptCheck> => {
    for (const kept of [momentsOf(stream), marksOf(stream)]) {
      const [last] = await readEvents(log, kept, { direction: 'backwards', limit: 1 })
      const [have, should] = [last === undefined ? 0 : Number(last.revision) + 1, made.get(kept) ?? 0]
      if (have > should)
        faults.push({ stream: kept, revision: should, detail: 'The room has not so many events.' })
    }
    return { events, faults }
  }
  return { compare, end }
}

const checkFold = async <S>(
  log: StreamReader,
  stream: string,
  folding: Folding<S>,
  every: number,
): Promise<KeptCheck> => {
  const { compare, end } = comparison(log, stream)
  const keeping = createKeeping(stream, folding, every, fromNothing(folding))
  let isWhole = true
  for (let from = 0n; isWhole; from += BigInt(PAGE)) {
    const page = await readEvents(log, stream, { from, limit: PAGE })
    isWhole = page.length === PAGE
    try {
      for (const recorded of page) keeping.add(readable(recorded))
    } catch (error) {
      // Nothing is kept after an event that can't be read.
      if (!(error instanceof Failed)) throw error
      isWhole = false
    }
    for (const part of keeping.take()) await compare(part)
  }
  return end()
}

/** Checks a space's or a chat's stream. Throws `Failed` if the log can't be read. */
export const checkKept = (log: StreamReader, stream: string, every = EVERY): Promise<KeptCheck> => {
  const named = parseStreamName(stream)
  const kind = E.isRight(named) ? named.right.kind : null
  if (kind === 'space') return checkFold(log, stream, standing, every)
  if (kind === 'chat') return checkFold(log, stream, talk, every)
  return Promise.resolve({ events: 0, faults: [] })
}

/** A room's fold under way. */
type Followed = {
  readonly keeping: Keeping
  readonly against: ReturnType<typeof comparison>
  /** Roughly how many things it holds. */
  weight: number
  /** Whether an event of it can't be read: what comes after it is not folded. */
  isTorn: boolean
}

export type KeptFollowing = {
  /** Takes events in the log's order; `decoded` is null if the event can't be read. */
  readonly add: (stream: string, decoded: Decoded | null) => void
  /** Compares what has become due, of the events until now; more may come meanwhile. */
  readonly compare: () => Promise<void>
  /** To be called after the last event. `again`: streams that were not followed to their end, or that seem wrong, which
   *  may be because they grew meanwhile: they have to be checked one by one. */
  readonly end: () => Promise<{ readonly events: number; readonly again: ReadonlyArray<string> }>
}

/** How much all folds that are followed may hold together. */
const MOST = 2_000_000
/** How many ask the log at once. */
const AT_ONCE = 16
/** Begins each in its turn. */
const severalAtOnce = async <A>(all: ReadonlyArray<A>, work: (one: A) => Promise<void>): Promise<void> => {
  const left = all.values()
  const some = async (): Promise<void> => {
    for (const one of left) await work(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
}
/** What following a stream costs at least. */
const LEAST = 20

const foldingOf = (stream: string): Keeping | null => {
  const named = parseStreamName(stream)
  const kind = E.isRight(named) ? named.right.kind : null
  if (kind === 'space') return createKeeping(stream, standing, EVERY, fromNothing(standing)) as Keeping
  if (kind === 'chat') return createKeeping(stream, talk, EVERY, fromNothing(talk)) as Keeping
  return null
}

/** Checks all rooms in one pass over the log, when it is read anyway: each event is folded as it comes. */
export const followKept = (log: StreamReader, most = MOST): KeptFollowing => {
  const rooms = new Map<string, Followed | null>()
  const due = new Set<Followed>()
  const again = new Set<string>()
  let weight = 0
  let events = 0

  const leave = (stream: string, followed: Followed): void => {
    weight -= followed.weight
    due.delete(followed)
    rooms.set(stream, null)
    again.add(stream)
  }
  const follow = (stream: string): Followed | null => {
    const keeping = foldingOf(stream)
    const followed =
      keeping === null ? null : { keeping, against: comparison(log, stream), weight: LEAST, isTorn: false }
    rooms.set(stream, followed)
    weight += followed === null ? 0 : LEAST
    return followed
  }

  return {
    add: (stream, decoded) => {
      const known = rooms.get(stream)
      const followed = known === undefined ? follow(stream) : known
      if (followed === null || followed.isTorn) return
      if (decoded === null) {
        followed.isTorn = true
        return
      }
      const { keeping } = followed
      if (Number(decoded.revision) !== keeping.point().revision + 1 || weight > most)
        return leave(stream, followed)
      keeping.add(decoded)
      followed.weight += 1
      weight += 1
      if (keeping.isDue()) due.add(followed)
    },
    compare: async () => {
      const parts: Array<readonly [Followed, ToWrite]> = []
      for (const followed of due) {
        for (const part of followed.keeping.take()) parts.push([followed, part])
        const now = LEAST + followed.keeping.entries()
        weight += now - followed.weight
        followed.weight = now
      }
      due.clear()
      await severalAtOnce(parts, ([{ against }, part]) => against.compare(part))
    },
    end: async () => {
      await severalAtOnce([...rooms], async ([stream, followed]) => {
        if (followed === null || followed.keeping.point().revision + 1 < EVERY / MARKS_EACH) return
        for (const part of followed.keeping.take()) await followed.against.compare(part)
        const checked = await followed.against.end()
        if (checked.faults.length > 0) again.add(stream)
        else events += checked.events
      })
      return { events, again: [...again] }
    },
  }
}
