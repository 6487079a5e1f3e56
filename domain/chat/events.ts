/** The facts of a space's chat. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const event = <T extends string, P extends t.Props>(type: T, props: P) =>
  t.type({ type: t.literal(type), data: t.type(props) })

export const MessagePosted = event('MessagePosted', {
  messageId: t.string,
  account: nullable(t.string),
  guest: nullable(t.string),
  displayName: t.string,
  subspace: t.string,
  messageType: t.string,
  content: t.string,
  parentMessageId: nullable(t.string),
  /** The first message of the thread; null for one that is no reply. */
  threadRootId: nullable(t.string),
  at: Time,
})
const change = { messageId: t.string, subspace: t.string, by: Actor, at: Time }
export const MessageEdited = event('MessageEdited', { ...change, content: t.string })
export const MessageDeleted = event('MessageDeleted', change)
export const ReactionAdded = event('ReactionAdded', { ...change, emoji: t.string })
export const ReactionRemoved = event('ReactionRemoved', { ...change, emoji: t.string })

export const ChatEvent = t.union([
  MessagePosted,
  MessageEdited,
  MessageDeleted,
  ReactionAdded,
  ReactionRemoved,
])
export type ChatEvent = t.TypeOf<typeof ChatEvent>
export type ChatEventOf<T extends ChatEvent['type']> = Extract<ChatEvent, { type: T }>
