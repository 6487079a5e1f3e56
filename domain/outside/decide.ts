/** Decides commands about keys and subscriptions; those about people are decided in `people.ts`. Whether the caller may
 *  ask, by their role in the space, is checked where the request comes in. */
import * as E from 'fp-ts/lib/Either.js'
import type { Actor } from '../identity.ts'
import { isService } from '../names.ts'
import { type Invalid, invalid, parseReason } from '../text.ts'
import type { KeyPermission, OutsideEvent } from './events.ts'
import { decidePerson, isPersonCommand, type PersonCommand, type PersonRefusal } from './people.ts'
import { isLive, type OutsideState } from './state.ts'

type Told = {
  readonly url: string
  readonly types: ReadonlyArray<string> | null
  readonly proofs: boolean
}
export type OutsideCommand =
  | PersonCommand
  | {
      readonly type: 'CreateApiKey'
      readonly key: string
      readonly name: string
      readonly space: string | null
      readonly permission: KeyPermission
      /** Whether the key may create test crowds for load measurements: only possible for a key for every space. */
      readonly load?: boolean
      readonly hash: string
      readonly expires: string | null
    }
  | { readonly type: 'RevokeApiKey'; readonly key: string; readonly reason: string | null }
  | (Told & {
      readonly type: 'Subscribe'
      readonly subscription: string
      readonly space: string | null
      readonly after: string
    })
  | (Told & { readonly type: 'ChangeSubscription'; readonly subscription: string })
  | { readonly type: 'ChangeSubscriptionSecret'; readonly subscription: string }
  | { readonly type: 'ReplaySubscription'; readonly subscription: string; readonly after: string }
  | {
      readonly type: 'ParkSubscription'
      readonly subscription: string
      /** Which of the subscription's starts this is about: a subscription that was replayed in the meantime is not parked. */
      readonly start: number
      readonly position: string
      readonly after: string
      readonly since: string
      readonly error: string
    }
  | { readonly type: 'EndSubscription'; readonly subscription: string; readonly reason: string | null }

export type OutsideRefusal =
  | PersonRefusal
  | { readonly _tag: 'KeyNotFound' }
  | { readonly _tag: 'SubscriptionNotFound' }
  /** The limit is reached, of the space or in total. */
  | { readonly _tag: 'TooManyOutside'; readonly what: 'keys' | 'subscriptions'; readonly max: number }

export type OutsideAsked = { readonly by: Actor; readonly at: string }
type Decision = E.Either<OutsideRefusal, ReadonlyArray<OutsideEvent>>

/** The most live keys of one space (or for every space), and the most keys ever made in total. */
const KEYS_OF_SPACE = 20
const KEYS = 10_000
/** The most subscriptions of one space (or of every space), and in total. */
const SUBSCRIPTIONS_OF_SPACE = 10
const SUBSCRIPTIONS = 200
const LONGEST_URL = 2_000
const NAME = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/

/** Distinguished from other services of its name by its key's id. */
const serviceName = (name: string, key: string): string => `service:${name}-${key.slice(0, 8)}`

const createKey = (
  state: OutsideState,
  command: Extract<OutsideCommand, { type: 'CreateApiKey' }>,
  { by, at }: OutsideAsked,
): Decision => {
  const { key, name, space, permission, hash, expires, load = false } = command
  if (!NAME.test(name))
    return invalid('name', 'A name has 2 to 32 lower-case letters, digits and hyphens, a letter first.')
  if (load && space !== null) return invalid('load', 'Only a key for every space may bring a crowd.')
  if (expires !== null && expires <= at) return invalid('expires', 'It must end later than now.')
  const subject = serviceName(name, key)
  if (state.keys.has(key) || !isService(subject))
    return invalid('idempotency_key', 'There is a key of this id.')
  for (const other of state.keys.values())
    if (other.subject === subject) return invalid('name', 'There is a service of this name: take another.')
  const live = [...state.keys.values()].filter((other) => other.space === space && isLive(other, at))
  if (live.length >= KEYS_OF_SPACE || state.keys.size >= KEYS)
    return E.left({ _tag: 'TooManyOutside', what: 'keys', max: KEYS_OF_SPACE })
  return E.right([
    {
      type: 'ApiKeyCreated',
      data: { key, subject, space, permission, hash, expires, by, at, ...(load ? { load } : {}) },
    },
  ])
}

