/** How much one caller may ask: token buckets per caller and, for guests, per address. Memory is bounded. */
import { isLoopback, networkOf } from '../../adapters/addresses.ts'
import { COMMANDS, type CommandName } from '../../domain/commands.ts'
import type { Sender } from '../../domain/ports.ts'
import type { Rate as RateClass } from '../../domain/space/commands.ts'

/** `perSecond` tokens flow in, up to `burst`; each command takes one. */
export type Rate = { readonly perSecond: number; readonly burst: number }
export type Limits = {
  readonly account: Readonly<Record<RateClass, Rate>>
  readonly guest: Readonly<Record<RateClass, Rate>>
  /** All guests of one address (of one network, in IPv6) together. A loopback address is a proxy's or this machine's own: not counted. */
  readonly guestsOfAddress: Readonly<Record<RateClass, Rate>>
  /** Buckets held at once; past it the longest unused are forgotten (that is: full again). */
  readonly buckets: number
}

export const DEFAULT_LIMITS: Limits = {
  account: {
    presence: { perSecond: 20, burst: 60 },
    moderation: { perSecond: 20, burst: 60 },
    chat: { perSecond: 20, burst: 40 },
    'chat-change': { perSecond: 20, burst: 60 },
  },
  guest: {
    presence: { perSecond: 10, burst: 30 },
    moderation: { perSecond: 2, burst: 10 },
    chat: { perSecond: 5, burst: 20 },
    'chat-change': { perSecond: 10, burst: 30 },
  },
  guestsOfAddress: {
    presence: { perSecond: 200, burst: 1_000 },
    moderation: { perSecond: 10, burst: 50 },
    chat: { perSecond: 100, burst: 400 },
    'chat-change': { perSecond: 100, burst: 400 },
  },
  buckets: 100_000,
}

type Bucket = { tokens: number; at: number }

export type Limiter = {
  /** 0 where the command may go on, else the seconds (a fraction) until one would. */
  readonly take: (sender: Sender, command: CommandName) => number
  readonly size: () => number
}

/** A set of buckets, least recently used forgotten first. Seconds to wait, or 0 and the token is taken. */
export const createBuckets = (now: () => number, capacity: number) => {
  const buckets = new Map<string, Bucket>()
  return {
    size: (): number => buckets.size,
    take: (key: string, rate: Rate): number => {
      const at = now()
      const known = buckets.get(key)
      const bucket = known ?? { tokens: rate.burst, at }
      if (known) buckets.delete(key)
      buckets.set(key, bucket)
      if (buckets.size > capacity)
        for (const oldest of buckets.keys()) {
          buckets.delete(oldest)
          break
        }
      // A clock that steps back gives nothing and takes nothing.
      bucket.tokens = Math.min(
        rate.burst,
        bucket.tokens + (Math.max(0, at - bucket.at) / 1000) * rate.perSecond,
      )
      bucket.at = at
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1
        return 0
      }
      return rate.perSecond > 0 ? (1 - bucket.tokens) / rate.perSecond : 60
    },
  }
}

export const createLimiter = (now: () => number, limits: Limits): Limiter => {
  const buckets = createBuckets(now, limits.buckets)
  return {
    size: buckets.size,
    take: ({ by, client }, command) => {
      if (by.kind === 'system') return 0
      const kind = COMMANDS[command].rate
      const own = buckets.take(
        `${kind}|${by.id}`,
        by.kind === 'account' ? limits.account[kind] : limits.guest[kind],
      )
      if (own > 0 || by.kind === 'account') return own
      const ip = client?.ip
      return ip === undefined || isLoopback(ip)
        ? 0
        : buckets.take(`${kind}|ip ${networkOf(ip)}`, limits.guestsOfAddress[kind])
    },
  }
}
