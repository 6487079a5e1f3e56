/** Counts that many ask for: shared while they are being made, and where one took long, for a while after, so that counting takes at
 *  most a tenth of a core for each question, however many rows there are. */
import { LRUCache } from 'lru-cache'

/** What took less is counted anew each time. */
const LONG_MS = 10
const KEPT_TIMES = 10
const REMEMBERED = 1_000

export const createCounted = (now = () => performance.now()) => {
  const kept = new LRUCache<string, { readonly total: Promise<number>; until: number }>({ max: REMEMBERED })
  return (key: string, count: () => Promise<number>): Promise<number> => {
    const known = kept.get(key)
    if (known !== undefined && now() < known.until) return known.total
    const from = now()
    const entry = { total: count(), until: Number.POSITIVE_INFINITY }
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
