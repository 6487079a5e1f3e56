/** The command behind an act, put together again from what it left on the log. */
import type { ChatCommand } from '../../../domain/chat/commands.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import type { CommandRefused } from '../../../domain/refused.ts'
import type { SpaceCommand } from '../../../domain/space/commands.ts'
import type { SpaceEvent, SpaceEventOf } from '../../../domain/space/events.ts'
import type { SpaceState } from '../../../domain/space/state.ts'

export type AnyCommand = SpaceCommand | ChatCommand

const CHAT: ReadonlyArray<string> = [
  'PostMessage',
  'EditMessage',
  'DeleteMessage',
  'AddReaction',
  'RemoveReaction',
] satisfies ReadonlyArray<ChatCommand['type']>
const SPACE: ReadonlyArray<string> = [
  'EnterSpace',
  'JoinSpace',
  'LeaveSpace',
  'MoveSession',
  'SetVoice',
  'GrantPermission',
  'RevokePermission',
  'Ban',
  'Unban',
  'Mute',
  'Unmute',
  'Kick',
  'ChangeSettings',
  'ExpireSeats',
] satisfies ReadonlyArray<SpaceCommand['type']>

export const COMMAND_TYPES: ReadonlyArray<string> = [...SPACE, ...CHAT]
export const isChatCommand = (command: AnyCommand): command is ChatCommand => CHAT.includes(command.type)

/** Stands for words that are not there (any more): no rule but that of form looks at words. */
export const SOME_WORDS = '…'
const words = (content: string): string => (content === '' ? SOME_WORDS : content)

/** From the events of one accepted space command; null for one that is not known. `before`: the space as it stood. */
export const spaceCommandOf = (
  type: string,
  events: ReadonlyArray<SpaceEvent>,
  before: SpaceState,
): SpaceCommand | null => {
  const one = <T extends SpaceEvent['type']>(wanted: T): SpaceEventOf<T>['data'] | null =>
    ((events.find((event) => event.type === wanted) as SpaceEventOf<T> | undefined)?.data as
      | SpaceEventOf<T>['data']
      | undefined) ?? null
  const whose = (sessionId: string | undefined): string | null => {
    const session = sessionId === undefined ? undefined : before.sessions.get(sessionId)
    return session?.account ?? session?.guest ?? null
  }
  switch (type) {
    case 'EnterSpace': {
      const granted = one('EntryGranted')
      return granted && { type, subspace: granted.subspace }
    }
    case 'JoinSpace': {
      const joined = one('SessionJoined')
      if (joined === null) return null
      const { sessionId, socketId, subspace, position, avatarData, boot } = joined
      return { type, sessionId, socketId, subspace, position, avatarData, boot }
    }
    case 'LeaveSpace': {
      const left = one('SessionLeft')
      if (left === null || left.reason === 'kicked' || left.reason === 'banned') return null
      return { type, sessionId: left.sessionId, reason: left.reason }
    }
    case 'MoveSession': {
      const moved = one('SessionMoved')
      return moved && { type, sessionId: moved.sessionId, subspace: moved.to, position: moved.position }
    }
    case 'SetVoice': {
      const started = one('VoiceStarted')
      const changed = started ?? one('VoiceStopped')
      return changed && { type, sessionId: changed.sessionId, enabled: started !== null }
    }
    case 'GrantPermission': {
      const granted = one('PermissionGranted')
      return (
        granted && { type, account: granted.account, permission: granted.permission, reason: granted.reason }
      )
    }
    case 'RevokePermission': {
      const revoked = one('PermissionRevoked')
      return revoked && { type, account: revoked.account, reason: revoked.reason }
    }
    case 'Ban': {
      const banned = one('AccountBanned')
      if (banned !== null)
        return { type, subject: banned.subject, reason: banned.reason, until: banned.until }
      // The same ban stood already: it only put out whoever had come in nevertheless.
      const left = one('SessionLeft')
      const subject = whose(left?.sessionId) ?? one('SeatExpired')?.subject ?? null
      const standing = subject === null ? undefined : before.bans.get(subject)
      if (subject === null) return null
      const { note = standing?.reason ?? null, until = standing?.until ?? null } = left ?? {}
      return { type, subject, reason: note, until }
    }
    case 'Mute': {
      const muted = one('AccountMuted')
      if (muted !== null) return { type, subject: muted.subject, reason: muted.reason, until: muted.until }
      const subject = whose(one('VoiceStopped')?.sessionId)
      if (subject === null) return null
      const standing = before.mutes.get(subject)
      return { type, subject, reason: standing?.reason ?? null, until: standing?.until ?? null }
    }
    case 'Unban': {
      const lifted = one('AccountUnbanned')
      return lifted && { type, subject: lifted.subject, reason: lifted.reason }
    }
    case 'Unmute': {
      const lifted = one('AccountUnmuted')
      return lifted && { type, subject: lifted.subject, reason: lifted.reason }
    }
    case 'Kick': {
      const left = one('SessionLeft')
      return left && { type, sessionId: left.sessionId, reason: left.note }
    }
    case 'ChangeSettings': {
      const changed = one('SettingsChanged')
      return changed && { type, changes: changed.changes }
    }
    case 'ExpireSeats':
      return { type }
    default:
      return null
  }
}

