/** A space's state as JSON and back, so that loading a space costs the same whatever its age. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { SettingsChanges, settingsIn, storedSettings } from '../settings.ts'
import { Time } from '../time.ts'
import { StoredBanList } from './ban-list.ts'
import { initialSpace } from './evolve.ts'
import { FilterSetting } from './filter.ts'
import { join } from './folding.ts'
import { type Pin, pinKey, StoredPin } from './pin.ts'
import { StoredPlace, Turns } from './place.ts'
import { Permission } from './roles.ts'
import { marksIn, nullable, StoredSession, storedSession } from './session.ts'
import type { SpaceState } from './state.ts'
import { StoredRoute } from './voice-route.ts'

/** The version of the shape below: a snapshot of another version is not read, and the space is folded again. */
export const SPACE_SNAPSHOT = 1

const Restriction = t.type({
  subject: t.string,
  by: Actor,
  reason: nullable(t.string),
  until: nullable(Time),
  at: Time,
})
const HeldSeat = t.intersection([
  t.type({ subject: t.string, subspace: t.string, expiresAt: Time }),
  t.partial({ network: t.string, turn: t.literal(true) }),
])
const Whole = t.type({
  version: t.literal(SPACE_SNAPSHOT),
  opened: nullable(
    t.type({
      title: t.string,
      owner: nullable(t.string),
      visibility: t.union([t.literal('public'), t.literal('private')]),
      at: Time,
    }),
  ),
  sessions: t.array(StoredSession),
  held: t.array(HeldSeat),
  grants: t.array(
    t.type({ account: t.string, permission: Permission, by: Actor, reason: nullable(t.string), at: Time }),
  ),
  bans: t.array(Restriction),
  mutes: t.array(Restriction),
  /** A setting that was added later is missing in an older snapshot. */
  settings: SettingsChanges,
})
const SpaceSnapshot = t.intersection([
  Whole,
  t.partial({
    left: t.array(t.tuple([t.string, Time])),
    pinned: t.array(StoredPin),
    queue: t.array(StoredPlace),
    turns: Turns,
    filters: t.array(FilterSetting),
    lists: t.array(StoredBanList),
    routes: t.array(StoredRoute),
  }),
])
export type SpaceSnapshot = t.TypeOf<typeof SpaceSnapshot>

/** Components are personal: whoever loads a space looks them up. */
const storedPin = ({ components: _, ...pin }: Pin): t.TypeOf<typeof StoredPin> => pin

export const toSnapshot = (state: SpaceState): SpaceSnapshot => ({
  version: SPACE_SNAPSHOT,
  opened: state.opened,
  sessions: [...state.sessions.values()].map(storedSession),
  held: [...state.held.values()],
  // Left out if there is nothing, so that states stored before this field existed stay what they are.
  ...(state.left.size === 0 ? {} : { left: [...state.left] }),
  ...(state.pinned.size === 0 ? {} : { pinned: [...state.pinned.values()].map(storedPin) }),
  ...(state.queue.size === 0 ? {} : { queue: [...state.queue.values()] }),
  ...(state.turns === null ? {} : { turns: state.turns }),
  ...(state.lists.size === 0 ? {} : { lists: [...state.lists.values()] }),
  ...(state.filters.size === 0 ? {} : { filters: [...state.filters.values()] }),
  ...(state.routes.size === 0
    ? {}
    : { routes: [...state.routes].map(([subspace, route]) => ({ subspace, ...route })) }),
  grants: [...state.grants].map(([account, grant]) => ({ account, ...grant })),
  bans: [...state.bans].map(([subject, ban]) => ({ subject, ...ban })),
  mutes: [...state.mutes].map(([subject, mute]) => ({ subject, ...mute })),
  settings: storedSettings(state.settings),
})

/** The state from the result of `toSnapshot`, or why it can't be read. */
export const fromSnapshot = (json: unknown): E.Either<string, SpaceState> => {
  if (!SpaceSnapshot.is(json)) return E.left(`Not a space's snapshot of version ${SPACE_SNAPSHOT}.`)
  const state = initialSpace()
  for (const session of json.sessions) join(state, { ...session, ...marksIn(session) })
  return E.right({
    ...state,
    opened: json.opened,
    held: new Map(json.held.map((seat) => [seat.subject, seat])),
    left: new Map(json.left ?? []),
    pinned: new Map(
      (json.pinned ?? []).map((pin) => [pinKey(pin.subspace, pin.entityId), { ...pin, components: null }]),
    ),
    queue: new Map((json.queue ?? []).map((place) => [place.subject, place])),
    turns: json.turns ?? null,
    lists: new Map((json.lists ?? []).map((list) => [list.listId, list])),
    filters: new Map((json.filters ?? []).map((filter) => [filter.filterId, filter])),
    routes: new Map((json.routes ?? []).map(({ subspace, ...route }) => [subspace, route])),
    grants: new Map(json.grants.map(({ account, ...grant }) => [account, grant])),
    bans: new Map(json.bans.map(({ subject, ...ban }) => [subject, ban])),
    mutes: new Map(json.mutes.map(({ subject, ...mute }) => [subject, mute])),
    settings: { ...json.settings, ...settingsIn(json.settings) },
  })
}
