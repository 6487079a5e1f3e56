/** The keys and subscriptions that exist, and the erasures and legal holds that stand, folded from their events. */
import type { Actor } from '../identity.ts'
import type { KeyPermission, OutsideEvent } from './events.ts'

export type ServiceKey = {
  readonly id: string
  /** `service:name-1a2b3c4d`: who acts with it. */
  readonly subject: string
  /** `type:id`; null for every space. */
  readonly space: string | null
  readonly permission: KeyPermission
  /** Whether it may create test crowds for load measurements. */
  readonly load?: boolean
  readonly hash: string
  readonly expires: string | null
  readonly by: Actor
  readonly at: string
  readonly revokedAt: string | null
}

export type ParkedAt = {
  readonly position: string
  /** The place from which delivery resumes unless somebody says otherwise. */
  readonly after: string
  readonly since: string
  readonly error: string
  readonly at: string
}
export type Subscription = {
  readonly id: string
  readonly space: string | null
  readonly url: string
  readonly types: ReadonlyArray<string> | null
  readonly proofs: boolean
  /** The account whose rights it uses. */
  readonly by: Actor
  readonly at: string
  /** The number of its current secret, from 1, and since when. */
  readonly secret: number
  readonly secretAt: string
  /** The place (exclusive) where it began or was last replayed from, and how often it was replayed. */
  readonly after: string
  readonly start: number
  readonly parked: ParkedAt | null
}

/** An erasure that was asked for and neither withdrawn nor carried out. */
export type WaitingErasure = {
  readonly id: string
  readonly subject: string
  readonly at: string
  /** The earliest moment at which it is carried out, unless something holds it up. */
  readonly due: string
  /** When a process last began to carry it out; null if none did. */
  readonly begunAt: string | null
}
/** While it stands, nothing that is held on the subject is erased. */
export type LegalHold = {
  readonly id: string
  readonly subject: string
  readonly reason: string
  readonly by: Actor
  readonly at: string
}

export type OutsideState = {
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly keys: ReadonlyMap<string, ServiceKey>
  /** By subject. */
  readonly erasures: ReadonlyMap<string, WaitingErasure>
  readonly holds: ReadonlyMap<string, LegalHold>
}
export const NOTHING_OUTSIDE: OutsideState = {
  keys: new Map(),
  subscriptions: new Map(),
  erasures: new Map(),
  holds: new Map(),
}

/** The holds that stand on somebody, the oldest first. */
export const holdsOn = ({ holds }: OutsideState, subject: string): ReadonlyArray<LegalHold> =>
  [...holds.values()].filter((hold) => hold.subject === subject)

type Writable = <V>(map: ReadonlyMap<string, V>) => Map<string, V>
const copyOf: Writable = (map) => new Map(map)
const itself: Writable = <V>(map: ReadonlyMap<string, V>) => map as Map<string, V>

/** `writable`: gives the map that may be written to. */
const evolving = (state: OutsideState, event: OutsideEvent, writable: Writable): OutsideState => {
  const changed = <V>(map: ReadonlyMap<string, V>, id: string, change: (value: V) => V): Map<string, V> => {
    const own = writable(map)
    const known = own.get(id)
    if (known !== undefined) own.set(id, change(known))
    return own
  }
  const without = <V>(map: ReadonlyMap<string, V>, id: string): Map<string, V> => {
    const own = writable(map)
    own.delete(id)
    return own
  }
  const withSubscription = (id: string, change: Partial<Subscription>): OutsideState => ({
    ...state,
    subscriptions: changed(state.subscriptions, id, (subscription) => ({ ...subscription, ...change })),
  })
  switch (event.type) {
    case 'ApiKeyCreated': {
      const { key: id, ...key } = event.data
      return { ...state, keys: writable(state.keys).set(id, { id, ...key, revokedAt: null }) }
    }
    case 'ApiKeyRevoked': {
      const { key: id, at } = event.data
      return { ...state, keys: changed(state.keys, id, (key) => ({ ...key, revokedAt: at })) }
    }
    case 'SubscriptionCreated': {
      const { subscription: id, ...data } = event.data
      const made = { id, ...data, secret: 1, secretAt: data.at, start: 0, parked: null }
      return { ...state, subscriptions: writable(state.subscriptions).set(id, made) }
    }
    case 'SubscriptionChanged': {
      const { url, types, proofs } = event.data
      return withSubscription(event.data.subscription, { url, types, proofs })
    }
    case 'SubscriptionSecretChanged': {
      const { secret, at } = event.data
      return withSubscription(event.data.subscription, { secret, secretAt: at })
    }
    case 'SubscriptionReplayed': {
      const { subscription: id, after } = event.data
      const start = (state.subscriptions.get(id)?.start ?? 0) + 1
      return withSubscription(id, { after, start, parked: null })
    }
    case 'SubscriptionParked': {
      const { subscription: id, position, after, since, error, at } = event.data
      return withSubscription(id, { parked: { position, after, since, error, at } })
    }
    case 'SubscriptionEnded':
      return { ...state, subscriptions: without(state.subscriptions, event.data.subscription) }
    case 'ErasureAsked': {
      const { erasure: id, subject, at, due } = event.data
      return {
        ...state,
        erasures: writable(state.erasures).set(subject, { id, subject, at, due, begunAt: null }),
      }
    }
    case 'ErasureBegun': {
      const { subject, at } = event.data
      return {
        ...state,
        erasures: changed(state.erasures, subject, (waiting) => ({ ...waiting, begunAt: at })),
      }
    }
    case 'ErasureWithdrawn':
    case 'ErasureDone':
      return { ...state, erasures: without(state.erasures, event.data.subject) }
    case 'LegalHoldPlaced': {
      const { hold: id, subject, reason, by, at } = event.data
      return { ...state, holds: writable(state.holds).set(id, { id, subject, reason, by, at }) }
    }
    case 'LegalHoldReleased':
      return { ...state, holds: without(state.holds, event.data.hold) }
    case 'DataGiven':
      return state
    default: {
      const never: never = event
      return never
    }
  }
}

/** Never fails; does not change its arguments. */
export const evolveOutside = (state: OutsideState, event: OutsideEvent): OutsideState =>
  evolving(state, event, copyOf)

/** All of a long history at once, which costs no copy for each event. Call `take` for each event, then `state` once. */
export const foldingOutside = () => {
  let state: OutsideState = {
    keys: new Map(),
    subscriptions: new Map(),
    erasures: new Map(),
    holds: new Map(),
  }
  return {
    take: (event: OutsideEvent): void => {
      state = evolving(state, event, itself)
    },
    state: (): OutsideState => state,
  }
}

/** Whether the key is valid at `at` (ISO 8601). */
export const isLive = ({ revokedAt, expires }: ServiceKey, at: string): boolean =>
  revokedAt === null && (expires === null || at < expires)

/** The key of a service, which has exactly one. */
export const keyOf = (state: OutsideState, subject: string): ServiceKey | undefined => {
  for (const key of state.keys.values()) if (key.subject === subject) return key
  return undefined
}
