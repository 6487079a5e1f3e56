/** What can be asked of a space. Session ids are made by the server; targets come from the caller. */
import type { Caller, Subject } from '../identity.ts'
import type { SettingsChanges } from '../settings.ts'
import type { Permission } from './events.ts'

export type EnterSpace = { readonly type: 'EnterSpace'; readonly subspace: string }
export type JoinSpace = {
  readonly type: 'JoinSpace'
  readonly sessionId: string
  readonly socketId: string
  readonly subspace: string
  readonly position: unknown
  readonly avatarData: unknown
  readonly boot: string
}
/** `reason` is the server's to say: `left`, `disconnected`, `expired`, or `node-lost` by the system. */
export type LeaveSpace = {
  readonly type: 'LeaveSpace'
  readonly sessionId: string
  readonly reason: 'left' | 'disconnected' | 'expired' | 'node-lost'
}
export type MoveSession = {
  readonly type: 'MoveSession'
  readonly sessionId: string
  readonly subspace: string
  readonly position: unknown
}
export type SetVoice = { readonly type: 'SetVoice'; readonly sessionId: string; readonly enabled: boolean }
export type GrantPermission = {
  readonly type: 'GrantPermission'
  readonly account: string
  readonly permission: Permission
  readonly reason: string | null
}
export type RevokePermission = {
  readonly type: 'RevokePermission'
  readonly account: string
  readonly reason: string | null
}
export type Ban = {
  readonly type: 'Ban'
  readonly subject: Subject
  readonly reason: string | null
  readonly until: string | null
}
export type Unban = { readonly type: 'Unban'; readonly subject: Subject; readonly reason: string | null }
export type Mute = {
  readonly type: 'Mute'
  readonly subject: Subject
  readonly reason: string | null
  readonly until: string | null
}
export type Unmute = { readonly type: 'Unmute'; readonly subject: Subject; readonly reason: string | null }
export type Kick = { readonly type: 'Kick'; readonly sessionId: string; readonly reason: string | null }
export type ChangeSettings = { readonly type: 'ChangeSettings'; readonly changes: SettingsChanges }
/** The system's: appends `SeatExpired` for every held seat that has run out. */
export type ExpireSeats = { readonly type: 'ExpireSeats' }

export type SpaceCommand =
  | EnterSpace
  | JoinSpace
  | LeaveSpace
  | MoveSession
  | SetVoice
  | GrantPermission
  | RevokePermission
  | Ban
  | Unban
  | Mute
  | Unmute
  | Kick
  | ChangeSettings
  | ExpireSeats

/** What the content behind a space says, looked up when the command comes in. `private` and `role: null` is a
 *  space that the caller may not know of, unless the space's own permissions say otherwise. */
export type ContentFacts = {
  readonly exists: boolean
  readonly title: string
  readonly owner: string | null
  /** Everyone who owns it, where that is more than `owner` (the lobby's `SYSTEM_ADMINS`). */
  readonly owners?: ReadonlyArray<string>
  readonly visibility: 'public' | 'private'
  /** The caller's role by the content alone. */
  readonly role: 'owner' | 'access' | null
}

/** All that a decision needs from outside: who, when, and what the content says. */
export type Asked<Command> = {
  /** Twice the same id is one command. */
  readonly id: string
  readonly by: Caller | { readonly kind: 'system'; readonly id: string }
  /** ISO 8601, the server's clock. */
  readonly at: string
  readonly content: ContentFacts
  readonly command: Command
  /** Of a decision that is made again: the rules that it was made by (`rules.ts`). Default: today's. */
  readonly rules?: number
}