export const chatCommandOf = (type: string, event: ChatEvent): ChatCommand | null => {
  const { data } = event
  const { messageId } = data
  switch (type) {
    case 'PostMessage': {
      if (event.type !== 'MessagePosted') return null
      const { subspace, messageType, parentMessageId, content } = event.data
      return {
        type,
        messageId,
        fresh: true,
        subspace,
        content: words(content),
        messageType,
        parentMessageId,
      }
    }
    case 'EditMessage':
      return event.type === 'MessageEdited' ? { type, messageId, content: words(event.data.content) } : null
    case 'DeleteMessage':
      return { type, messageId }
    case 'AddReaction':
    case 'RemoveReaction':
      return 'emoji' in data ? { type, messageId, emoji: data.emoji } : null
    default:
      return null
  }
}

/** What a command needs to be asked at all. A name that no account has: somebody who is nothing here. */
const NOBODY = 'nobody-at-all'
const MESSAGE = '00000000-0000-4000-8000-000000000000'
const blank = (type: string): AnyCommand | null => {
  switch (type) {
    case 'EnterSpace':
      return { type, subspace: 'main' }
    case 'JoinSpace':
      return {
        type,
        sessionId: 'a new session',
        socketId: 'a new socket',
        subspace: 'main',
        position: null,
        avatarData: null,
        boot: '',
      }
    case 'LeaveSpace':
      return { type, sessionId: '', reason: 'left' }
    case 'MoveSession':
      return { type, sessionId: '', subspace: 'main-elsewhere', position: null }
    case 'SetVoice':
      return { type, sessionId: '', enabled: true }
    case 'GrantPermission':
      return { type, account: NOBODY, permission: 'access', reason: null }
    case 'RevokePermission':
      return { type, account: NOBODY, reason: null }
    case 'Ban':
    case 'Mute':
      return { type, subject: NOBODY, reason: null, until: null }
    case 'Unban':
    case 'Unmute':
      return { type, subject: NOBODY, reason: null }
    case 'Kick':
      return { type, sessionId: '', reason: null }
    case 'ChangeSettings':
      return { type, changes: {} }
    case 'ExpireSeats':
      return { type }
    case 'PostMessage':
      return {
        type,
        messageId: MESSAGE,
        subspace: 'main',
        content: SOME_WORDS,
        messageType: 'text',
        parentMessageId: null,
      }
    case 'EditMessage':
      return { type, messageId: MESSAGE, content: SOME_WORDS }
    case 'DeleteMessage':
      return { type, messageId: MESSAGE }
    case 'AddReaction':
    case 'RemoveReaction':
      return { type, messageId: MESSAGE, emoji: '👍' }
    default:
      return null
  }
}

/** A command of that type with these fields, and the least that is needed for the rest; null for an unknown type. */
export const commandWith = (type: string, fields: Readonly<Record<string, unknown>>): AnyCommand | null => {
  const base = blank(type)
  return base === null ? null : ({ ...base, ...fields, type } as AnyCommand)
}

/** `isWhole`: false where the log is from before refusals kept what was asked for. */
export const refusedCommandOf = ({
  data,
}: CommandRefused): { readonly command: AnyCommand | null; readonly isWhole: boolean } => {
  if (data.asked !== undefined) return { command: commandWith(data.command, data.asked), isWhole: true }
  const { subspace, target } = data
  const base = blank(data.command) as Record<string, unknown> | null
  const names = ['account', 'subject', 'sessionId', 'messageId'].filter(
    (name) => base !== null && name in base,
  )
  const fields = {
    ...(subspace === undefined ? {} : { subspace }),
    ...(target === undefined || names[0] === undefined ? {} : { [names[0]]: target }),
  }
  return { command: commandWith(data.command, fields), isWhole: false }
}
