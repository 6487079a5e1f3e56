/** Limits how many sockets each network of clients has here. An IPv6 network counts as one; this machine's own
 *  addresses are not counted, since they belong to a proxy or to the machine's own users. */
import { isLoopback, networkOf } from '../addresses.ts'

/** One open connection. */
export type Visit = {
  /** Whether it may be a socket; asked again, the answer stays yes. */
  readonly admit: () => boolean
  /** To be called once. */
  readonly gone: () => void
}
export type Crowding = {
  readonly came: (ip: string | undefined) => Visit
  /** Whether the most possible connections are open, including those not admitted, which still get an answer. */
  readonly isFlood: (ip: string | undefined) => boolean
  /** How many networks are counted now. */
  readonly networks: () => number
}

/** How many connections may be open besides those admitted. */
const IN_EXCESS = 100
/** The visit of whoever is not counted. */
export const UNCOUNTED: Visit = { admit: () => true, gone: () => {} }

type Count = { open: number; admitted: number; readonly emptied: () => void }
/** A class, since there are thousands of them: their methods exist once. */
class CountedVisit implements Visit {
  readonly #count: Count
  readonly #limit: number
  #isIn = false
  constructor(count: Count, limit: number) {
    this.#count = count
    this.#limit = limit
    count.open += 1
  }
  admit(): boolean {
    if (this.#isIn) return true
    if (this.#count.admitted >= this.#limit) return false
    this.#count.admitted += 1
    this.#isIn = true
    return true
  }
  gone(): void {
    this.#count.open -= 1
    if (this.#isIn) this.#count.admitted -= 1
    if (this.#count.open === 0) this.#count.emptied()
  }
}

/** `limit` is 0 for no limit. */
export const createCrowding = (limit: number): Crowding => {
  const counts = new Map<string, Count>()
  const counted = (ip: string | undefined): string | null =>
    limit === 0 || ip === undefined || isLoopback(ip) ? null : networkOf(ip)
  return {
    came: (ip) => {
      const network = counted(ip)
      if (network === null) return UNCOUNTED
      const count = counts.get(network) ?? { open: 0, admitted: 0, emptied: () => counts.delete(network) }
      counts.set(network, count)
      return new CountedVisit(count, limit)
    },
    isFlood: (ip) => {
      const network = counted(ip)
      const count = network === null ? undefined : counts.get(network)
      return count !== undefined && count.open >= limit + IN_EXCESS
    },
    networks: () => counts.size,
  }
}
