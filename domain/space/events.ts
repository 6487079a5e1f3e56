/** The facts of a space. Each event's `at` (ISO 8601) and `by` (who did it) are what the fold needs of them. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { SettingsChanges } from '../settings.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const event = <T extends string, P extends t.Props>(type: T, props: P) =>
  t.type({ type: t.literal(type), data: t.type(props) })

export const LeaveReason = t.union([
  t.literal('left'),
  t.literal('disconnected'),
  t.literal('expired'),
  t.literal('kicked'),
  t.literal('banned'),
  t.literal('node-lost'),
])
export type LeaveReason = t.TypeOf<typeof LeaveReason>

export const Permission = t.union([t.literal('access'), t.literal('moderate'), t.literal('admin')])
export type Permission = t.TypeOf<typeof Permission>
/** What a caller may do in a space, weakest first: access, moderate, admin, owner. */
export type Role = Permission | 'owner'

/** The first event of a space's stream: what the content said when the space was first used. */
export const SpaceOpened = event('SpaceOpened', {
  title: t.string,
  owner: nullable(t.string),
  visibility: t.union([t.literal('public'), t.literal('private')]),
  at: Time,
})
/** A seat is held for `subject` until `expiresAt`. */
export const EntryGranted = event('EntryGranted', {
  subject: t.string,
  subspace: t.string,
  expiresAt: Time,
  at: Time,
})
export const SeatExpired = event('SeatExpired', { subject: t.string, at: Time })
export const SessionJoined = event('SessionJoined', {
  sessionId: t.string,
  socketId: t.string,
  account: nullable(t.string),
  guest: nullable(t.string),
  claimed: nullable(t.string),
  subspace: t.string,
  /** Where the avatar stands: `{ x, y, z }` as clients send it. */
  position: t.unknown,
  avatarData: t.unknown,
  /** The process boot that holds this session's lease. */
  boot: t.string,
  at: Time,
})
/** To another subspace of the same space. */
export const SessionMoved = event('SessionMoved', {
  sessionId: t.string,
  from: t.string,
  to: t.string,
  position: t.unknown,
  at: Time,
})
export const SessionLeft = event('SessionLeft', {
  sessionId: t.string,
  reason: LeaveReason,
  by: nullable(Actor),
  /** The moderator's words, for a kick or a ban. */
  note: nullable(t.string),
  until: nullable(Time),
  at: Time,
})
export const VoiceStarted = event('VoiceStarted', { sessionId: t.string, at: Time })
export const VoiceStopped = event('VoiceStopped', { sessionId: t.string, at: Time })
export const PermissionGranted = event('PermissionGranted', {
  account: t.string,
  permission: Permission,
  by: Actor,
  reason: nullable(t.string),
  at: Time,
})
export const PermissionRevoked = t.type({
  type: t.literal('PermissionRevoked'),
  data: t.intersection([
    t.type({ account: t.string, permission: Permission, by: Actor, reason: nullable(t.string), at: Time }),
    // The account's sessions were too many to end at once: all that it has now end, the rest of them in rounds.
    t.partial({ inRounds: t.literal(true) }),
  ]),
})
const restriction = { subject: t.string, by: Actor, reason: nullable(t.string), at: Time }
/** `until` null is for good. */
export const AccountBanned = event('AccountBanned', { ...restriction, until: nullable(Time) })
export const AccountUnbanned = event('AccountUnbanned', restriction)
export const AccountMuted = event('AccountMuted', { ...restriction, until: nullable(Time) })
export const AccountUnmuted = event('AccountUnmuted', restriction)
export const SettingsChanged = event('SettingsChanged', { changes: SettingsChanges, by: Actor, at: Time })

export const SpaceEvent = t.union([
  SpaceOpened,
  EntryGranted,
  SeatExpired,
  SessionJoined,
  SessionMoved,
  SessionLeft,
  VoiceStarted,
  VoiceStopped,
  PermissionGranted,
  PermissionRevoked,
  AccountBanned,
  AccountUnbanned,
  AccountMuted,
  AccountUnmuted,
  SettingsChanged,
])
export type SpaceEvent = t.TypeOf<typeof SpaceEvent>
export type SpaceEventOf<T extends SpaceEvent['type']> = Extract<SpaceEvent, { type: T }>
