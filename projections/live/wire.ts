/** What clients are sent, in the shape that docs/contract.md defines. Times are the event's own, so that all nodes, and
 *  a client that resumes, see the same for the same event. */
import type { ChatEventOf } from '../../domain/chat/events.ts'
import { canonicalEmoji } from '../../domain/chat/text.ts'
import { erasedBy } from '../../domain/erasure.ts'
import { type Actor, accountOf, guestOf } from '../../domain/identity.ts'
import { type Session, shownMarks } from '../../domain/space/session.ts'

/** One thing to send, and its name on the wire. */
export type News = { readonly event: string; readonly payload: Readonly<Record<string, unknown>> }

/** An event's place in the log. */
export type At = { readonly revision: bigint; readonly position: bigint }

/** A session by its names. */
export const idsOf = (session: Session) => ({
  socketId: session.socketId,
  sessionId: session.sessionId,
  userAccount: session.account,
  guestId: session.guest,
})
const seen = (session: Session) => ({
  ...idsOf(session),
  position: session.position ?? null,
  avatar_data: session.avatarData ?? null,
})
export const userOf = (session: Session) => ({
  ...seen(session),
  ...shownMarks(session),
  connected_at: session.joinedAt,
})
/** The payload with its place and its time. */
export const news = (
  event: string,
  said: Readonly<Record<string, unknown>>,
  { revision }: At,
  at: string,
): News => ({ event, payload: { ...said, revision: String(revision), timestamp: at } })

const passerBy = (session: Session, reason?: string) => ({
  ...seen(session),
  ...(reason === undefined ? {} : { reason }),
})
export const userJoined = (session: Session, place: At, at: string): News =>
  news('user-joined', passerBy(session), place, at)
export const userLeft = (session: Session, place: At, at: string, reason: string): News =>
  news('user-left', passerBy(session, reason), place, at)

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
  payload: { ...change(data, place), emoji: canonicalEmoji(data.emoji), removed },
})

type AboutMessage = { readonly messageId: string; readonly subspace: string; readonly at: string }
const about = ({ messageId, subspace, at }: AboutMessage, { revision, position }: At) => ({
  message_id: messageId,
  subspace,
  revision: String(revision),
  position: String(position),
  timestamp: at,
})
/** Sent to the writer: the message waits for a moderator. They may not know which filter held it. */
export const messageHeld = ({ data }: ChatEventOf<'MessageHeld'>, place: At): News => ({
  event: 'message-held',
  payload: { ...about(data, place), edits: data.edits ?? null },
})
export const messageApproved = ({ data }: ChatEventOf<'MessageApproved'>, place: At): News => ({
  event: 'message-approved',
  payload: about(data, place),
})
export const messageDropped = ({ data }: ChatEventOf<'MessageDropped'>, place: At): News => ({
  event: 'message-dropped',
  payload: { ...about(data, place), reason: data.reason },
})
export const chatMuted = ({ data }: ChatEventOf<'FilterActed'>, place: At): News => ({
  event: 'chat-muted',
  payload: { ...about(data, place), until: data.until },
})

export type KickedNotice = {
  readonly reason: string | null
  readonly by: string | null
  readonly until?: string
}
