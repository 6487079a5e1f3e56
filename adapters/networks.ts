/** Where somebody comes from, as far as rules need to know: a tag of their network that reveals no address. */

import { THIS_MACHINE } from '../domain/space/shares.ts'
import { isLoopback, networkOf } from './addresses.ts'
import { macKey } from './auth/tokens.ts'
import { boundedCache } from './bounded-cache.ts'
import { mac } from './short-mac.ts'

const REMEMBERED = 20_000
/** The number of hex digits: so few that each tag stands for at least 65,000 IPv4 addresses, even for somebody with the
 *  secret. Two networks with the same tag share a few seats of a room. */
const DIGITS = 4

/** The same on every process that has the secret. */
export const createNetworkTag = (secret: string): ((ip: string) => string) => {
  const key = macKey(secret, 'network')
  const known = boundedCache<string, string>(REMEMBERED)
  return (ip) => {
    const tagged = known.get(ip)
    if (tagged !== undefined) return tagged
    const tag = isLoopback(ip) ? THIS_MACHINE : mac(key, networkOf(ip)).toString('hex').slice(0, DIGITS)
    known.set(ip, tag)
    return tag
  }
}
