/** How much one caller may send, in commands and in bytes: token buckets per caller and, for guests, per network and
 *  space. Memory is limited. */
import { isLoopback, networkOf } from '../../adapters/addresses.ts'
import type { TokenRate } from '../../adapters/token-bucket.ts'
import { ALL_COMMANDS, type SentCommand } from '../../domain/commands.ts'
import { spaceKey } from '../../domain/names.ts'
import type { CommandRequest, Sender } from '../../domain/ports.ts'
import type { RateClass } from '../../domain/space/commands.ts'
import { createRecency } from './recency.ts'
import { writtenBytes } from './written-bytes.ts'

export type CommandLimits = {
  readonly account: Readonly<Record<RateClass, TokenRate>>
  readonly guest: Readonly<Record<RateClass, TokenRate>>
  /** All guests of one address (in IPv6, of one network) together. A loopback address belongs to a proxy or to this
   *  machine: it is not counted. */
  readonly guestsOfAddress: Readonly<Record<RateClass, TokenRate>>
  /** Bytes that commands would write (`written-bytes.ts`). Moderation is not limited by them, nor is an account by what
   *  guests write in its space. */
  readonly bytes: {
    readonly account: TokenRate
    readonly guest: TokenRate
    readonly guestsOfAddress: TokenRate
    readonly guestsOfSpace: TokenRate
  }
  /** Spaces that the guests of one address name for the first time in a while: each may be opened by it, and must be read. */
  readonly spacesOfAddress: TokenRate
  /** New guests of one address, for whom a key is made. */
  readonly newGuestsOfAddress: TokenRate
  /** How many buckets are kept; beyond that, the least recently used are forgotten (so they are full again). */
  readonly buckets: number
}

export const DEFAULT_LIMITS: CommandLimits = {
  account: {
    presence: { perSecond: 20, burst: 60 },
    moderation: { perSecond: 20, burst: 60 },
    chat: { perSecond: 20, burst: 40 },
    'chat-change': { perSecond: 20, burst: 60 },
    report: { perSecond: 0.05, burst: 20 },
  },
  guest: {
    presence: { perSecond: 10, burst: 30 },
    moderation: { perSecond: 2, burst: 10 },
    chat: { perSecond: 5, burst: 20 },
    'chat-change': { perSecond: 10, burst: 30 },
    report: { perSecond: 0.02, burst: 5 },
  },
  guestsOfAddress: {
    presence: { perSecond: 200, burst: 1_000 },
    moderation: { perSecond: 10, burst: 50 },
    chat: { perSecond: 100, burst: 400 },
    'chat-change': { perSecond: 100, burst: 400 },
    report: { perSecond: 0.2, burst: 60 },
  },
  bytes: {
    account: { perSecond: 64_000, burst: 512_000 },
    guest: { perSecond: 16_000, burst: 128_000 },
    guestsOfAddress: { perSecond: 256_000, burst: 2_000_000 },
    guestsOfSpace: { perSecond: 1_000_000, burst: 8_000_000 },
  },
  spacesOfAddress: { perSecond: 5, burst: 200 },
  newGuestsOfAddress: { perSecond: 5, burst: 1_000 },
  buckets: 100_000,
}
/** How many of the spaces that guests named are remembered, for all addresses together. */
const NAMED = 100_000

type Bucket = { tokens: number; at: number }

type AnyRequest = CommandRequest<SentCommand>
export type Limiter = {
  /** 0 if the command may go on, else the seconds (a fraction) until one may. */
  readonly take: (request: AnyRequest) => number
  /** The same for a caller who first needs a key of their own. */
  readonly takeKey: (sender: Sender) => number
  readonly size: () => number
}

/** A set of buckets; the least recently used are forgotten first. Returns the seconds to wait, or 0 if the tokens were
 *  taken; a caller who needs more than a bucket holds gets all that it holds. */
