/** The space commands that tests send, with only what matters said. */
import type { SettingsChanges } from '../settings.ts'
import type { SpaceCommand } from '../space/commands.ts'
import type { Permission } from '../space/events.ts'

type C<T extends SpaceCommand['type']> = Extract<SpaceCommand, { type: T }>

export const enter = (subspace = 'main', network?: string): C<'EnterSpace'> =>
  network === undefined ? { type: 'EnterSpace', subspace } : { type: 'EnterSpace', subspace, network }
/** `alice`'s first session and socket are `alice-1` and `socket-alice-1`. */
export const join = (subject: string, n = 1, over: Partial<C<'JoinSpace'>> = {}): C<'JoinSpace'> => ({
  type: 'JoinSpace',
  sessionId: `${subject}-${n}`,
  socketId: `socket-${subject}-${n}`,
  subspace: 'main',
  position: null,
  avatarData: null,
  boot: 'boot-1',
  ...over,
})
export const leave = (sessionId: string, reason: C<'LeaveSpace'>['reason'] = 'left'): C<'LeaveSpace'> => ({
  type: 'LeaveSpace',
  sessionId,
  reason,
})
export const move = (sessionId: string, subspace: string): C<'MoveSession'> => ({
  type: 'MoveSession',
  sessionId,
  subspace,
  position: null,
})
export const voice = (sessionId: string, enabled: boolean): C<'SetVoice'> => ({
  type: 'SetVoice',
  sessionId,
  enabled,
})
export const grant = (name: string, permission: Permission): C<'GrantPermission'> => ({
  type: 'GrantPermission',
  account: name,
  permission,
  reason: null,
})
export const revoke = (name: string): C<'RevokePermission'> => ({
  type: 'RevokePermission',
  account: name,
  reason: null,
})
export const ban = (subject: string, until: string | null = null): C<'Ban'> => ({
  type: 'Ban',
  subject,
  reason: null,
  until,
})
export const unban = (subject: string): C<'Unban'> => ({ type: 'Unban', subject, reason: null })
export const mute = (subject: string, until: string | null = null): C<'Mute'> => ({
  type: 'Mute',
  subject,
  reason: null,
  until,
})
export const unmute = (subject: string): C<'Unmute'> => ({ type: 'Unmute', subject, reason: null })
export const kick = (sessionId: string, reason: string | null = null): C<'Kick'> => ({
  type: 'Kick',
  sessionId,
  reason,
})
export const settings = (changes: SettingsChanges): C<'ChangeSettings'> => ({
  type: 'ChangeSettings',
  changes,
})
export const expire: C<'ExpireSeats'> = { type: 'ExpireSeats' }
