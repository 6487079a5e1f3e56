/** The space events that tests start from, with only what matters said. */

import { DEFAULT_SETTINGS, type SettingsChanges } from '../settings.ts'
import type { Permission, SpaceEvent, SpaceEventOf } from '../space/events.ts'
import { account, at, OWNER } from './people.ts'

export const entered = (subject: string, seconds = 0, network?: string): SpaceEventOf<'EntryGranted'> => ({
  type: 'EntryGranted',
  data: {
    subject,
    subspace: 'main',
    expiresAt: at(seconds + 60),
    at: at(seconds),
    ...(network === undefined ? {} : { network }),
  },
})
export const seatExpired = (subject: string, seconds = 0): SpaceEventOf<'SeatExpired'> => ({
  type: 'SeatExpired',
  data: { subject, at: at(seconds) },
})
/** A session and a socket of the subject's name and `n`: `alice`'s first are `alice-1` and `socket-alice-1`. */
export const joined = (
  subject: string,
  n = 1,
  subspace = 'main',
  seconds = 0,
): SpaceEventOf<'SessionJoined'> => {
  const isGuest = subject.startsWith('guest:')
  return {
    type: 'SessionJoined',
    data: {
      sessionId: `${subject}-${n}`,
      socketId: `socket-${subject}-${n}`,
      account: isGuest ? null : subject,
      guest: isGuest ? subject : null,
      claimed: null,
      subspace,
      position: null,
      avatarData: null,
      boot: 'boot-1',
      at: at(seconds),
    },
  }
}
/** The same for a guest who came from that network. */
export const joinedFrom = (network: string, subject: string, n = 1): SpaceEventOf<'SessionJoined'> => {
  const session = joined(subject, n)
  return { ...session, data: { ...session.data, network } }
}
export const left = (
  sessionId: string,
  reason: SpaceEventOf<'SessionLeft'>['data']['reason'] = 'left',
  said: {
    readonly by?: string
    readonly note?: string
    readonly until?: string
    readonly seconds?: number
    /** In seconds after noon. */
    readonly returnBy?: number
  } = {},
): SpaceEventOf<'SessionLeft'> => ({
  type: 'SessionLeft',
  data: {
    sessionId,
    reason,
    by: said.by === undefined ? null : account(said.by),
    note: said.note ?? null,
    until: said.until ?? null,
    at: at(said.seconds),
    ...(said.returnBy === undefined ? {} : { returnBy: at(said.returnBy) }),
  },
})
export const spoke = (sessionId: string): SpaceEventOf<'VoiceStarted'> => ({
  type: 'VoiceStarted',
  data: { sessionId, at: at() },
})
export const fellSilent = (sessionId: string): SpaceEventOf<'VoiceStopped'> => ({
  type: 'VoiceStopped',
  data: { sessionId, at: at() },
})
export const granted = (
  name: string,
  permission: Permission,
  by = OWNER,
): SpaceEventOf<'PermissionGranted'> => ({
  type: 'PermissionGranted',
  data: { account: name, permission, by: account(by), reason: null, at: at() },
})
export const revoked = (
  name: string,
  permission: Permission,
  by = OWNER,
): SpaceEventOf<'PermissionRevoked'> => ({
  type: 'PermissionRevoked',
  data: { account: name, permission, by: account(by), reason: null, at: at() },
})
export const banned = (
  subject: string,
  until: string | null = null,
  by = OWNER,
): SpaceEventOf<'AccountBanned'> => ({
  type: 'AccountBanned',
  data: { subject, by: account(by), reason: null, until, at: at() },
})
export const muted = (
  subject: string,
  until: string | null = null,
  by = OWNER,
): SpaceEventOf<'AccountMuted'> => ({
  type: 'AccountMuted',
  data: { subject, by: account(by), reason: null, until, at: at() },
})
export const settled = (changes: SettingsChanges, by = OWNER): SpaceEventOf<'SettingsChanged'> => ({
  type: 'SettingsChanged',
  data: { changes, by: account(by), at: at() },
})
/** Two seats, both taken, by alice and carol. */
export const full: ReadonlyArray<SpaceEvent> = [settled({ max_users: 2 }), joined('alice'), joined('carol')]
export const MAX = DEFAULT_SETTINGS.max_users
