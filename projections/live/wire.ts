/** What clients are sent, as the contract shapes it. Every moment is the event's own, so that all nodes (and a
 *  client that resumes) see the same words for the same event. */
import type { ChatEventOf } from '../../domain/chat/events.ts'
import { erasedBy } from '../../domain/erasure.ts'
import { type Actor, accountOf, guestOf } from '../../domain/identity.ts'
import type { SpaceEventOf } from '../../domain/space/events.ts'
import type { Session } from '../../domain/space/state.ts'

/** One thing to tell, and its name on the wire. */
export type News = { readonly event: string; readonly payload: Readonly<Record<string, unknown>> }

/** Its place in the log. */
export type At = { readonly revision: bigint; readonly position: bigint }

export const userOf = (session: Session) => ({
  socketId: session.socketId,
  sessionId: session.sessionId,
  userAccount: session.account,
  guestId: session.guest,
  position: session.position ?? null,
  avatar_data: session.avatarData ?? null,
  voice_enabled: session.voice,
  connected_at: session.joinedAt,
})

const passerBy = (session: Session, { revision }: At, at: string, reason?: string) => ({
  socketId: session.socketId,
  sessionId: session.sessionId,
  userAccount: session.account,
  guestId: session.guest,
  position: session.position ?? null,
  avatar_data: session.avatarData ?? null,
  ...(reason === undefined ? {} : { reason }),
  revision: String(revision),
  timestamp: at,
})
export const userJoined = (session: Session, place: At, at: string): News => ({
  event: 'user-joined',
  payload: passerBy(session, place, at),
})
export const userLeft = (session: Session, place: At, at: string, reason: string): News => ({
  event: 'user-left',
  payload: passerBy(session, place, at, reason),
})

export const voiceState = (session: Session, enabled: boolean, { revision }: At, at: string): News => ({
  event: 'voice-state',
  payload: {
    socketId: session.socketId,
    sessionId: session.sessionId,
    userAccount: session.account,
    guestId: session.guest,
    enabled,
    voice_enabled: enabled,
    revision: String(revision),
    timestamp: at,
  },
})

const of = (by: Actor) => ({ kind: by.kind, id: by.id })

/** Words and ends of mutes are between the moderators and the muted: the room hears only that it is so. */
export const permissionChanged = (
  event: SpaceEventOf<'PermissionGranted' | 'PermissionRevoked' | 'AccountMuted' | 'AccountUnmuted'>,
  { revision }: At,
): News => {
  const told = (subject: string, change: string, permission: string | null): News => ({
    event: 'permission-changed',
    payload: {
      change,
      user_account: subject.startsWith('guest:') ? null : subject,
      guest_id: subject.startsWith('guest:') ? subject : null,
      permission,
      by: of(event.data.by),
      revision: String(revision),
      timestamp: event.data.at,
    },
  })
  switch (event.type) {
    case 'PermissionGranted':
      return told(event.data.account, 'granted', event.data.permission)
    case 'PermissionRevoked':
      return told(event.data.account, 'revoked', event.data.permission)
    case 'AccountMuted':
      return told(event.data.subject, 'muted', null)
    case 'AccountUnmuted':
      return told(event.data.subject, 'unmuted', null)
    default: {
      const never: never = event
      return never
    }
  }
}

/** `changes` is what the change named; null in its free part removes a key. */
export const settingsChanged = (event: SpaceEventOf<'SettingsChanged'>, { revision }: At): News => ({
  event: 'settings-changed',
  payload: {
    changes: event.data.changes,
    by: of(event.data.by),
    revision: String(revision),
    timestamp: event.data.at,
  },
})

/** Words that were erased are empty, and say by which request. */
const erasure = (data: unknown) => {
  const erased = erasedBy(data)
  return erased === null ? {} : { erased_by: erased }
}

export const chatMessage = ({ data }: ChatEventOf<'MessagePosted'>, { revision, position }: At): News => ({
  event: 'chat-message',
  payload: {
    message_id: data.messageId,
    user_account: data.account,
    guest_id: data.guest,
    display_name: data.displayName,
    message_type: data.messageType,
    content: data.content,
    ...erasure(data),
    parent_message_id: data.parentMessageId,
    thread_root_id: data.threadRootId,
    subspace: data.subspace,
    revision: String(revision),
    position: String(position),
    created_at: data.at,
    timestamp: data.at,
  },
})

const change = (
  data: { readonly messageId: string; readonly subspace: string; readonly by: Actor; readonly at: string },
  { revision, position }: At,
) => ({
  message_id: data.messageId,
  subspace: data.subspace,
  user_account: accountOf(data.by),
  guest_id: guestOf(data.by),
  revision: String(revision),
  position: String(position),
  timestamp: data.at,
})
export const chatEdited = ({ data }: ChatEventOf<'MessageEdited'>, place: At): News => ({
  event: 'chat-edited',
  payload: { ...change(data, place), content: data.content, ...erasure(data), edited_at: data.at },
})
export const chatDeleted = ({ data }: ChatEventOf<'MessageDeleted'>, place: At): News => ({
  event: 'chat-deleted',
  payload: { ...change(data, place), deleted_by: data.by.id, deleted_at: data.at },
})
export const chatReaction = (
  { data }: ChatEventOf<'ReactionAdded' | 'ReactionRemoved'>,
  place: At,
  removed: boolean,
): News => ({
  event: 'chat-reaction',
  payload: { ...change(data, place), emoji: data.emoji, removed },
})

export type KickedNotice = {
  readonly reason: string | null
  readonly by: string | null
  readonly until?: string
}