/** The IP address that the name resolves to is checked at each delivery, since it may be another tomorrow. */
const wrongUrl = (url: string): E.Either<Invalid, never> | null =>
  url.length > LONGEST_URL || !/^https?:\/\/[^\s/?#@]+([/?#]\S*)?$/.test(url)
    ? invalid(
        'url',
        'An address is https://host/path, without a name or a password in it, 2,000 characters at most.',
      )
    : null

const subscribe = (
  state: OutsideState,
  command: Extract<OutsideCommand, { type: 'Subscribe' }>,
  { by, at }: OutsideAsked,
): Decision => {
  const { type: _, subscription, url, space, ...rest } = command
  const wrong = wrongUrl(url)
  if (wrong !== null) return wrong
  if (state.subscriptions.has(subscription))
    return invalid('idempotency_key', 'There is a subscription of this id.')
  const here = [...state.subscriptions.values()].filter((other) => other.space === space)
  if (here.length >= SUBSCRIPTIONS_OF_SPACE || state.subscriptions.size >= SUBSCRIPTIONS)
    return E.left({ _tag: 'TooManyOutside', what: 'subscriptions', max: SUBSCRIPTIONS_OF_SPACE })
  return E.right([{ type: 'SubscriptionCreated', data: { subscription, url, space, ...rest, by, at } }])
}

type OfSubscription = Exclude<
  OutsideCommand,
  PersonCommand | { type: 'CreateApiKey' } | { type: 'RevokeApiKey' } | { type: 'Subscribe' }
>
const ofSubscription = (state: OutsideState, command: OfSubscription, { by, at }: OutsideAsked): Decision => {
  const known = state.subscriptions.get(command.subscription)
  if (known === undefined) return E.left({ _tag: 'SubscriptionNotFound' })
  const done = { subscription: known.id, space: known.space, by, at }
  switch (command.type) {
    case 'ChangeSubscription': {
      const { url, types, proofs } = command
      const wrong = wrongUrl(url)
      if (wrong !== null) return wrong
      const isSame = url === known.url && proofs === known.proofs && String(types) === String(known.types)
      return E.right(isSame ? [] : [{ type: 'SubscriptionChanged', data: { ...done, url, types, proofs } }])
    }
    case 'ChangeSubscriptionSecret':
      return E.right([{ type: 'SubscriptionSecretChanged', data: { ...done, secret: known.secret + 1 } }])
    case 'ReplaySubscription':
      return E.right([{ type: 'SubscriptionReplayed', data: { ...done, after: command.after } }])
    case 'ParkSubscription': {
      const { start, position, after, since, error } = command
      if (known.parked !== null || start !== known.start) return E.right([])
      return E.right([{ type: 'SubscriptionParked', data: { ...done, position, after, since, error } }])
    }
    case 'EndSubscription': {
      const reason = parseReason(command.reason)
      if (E.isLeft(reason)) return reason
      return E.right([{ type: 'SubscriptionEnded', data: { ...done, reason: reason.right } }])
    }
    default: {
      const never: never = command
      return never
    }
  }
}

export const decideOutside = (
  state: OutsideState,
  command: OutsideCommand,
  asked: OutsideAsked,
): Decision => {
  if (isPersonCommand(command)) return decidePerson(state, command, asked)
  const { by, at } = asked
  switch (command.type) {
    case 'CreateApiKey':
      return createKey(state, command, asked)
    case 'RevokeApiKey': {
      const known = state.keys.get(command.key)
      if (known === undefined) return E.left({ _tag: 'KeyNotFound' })
      const reason = parseReason(command.reason)
      if (E.isLeft(reason)) return reason
      if (known.revokedAt !== null) return E.right([])
      const { id: key, subject, space } = known
      return E.right([{ type: 'ApiKeyRevoked', data: { key, subject, space, reason: reason.right, by, at } }])
    }
    case 'Subscribe':
      return subscribe(state, command, asked)
    default:
      return ofSubscription(state, command, asked)
  }
}
