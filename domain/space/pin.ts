/** Pinned entities of a room's scene, in the form of events and states. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Which = { subspace: t.string, entityId: t.string }
export const Ownership = t.union([t.literal('free'), t.literal('ask'), t.literal('locked')])
/** `components` by name, all that it has; `weight`: their characters of JSON, which is known even if they are not. */
const Content = { components: t.UnknownRecord, weight: t.number }
export const Pinning = t.type({
  ...Which,
  template: nullable(t.string),
  ownership: nullable(Ownership),
  ...Content,
  by: Actor,
  at: Time,
})
export const Changing = t.type({ ...Which, ...Content, by: Actor, at: Time })
export const Unpinning = t.type({ ...Which, by: Actor, at: Time })

/** A pin in a state: without its components if they were not looked up yet, since a stored state contains nothing personal. */
export const StoredPin = t.type({
  ...Which,
  template: nullable(t.string),
  ownership: nullable(Ownership),
  weight: t.number,
  by: Actor,
  at: Time,
  changedAt: Time,
})
export type Pin = t.TypeOf<typeof StoredPin> & {
  readonly components: Readonly<Record<string, unknown>> | null
}

export const pinKey = (subspace: string, entityId: string): string => `${subspace}\n${entityId}`
