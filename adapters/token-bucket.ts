/** A token bucket: `burst` at once, `perSecond` in the long run. */
export type Bucket = { tokens: number; at: number }
/** `perSecond` tokens flow in, up to `burst`. */
export type TokenRate = { readonly perSecond: number; readonly burst: number }

export const fullBucket = (pace: TokenRate, now: number): Bucket => ({ tokens: pace.burst, at: now })

export const refill = (bucket: Bucket, pace: TokenRate, now: number): void => {
  const gained = (Math.max(0, now - bucket.at) * pace.perSecond) / 1_000
  bucket.tokens = Math.min(pace.burst, bucket.tokens + gained)
  bucket.at = now
}

/** Takes `amount` tokens (default 1) if they are there. `now` in ms. */
export const take = (bucket: Bucket, pace: TokenRate, now: number, amount = 1): boolean => {
  refill(bucket, pace, now)
  if (bucket.tokens < amount) return false
  bucket.tokens -= amount
  return true
}

/** How long until that many are there, in ms. */
export const waitFor = (bucket: Bucket, pace: TokenRate, amount = 1): number =>
  Math.max(0, Math.ceil(((amount - bucket.tokens) * 1_000) / pace.perSecond))
