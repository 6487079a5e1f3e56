/** How often people may ask for an erasure, withdraw it, or take all of their data: each is written to a stream that is
 *  kept for good and read whole at every start, and each erasure costs the database much. */

import type { Clock, Sender } from '../../domain/ports.ts'
import { isLoopback, networkOf } from '../addresses.ts'
import { boundedCache } from '../bounded-cache.ts'
import { describeRefusal } from '../refusals.ts'
import { type Bucket, fullBucket, type TokenRate, take, waitFor } from '../token-bucket.ts'
import { tell } from './errors.ts'

const HOUR_S = 3_600
const OF_ONE: TokenRate = { perSecond: 12 / HOUR_S, burst: 20 }
/** All guests of a network together, since anybody can be as many guests as they like. */
const OF_GUESTS: TokenRate = { perSecond: 60 / HOUR_S, burst: 120 }
const REMEMBERED = 50_000

/** Returns a function that ends the request with `slow_down` if the caller has asked too often. */
export const createPersonalPace = (clock: Clock): ((sender: Sender) => void) => {
  const buckets = boundedCache<string, Bucket>(REMEMBERED)
  return ({ by, client }) => {
    const isFromNetwork = by.kind === 'guest' && client?.ip !== undefined && !isLoopback(client.ip)
    const all: ReadonlyArray<readonly [string, TokenRate]> = [
      ...(isFromNetwork ? [[`network ${networkOf(client.ip!)}`, OF_GUESTS] as const] : []),
      [`${by.kind} ${by.id}`, OF_ONE],
    ]
    for (const [key, rate] of all) {
      const bucket = buckets.get(key) ?? fullBucket(rate, clock.now())
      buckets.set(key, bucket)
      if (take(bucket, rate, clock.now())) continue
      const retryAfterSeconds = Math.ceil(waitFor(bucket, rate) / 1_000)
      tell(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds }))
    }
  }
}
