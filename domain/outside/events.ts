/** Events outside the rooms: about keys of bots and backends, about subscriptions of addresses to which events are
 *  sent, and about what is held on people. They are all in one stream; each names the space that it is about, or none
 *  for every space. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

export const KeyPermission = t.union([t.literal('access'), t.literal('moderate'), t.literal('admin')])
export type KeyPermission = t.TypeOf<typeof KeyPermission>

/** `space` is `type:id`; null for every space. */
const Done = { space: nullable(t.string), by: Actor, at: Time }

const event = <D extends t.Mixed>(data: D, says: (data: t.TypeOf<D>) => string) => ({ schema: 1, data, says })

/** What a subscription is sent, and where: `types` is null for all; with `proofs`, each event comes with its proof of inclusion. */
const Told = { url: t.string, types: nullable(t.readonlyArray(t.string)), proofs: t.boolean }

const because = (reason: string | null): string => (reason === null ? '' : `: ${reason}`)
const hostOf = (url: string): string => /^https?:\/\/([^/?#]+)/.exec(url)?.[1] ?? 'an address'
const where = (space: string | null): string => space ?? 'every space'

export const OUTSIDE_EVENTS = {
  /** `hash`: SHA-256 of the secret in hex; the secret itself was shown once. `load`: the key may create test crowds for
   *  load measurements. */
  ApiKeyCreated: event(
    t.intersection([
      t.type({
        ...Done,
        key: t.string,
        subject: t.string,
        permission: KeyPermission,
        hash: t.string,
        expires: nullable(Time),
      }),
      t.partial({ load: t.boolean }),
    ]),
    ({ subject, permission, space }) => `${subject} got a key: ${permission} in ${where(space)}`,
  ),
  ApiKeyRevoked: event(
    t.type({ ...Done, key: t.string, subject: t.string, reason: nullable(t.string) }),
    ({ subject, reason }) => `the key of ${subject} was revoked${because(reason)}`,
  ),
  /** `after`: the place (exclusive) from which on events are sent. */
  SubscriptionCreated: event(
    t.type({ ...Done, ...Told, subscription: t.string, after: t.string }),
    ({ url, space }) => `${hostOf(url)} is told of what happens in ${where(space)}`,
  ),
  SubscriptionChanged: event(
    t.type({ ...Done, ...Told, subscription: t.string }),
    ({ url }) => `what ${hostOf(url)} is told, or where, was changed`,
  ),
  /** Deliveries are signed with the previous secrets too for one more day. */
  SubscriptionSecretChanged: event(
    t.type({ ...Done, subscription: t.string, secret: t.number }),
    () => 'a subscription’s secret was changed',
  ),
  /** Delivery continues from that place, whether the subscription was parked or not. */
  SubscriptionReplayed: event(
    t.type({ ...Done, subscription: t.string, after: t.string }),
    ({ after }) => `a subscription goes on after ${after}`,
  ),
  /** The event at `position` could not be delivered for too long. Nothing more is delivered until somebody replays it. */
  SubscriptionParked: event(
    t.type({
      ...Done,
      subscription: t.string,
      position: t.string,
      after: t.string,
      since: Time,
      error: t.string,
    }),
    ({ position, error }) => `a subscription is parked at ${position}: ${error}`,
  ),
  SubscriptionEnded: event(
    t.type({ ...Done, subscription: t.string, reason: nullable(t.string) }),
    ({ reason }) => `a subscription ended${because(reason)}`,
  ),
  /** `due`: the earliest moment at which it is carried out. `subject` is an account or a guest, here and below. */
  ErasureAsked: event(
    t.type({ ...Done, erasure: t.string, subject: t.string, due: Time }),
    ({ subject, due }) => `${subject} asked to be erased, from ${due} on`,
  ),
  ErasureWithdrawn: event(
    t.type({ ...Done, erasure: t.string, subject: t.string }),
    ({ subject }) => `${subject} withdrew their erasure`,
  ),
  /** One process carries it out from now on, and no other; it can no longer be withdrawn. */
  ErasureBegun: event(
    t.type({ ...Done, erasure: t.string, subject: t.string }),
    ({ subject }) => `the erasure of ${subject} began`,
  ),
  /** `request`: the id under which it was carried out; whatever was erased refers to it. */
  ErasureDone: event(
    t.type({ ...Done, erasure: t.string, subject: t.string, request: t.string }),
    ({ subject }) => `${subject} was erased`,
  ),
  /** Nothing of the person is erased while the hold stands. The reason is shown to them. */
  LegalHoldPlaced: event(
    t.type({ ...Done, hold: t.string, subject: t.string, reason: t.string }),
    ({ subject, reason }) => `what is held on ${subject} must be kept: ${reason}`,
  ),
  LegalHoldReleased: event(
    t.type({ ...Done, hold: t.string, subject: t.string, reason: nullable(t.string) }),
    ({ subject, reason }) => `what is held on ${subject} need not be kept any more${because(reason)}`,
  ),
  /** The person received what is held on them as a file. */
  DataGiven: event(
    t.type({ ...Done, subject: t.string }),
    ({ subject }) => `${subject} was given what is held on them`,
  ),
} as const

export type OutsideEventName = keyof typeof OUTSIDE_EVENTS
type Entries = typeof OUTSIDE_EVENTS
export type OutsideEventOf<Name extends OutsideEventName> = {
  readonly type: Name
  readonly data: t.TypeOf<Entries[Name]['data']>
}
export type OutsideEvent = { [Name in OutsideEventName]: OutsideEventOf<Name> }[OutsideEventName]

/** Null for anything else, or for a malformed event: what this version can't read changes nothing. */
export const readOutside = (type: string, data: unknown): OutsideEvent | null => {
  if (!Object.hasOwn(OUTSIDE_EVENTS, type)) return null
  const { data: codec } = OUTSIDE_EVENTS[type as OutsideEventName] as { readonly data: t.Mixed }
  return codec.is(data) ? ({ type, data } as OutsideEvent) : null
}
