/** The keys and subscriptions there are, folded from their events. */
import type { Actor } from '../identity.ts'
import type { KeyPermission, OutsideEvent } from './events.ts'

export type Key = {
  readonly id: string
  /** `service:name-1a2b3c4d`: who acts with it. */
  readonly subject: string
  /** `type:id`; null for every space. */
  readonly space: string | null
  readonly permission: KeyPermission
  readonly hash: string
  readonly expires: string | null
  readonly by: Actor
  readonly at: string
  readonly revokedAt: string | null
}

export type OutsideState = {
  readonly keys: ReadonlyMap<string, Key>
}
export const NOTHING_OUTSIDE: OutsideState = { keys: new Map() }

const changed = <V>(map: ReadonlyMap<string, V>, id: string, change: (value: V) => V): Map<string, V> => {
  const copy = new Map(map)
  const known = copy.get(id)
  if (known !== undefined) copy.set(id, change(known))
  return copy
}

/** Never fails; leaves what it is given as it is. */
export const evolveOutside = (state: OutsideState, event: OutsideEvent): OutsideState => {
  switch (event.type) {
    case 'ApiKeyCreated': {
      const { key: id, ...key } = event.data
      return { ...state, keys: new Map(state.keys).set(id, { id, ...key, revokedAt: null }) }
    }
    case 'ApiKeyRevoked': {
      const { key: id, at } = event.data
      return { ...state, keys: changed(state.keys, id, (key) => ({ ...key, revokedAt: at })) }
    }
    default: {
      const never: never = event
      return never
    }
  }
}

/** Whether the key opens anything at `at` (ISO 8601). */
export const isLive = ({ revokedAt, expires }: Key, at: string): boolean =>
  revokedAt === null && (expires === null || at < expires)

/** The key of a service: each has one. */
export const keyOf = (state: OutsideState, subject: string): Key | undefined => {
  for (const key of state.keys.values()) if (key.subject === subject) return key
  return undefined
}
