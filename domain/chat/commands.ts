/** The commands of a space's chat, one entry each. `subspace` is where the caller is, or what a REST call names. */
import * as t from 'io-ts'
import {
  type AnyFields,
  type CommandWith,
  emoji,
  field,
  messageId,
  network,
  reason,
  SOME_WORDS,
  subspace,
  type ValuesOf,
  words,
} from '../fields.ts'
import type { LooksAt, RateClass } from '../space/commands.ts'
import type { ChatEvent } from './events.ts'

type Entry<F extends AnyFields> = {
  readonly fields: F
  /** Who may, in words; the rule itself is in the decider. */
  readonly who: string
  /** What it does, in words. */
  readonly says: string
  readonly rate: RateClass
  readonly asksContent: true
  readonly looksAt: ReadonlyArray<LooksAt>
  /** The socket's event, which several commands may share. */
  readonly socket: string
  /** The command's fields, rebuilt from its event; null if the event does not contain them. */
  readonly again: (event: ChatEvent) => ValuesOf<F> | null
}
const command = <F extends AnyFields>(entry: Omit<Entry<F>, 'asksContent'>): Entry<F> => ({
  asksContent: true,
  ...entry,
})

/** Stands in for erased words, which are empty. */
const known = (content: string): string => (content === '' ? SOME_WORDS : content)
const reaction = ({ data }: ChatEvent) =>
  'emoji' in data ? { messageId: data.messageId, emoji: data.emoji } : null

export const CHAT_COMMANDS = {
  PostMessage: command({
    fields: {
      messageId: messageId(null),
      /** The server has just made the id, so no message can have it yet and none needs to be looked up. */
      fresh: field(t.union([t.boolean, t.undefined]), undefined, { asks: 'yes', isInner: true }),
      subspace,
      content: words,
      messageType: field(t.string, 'text', { isPersonal: true }),
      parentMessageId: field(t.union([t.string, t.null]), null),
      network,
    },
    who: 'whoever may enter, is not muted, and has waited out slow mode (moderators need not)',
    says: 'Posts a message in a room. The same message_id sent twice is one message.',
    rate: 'chat',
    looksAt: ['guests', 'chat', 'mute', 'filtered', 'slow mode', 'filters'],
    socket: 'chat-message',
    again: (event) => {
      if (event.type !== 'MessagePosted' && event.type !== 'MessageHeld') return null
      const { messageId: id, messageType, parentMessageId, content, network: from } = event.data
      return {
        messageId: id,
        // A message that waited was posted under an id that was known already.
        fresh: !('heldAt' in event.data),
        subspace: event.data.subspace,
        content: known(content),
        messageType,
        parentMessageId,
        ...(from === undefined ? {} : { network: from }),
      }
    },
  }),
  EditMessage: command({
    fields: {
      messageId: messageId('a message of the asker’s'),
      content: words,
      /** The id under which it waits if a filter holds it. The server makes it. */
      editId: field(t.union([t.string, t.undefined]), undefined, { isInner: true }),
      /** The id under which it waited until a moderator let it through. Only the server says so, with the words that waited. */
      heldAs: field(t.union([t.string, t.undefined]), undefined, { isInner: true }),
    },
    who: 'the author',
    says: 'Rewrites the caller’s own message.',
    rate: 'chat-change',
    looksAt: ['guests', 'chat', 'mute', 'filtered', 'message', 'filters'],
    socket: 'chat-edit',
    again: ({ type, data }) => {
      if (type === 'MessageEdited')
        return {
          messageId: data.messageId,
          content: known(data.content),
          ...(data.heldAs === undefined ? {} : { heldAs: data.heldAs }),
        }
      if (type !== 'MessageHeld' || data.edits === undefined) return null
      return { messageId: data.edits, content: known(data.content), editId: data.messageId }
    },
  }),
  DeleteMessage: command({
    fields: { messageId: messageId('a message of the asker’s') },
    who: 'the author, or a moderator above the author',
    says: 'Deletes the caller’s own message or, for a moderator, that of somebody below.',
    rate: 'chat-change',
    looksAt: ['guests', 'message', 'author'],
    socket: 'chat-delete',
    again: ({ data }) => ({ messageId: data.messageId }),
  }),
  ApproveMessage: command({
    fields: { messageId: messageId('a message') },
    who: 'a moderator above the author',
    says: 'Lets a message through that a filter caught: one that waits is posted, and the mute that came with it ends.',
    rate: 'moderation',
    looksAt: ['author'],
    socket: 'message-approve',
    again: ({ data }) => ({ messageId: data.messageId }),
  }),
  DropMessage: command({
    fields: { messageId: messageId('a message'), reason },
    who: 'a moderator above the author',
    says: 'Drops a message that a filter holds; one that was posted is deleted.',
    rate: 'moderation',
    looksAt: ['author'],
    socket: 'message-drop',
    again: ({ type, data }) =>
      type === 'MessageDropped' ? { messageId: data.messageId, reason: data.reason } : null,
  }),
  AddReaction: command({
    fields: { messageId: messageId('a message'), emoji },
    who: 'whoever may enter and may speak; without reactions_enabled, a moderator',
    says: 'Adds a reaction to a message.',
    rate: 'chat-change',
    looksAt: ['guests', 'chat', 'mute', 'filtered', 'reactions_enabled', 'message'],
    socket: 'chat-reaction',
    again: reaction,
  }),
  RemoveReaction: command({
    fields: { messageId: messageId('a message'), emoji },
    who: 'whoever may enter',
    says: 'Removes the caller’s reaction.',
    rate: 'chat-change',
    looksAt: ['guests', 'message'],
    socket: 'chat-reaction',
    again: reaction,
  }),
} as const

type Entries = typeof CHAT_COMMANDS
export type ChatCommandName = keyof Entries
export type ChatCommandOf<Name extends ChatCommandName> = CommandWith<Name, Entries[Name]['fields']>
export type ChatCommand = { [Name in ChatCommandName]: ChatCommandOf<Name> }[ChatCommandName]
export type PostMessage = ChatCommandOf<'PostMessage'>
export type EditMessage = ChatCommandOf<'EditMessage'>
export type DeleteMessage = ChatCommandOf<'DeleteMessage'>
export type ApproveMessage = ChatCommandOf<'ApproveMessage'>
export type DropMessage = ChatCommandOf<'DropMessage'>
export type AddReaction = ChatCommandOf<'AddReaction'>
export type RemoveReaction = ChatCommandOf<'RemoveReaction'>
