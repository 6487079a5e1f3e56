/** Where somebody comes from, as far as rules must know it: a tag of their network that tells no address. */
import { LRUCache } from 'lru-cache'
import { THIS_MACHINE } from '../domain/space/shares.ts'
import { isLoopback, networkOf } from './addresses.ts'
import { mac, macKey } from './auth/tokens.ts'

const REMEMBERED = 20_000
/** Hex digits. So few that each tag is that of 65,000 IPv4 addresses and more, also to one who has the secret; and two
 *  networks that share one share a few seats of a room. */
const DIGITS = 4

/** The same on every process that has the secret. */
export const createNetworkTag = (secret: string): ((ip: string) => string) => {
  const key = macKey(secret, 'network')
  const known = new LRUCache<string, string>({ max: REMEMBERED })
  return (ip) => {
    const tagged = known.get(ip)
    if (tagged !== undefined) return tagged
    const tag = isLoopback(ip) ? THIS_MACHINE : mac(key, networkOf(ip)).toString('hex').slice(0, DIGITS)
    known.set(ip, tag)
    return tag
  }
}
