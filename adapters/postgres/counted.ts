/** Counts that many callers ask for. A count that is under way is shared, and one that took long is reused for a while,
 *  so that counting for one question takes at most a tenth of a core, however many rows there are. */
import { boundedCache } from '../bounded-cache.ts'

/** A count that took less than this is made anew each time. */
const LONG_MS = 10
const KEPT_TIMES = 10
const REMEMBERED = 1_000
/** For so long others share a count that is under way: one whose connection is lost may never end. */
const SHARED_MS = 2_000

export const createCounted = (now = () => performance.now()) => {
  const kept = boundedCache<string, { readonly total: Promise<number>; until: number }>(REMEMBERED)
  return (key: string, count: () => Promise<number>): Promise<number> => {
    const known = kept.get(key)
    if (known !== undefined && now() < known.until) return known.total
    const from = now()
    const entry = { total: count(), until: from + SHARED_MS }
    kept.set(key, entry)
    entry.total.then(
      () => {
        const took = now() - from
        entry.until = took < LONG_MS ? 0 : now() + took * KEPT_TIMES
      },
      () => {
        entry.until = 0
      },
    )
    return entry.total
  }
}
