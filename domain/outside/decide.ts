/** What may be done outside the rooms. Who may ask for it is looked at where it comes in: it goes by roles in a space. */
import * as E from 'fp-ts/lib/Either.js'
import type { Actor } from '../identity.ts'
import { isService } from '../names.ts'
import { type Invalid, invalid, parseReason } from '../text.ts'
import type { KeyPermission, OutsideEvent } from './events.ts'
import { isLive, type OutsideState } from './state.ts'

export type OutsideCommand =
  | {
      readonly type: 'CreateApiKey'
      readonly key: string
      readonly name: string
      readonly space: string | null
      readonly permission: KeyPermission
      readonly hash: string
      readonly expires: string | null
    }
  | { readonly type: 'RevokeApiKey'; readonly key: string; readonly reason: string | null }

export type OutsideRefusal =
  | Invalid
  | { readonly _tag: 'KeyNotFound' }
  /** As many as there may be, of a space or in all. */
  | { readonly _tag: 'TooManyOutside'; readonly what: 'keys' | 'subscriptions'; readonly max: number }

export type OutsideAsked = { readonly by: Actor; readonly at: string }
type Decision = E.Either<OutsideRefusal, ReadonlyArray<OutsideEvent>>

/** Live keys of a space (or of every space), and those ever made in all. */
const KEYS_OF_SPACE = 20
const KEYS = 10_000
const NAME = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/

/** Told apart from others of its name by its key's id. */
export const serviceName = (name: string, key: string): string => `service:${name}-${key.slice(0, 8)}`

const createKey = (
  state: OutsideState,
  command: Extract<OutsideCommand, { type: 'CreateApiKey' }>,
  { by, at }: OutsideAsked,
): Decision => {
  const { key, name, space, permission, hash, expires } = command
  if (!NAME.test(name))
    return invalid('name', 'A name has 2 to 32 lower-case letters, digits and hyphens, a letter first.')
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
    { type: 'ApiKeyCreated', data: { key, subject, space, permission, hash, expires, by, at } },
  ])
}

export const decideOutside = (
  state: OutsideState,
  command: OutsideCommand,
  asked: OutsideAsked,
): Decision => {
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
    default: {
      const never: never = command
      return never
    }
  }
}
