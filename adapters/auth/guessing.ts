/** Limits how many wrong proofs one address may send: each may cost a request to a Hive node, and Hive nodes turn away
 *  whoever asks too much. */

import { isLoopback, networkOf } from '../addresses.ts'
import { boundedCache } from '../bounded-cache.ts'

/** How many wrong proofs are allowed at once, and how many more per second. */
const GUESSES = { burst: 60, perSecond: 1 }
const ADDRESSES = 20_000

export type Guessing = {
  /** 0 if a proof from this address may be checked now, else the seconds until one may. */
  readonly wait: (ip: string | undefined) => number
  /** Counts a proof before it is checked, so that many at once count as many; it is given back if it was right. */
  readonly count: (ip: string | undefined) => void
  readonly giveBack: (ip: string | undefined) => void
}

/** `now` in ms. A loopback address belongs to a proxy or to this machine: it is not limited. */
export const createGuessing = (now: () => number): Guessing => {
  /** When all of an address's wrong proofs are forgiven, in ms. */
  const forgiven = boundedCache<string, number>(ADDRESSES)
  const each = 1_000 / GUESSES.perSecond
  const keyOf = (ip: string | undefined): string | null =>
    ip === undefined || isLoopback(ip) ? null : networkOf(ip)
  return {
    wait: (ip) => {
      const key = keyOf(ip)
      if (key === null) return 0
      const over = (forgiven.get(key) ?? 0) - now() - (GUESSES.burst - 1) * each
      return over > 0 ? Math.ceil(over / 1_000) : 0
    },
    count: (ip) => {
      const key = keyOf(ip)
      if (key !== null) forgiven.set(key, Math.max(forgiven.get(key) ?? 0, now()) + each)
    },
    giveBack: (ip) => {
      const key = keyOf(ip)
      if (key !== null) forgiven.set(key, (forgiven.get(key) ?? 0) - each)
    },
  }
}
