/** Reads the moments that are kept beside a stream (`kept-streams.ts`). */
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { Failed, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { broughtUp, EVERY, KeptMoment, momentsOf, partsOf } from './kept-streams.ts'
import type { Point } from './point.ts'

/** How many unreadable kept moments are skipped in the search for a readable one. */
const STEPS_BACK = 4

/** A moment that was kept whole, and its number. */
export type KeptPoint<S> = { readonly k: number; readonly point: Point<S> }

const keptAt = async (log: StreamReader, stream: string, k: number): Promise<KeptMoment | null> => {
  const [recorded] = await readEvents(log, momentsOf(stream), { from: BigInt(k), limit: 1 })
  return recorded !== undefined && Number(recorded.revision) === k && KeptMoment.is(recorded.data)
    ? recorded.data
    : null
}

/** The nearest moment kept at or before the end of stretch `k`; null if there is no usable one. */
export type NearestKept<S> = (stream: string, k: number) => Promise<KeptPoint<S> | null>

export const nearestKept = <S>(log: StreamReader, folding: Folding<S>, every = EVERY): NearestKept<S> => {
  const stateOf = async (stream: string, k: number, kept: KeptMoment): Promise<S | null> => {
    const read = (state: unknown): S | null => folding.fromJson(broughtUp(kept.v, state))
    if (kept.parts === undefined) return read(kept.state)
    const parts = await readEvents(log, partsOf(stream, k), { limit: kept.parts })
    const text = parts.map(({ data }) => (data as { readonly text?: unknown }).text).join('')
    try {
      return read(JSON.parse(text))
    } catch {
      return null
    }
  }
  const nearest = async (stream: string, k: number, tries: number): Promise<KeptPoint<S> | null> => {
    if (k < 0) return null
    const there = await keptAt(log, stream, k)
    const at = there?.back ?? k
    const kept = at === k ? there : await keptAt(log, stream, at)
    if (kept === null || at > k) return null
    const state = await stateOf(stream, at, kept)
    // A newer program wrote it, or it is unreadable: the one before may be readable.
    if (state === null) return tries > 0 ? nearest(stream, at - 1, tries - 1) : null
    const { id, position, latest } = kept
    const revision = (at + 1) * every - 1
    return { k: at, point: { state, revision, position: BigInt(position), id, at: kept.at, latest } }
  }
  return (stream, k) => nearest(stream, k, STEPS_BACK)
}

/** The events after `point`, page by page; null if what is kept does not belong to this stream. */
export const pageAfter = async (
  log: StreamReader,
  stream: string,
  point: Point<unknown>,
  limit: number,
): Promise<ReadonlyArray<RecordedEvent> | null> => {
  const isStart = point.revision < 0
  const from = BigInt(Math.max(0, point.revision))
  const page = await readEvents(log, stream, { from, limit: isStart ? limit : limit + 1 })
  const [known] = page
  if (known !== undefined && known.revision > from)
    throw new Failed({ _tag: 'Archived', cause: `event ${from} of ${stream} is gone`, archive: null })
  if (isStart) return page
  return known?.id === point.id && known.position === point.position ? page.slice(1) : null
}