export const createBuckets = (now: () => number, capacity: number) => {
  const buckets = createRecency<Bucket>()
  return {
    size: buckets.size,
    take: (key: string, rate: TokenRate, amount = 1): number => {
      const at = now()
      const known = buckets.use(key)
      const bucket = known ?? { tokens: rate.burst, at }
      if (known === undefined) {
        buckets.set(key, bucket)
        if (buckets.size() > capacity)
          for (const [oldest] of buckets.entries()) {
            buckets.delete(oldest)
            break
          }
      }
      // A clock that steps back neither adds nor removes tokens.
      bucket.tokens = Math.min(
        rate.burst,
        bucket.tokens + (Math.max(0, at - bucket.at) / 1000) * rate.perSecond,
      )
      bucket.at = at
      const needed = Math.min(amount, rate.burst)
      if (bucket.tokens >= needed) {
        bucket.tokens -= needed
        return 0
      }
      return rate.perSecond > 0 ? (needed - bucket.tokens) / rate.perSecond : 60
    },
  }
}

/** The guest's network if it counts: a loopback address belongs to a proxy or to this machine. */
const countedNetwork = ({ by, client }: Sender): string | null =>
  by.kind !== 'guest' || client?.ip === undefined || isLoopback(client.ip) ? null : networkOf(client.ip)

/** Which spaces networks have named lately: existing and missing ones count the same. */
const createNamed = () => {
  const named = new Set<string>()
  return {
    has: (network: string, space: string): boolean => {
      const key = `${network} ${space}`
      if (!named.delete(key)) return false
      named.add(key)
      return true
    },
    add: (network: string, space: string): void => {
      named.add(`${network} ${space}`)
      if (named.size <= NAMED) return
      for (const oldest of named) {
        named.delete(oldest)
        break
      }
    },
  }
}

export const createLimiter = (now: () => number, limits: CommandLimits): Limiter => {
  const buckets = createBuckets(now, limits.buckets)
  const named = createNamed()
  const takeSpace = (network: string, space: string): number => {
    if (named.has(network, space)) return 0
    const seconds = buckets.take(`spaces|ip ${network}`, limits.spacesOfAddress)
    if (seconds === 0) named.add(network, space)
    return seconds
  }
  /** Asks each in turn, until one says to wait. */
  const first = (...asked: ReadonlyArray<() => number>): number => {
    for (const ask of asked) {
      const seconds = ask()
      if (seconds > 0) return seconds
    }
    return 0
  }

  const ofAccount = ({ by, command }: AnyRequest, kind: RateClass): number =>
    first(
      () => buckets.take(`${kind}|${by.id}`, limits.account[kind]),
      () =>
        kind === 'moderation'
          ? 0
          : buckets.take(`bytes|${by.id}`, limits.bytes.account, writtenBytes(command)),
    )
  const ofGuest = (request: AnyRequest, kind: RateClass): number => {
    const { by, command } = request
    const network = countedNetwork(request)
    const space = spaceKey(request.space)
    const bytes = writtenBytes(command)
    return first(
      () => buckets.take(`${kind}|${by.id}`, limits.guest[kind]),
      () => buckets.take(`bytes|${by.id}`, limits.bytes.guest, bytes),
      () => (network === null ? 0 : buckets.take(`${kind}|ip ${network}`, limits.guestsOfAddress[kind])),
      () => (network === null ? 0 : buckets.take(`bytes|ip ${network}`, limits.bytes.guestsOfAddress, bytes)),
      () => (network === null ? 0 : takeSpace(network, space)),
      () => buckets.take(`bytes|in ${space}`, limits.bytes.guestsOfSpace, bytes),
    )
  }

  return {
    size: buckets.size,
    take: (request) => {
      const kind = ALL_COMMANDS[request.command.type].rate
      switch (request.by.kind) {
        case 'system':
          return 0
        case 'account':
        case 'service':
          return ofAccount(request, kind)
        case 'guest':
          return ofGuest(request, kind)
        default: {
          const never: never = request.by
          throw new Error(`unknown caller ${JSON.stringify(never)}`)
        }
      }
    },
    takeKey: (sender) => {
      const network = countedNetwork(sender)
      return network === null ? 0 : buckets.take(`keys|ip ${network}`, limits.newGuestsOfAddress)
    },
  }
}
