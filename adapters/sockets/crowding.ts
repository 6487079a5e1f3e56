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
const ANY: Visit = { admit: () => true, gone: () => {} }

/** `limit` is 0 for no limit. */
export const createCrowding = (limit: number): Crowding => {
  const counts = new Map<string, { open: number; admitted: number }>()
  const counted = (ip: string | undefined): string | null =>
    limit === 0 || ip === undefined || isLoopback(ip) ? null : networkOf(ip)
  return {
    came: (ip) => {
      const network = counted(ip)
      if (network === null) return ANY
      const count = counts.get(network) ?? { open: 0, admitted: 0 }
      counts.set(network, count)
      count.open += 1
      let isIn = false
      return {
        admit: () => {
          if (isIn) return true
          if (count.admitted >= limit) return false
          count.admitted += 1
          isIn = true
          return true
        },
        gone: () => {
          count.open -= 1
          if (isIn) count.admitted -= 1
          if (count.open === 0) counts.delete(network)
        },
      }
    },
    isFlood: (ip) => {
      const network = counted(ip)
      const count = network === null ? undefined : counts.get(network)
      return count !== undefined && count.open >= limit + IN_EXCESS
    },
    networks: () => counts.size,
  }
}
