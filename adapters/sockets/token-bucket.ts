/** A token bucket: `burst` at once, `perSecond` in the long run. */
export type Bucket = { tokens: number; at: number }
export type Pace = { readonly perSecond: number; readonly burst: number }

export const fullBucket = (pace: Pace, now: number): Bucket => ({ tokens: pace.burst, at: now })

/** Takes `count` if there are as many. `now` in ms. */
export const take = (bucket: Bucket, pace: Pace, now: number, count = 1): boolean => {
  const gained = (Math.max(0, now - bucket.at) * pace.perSecond) / 1_000
  bucket.tokens = Math.min(pace.burst, bucket.tokens + gained)
  bucket.at = now
  if (bucket.tokens < count) return false
  bucket.tokens -= count
  return true
}

/** How long until there is one, in ms. */
export const waitFor = (bucket: Bucket, pace: Pace): number =>
  Math.max(0, Math.ceil(((1 - bucket.tokens) * 1_000) / pace.perSecond))
