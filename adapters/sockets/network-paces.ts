/** Rate limits for all sockets of one network together: each socket has a limit of its own, and one address may have a thousand sockets. */

import type { Clock } from '../../domain/ports.ts'
import { isLoopback, networkOf } from '../addresses.ts'
import { boundedCache } from '../bounded-cache.ts'
import { type Bucket, fullBucket, type TokenRate } from '../token-bucket.ts'
import type { Member } from './member.ts'

const REMEMBERED = 50_000

/** A member's bucket; null for a member from this machine, which may be a proxy. */
export const createNetworkBuckets = (pace: TokenRate, clock: Clock): ((member: Member) => Bucket | null) => {
  const ofNetworks = boundedCache<string, Bucket>(REMEMBERED)
  const find = (ip: string | undefined): Bucket | null => {
    if (ip === undefined || isLoopback(ip)) return null
    const network = networkOf(ip)
    const known = ofNetworks.get(network)
    if (known !== undefined) return known
    const bucket = fullBucket(pace, clock.now())
    ofNetworks.set(network, bucket)
    return bucket
  }
  return (member) => {
    if (member.network === undefined) member.network = find(member.client?.ip)
    return member.network
  }
}
