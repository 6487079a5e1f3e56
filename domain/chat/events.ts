/** The events of a space's chat, one entry each. `evolve.ts` folds them; `projections/live` has what clients are sent. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import type { Concerns, Words } from '../space/events.ts'
import { FilterAct } from '../space/filter.ts'
import { nullable } from '../space/session.ts'
import { Time } from '../time.ts'

type Entry<Data> = {
  readonly stream: 'chat'
  /** The schema in which it is written (`upcast.ts` converts older ones). */
  readonly schema: number
  readonly data: t.Type<Data>
  readonly concerns: Concerns
  readonly says: (data: Data, words: Words) => string
}
const event = <Data>(data: t.Type<Data>, says: Entry<Data>['says']): Entry<Data> => ({
  stream: 'chat',
  schema: 1,
  data,
  concerns: 'message',
  says,
})

const said = (content: string): string => (content === '' ? '(the words were erased)' : content)
const change = { messageId: t.string, subspace: t.string, by: Actor, at: Time }
const Message = {
  messageId: t.string,
  account: nullable(t.string),
  guest: nullable(t.string),
  displayName: t.string,
  subspace: t.string,
  messageType: t.string,
  content: t.string,
  parentMessageId: nullable(t.string),
  /** The first message of the thread; null if it is not a reply. */
  threadRootId: nullable(t.string),
  at: Time,
}
// Set in slow mode for a guest who has not been there for one waiting time yet: the network whose turn it took.
const Turn = { network: t.string }
const DID = { mute: 'muted', report: 'reported', hold: 'held' } as const

export const CHAT_EVENTS = {
  MessagePosted: event(
    t.intersection([
      t.type(Message),
      // Since when it waited for a moderator, if a filter held it.
      t.partial({ ...Turn, heldAt: Time }),
    ]),
    ({ content }, { actor }) => `${actor}: ${said(content)}`,
  ),
  /** A filter of the room holds it until a moderator lets it through or drops it: the room gets no news of it. An edit
   *  that is held has an id of its own, and `edits` is the message that it would rewrite. */
  MessageHeld: event(
    t.intersection([t.type({ ...Message, filterId: t.string }), t.partial({ ...Turn, edits: t.string })]),
    ({ content, filterId, edits }, { actor }) =>
      `${edits === undefined ? 'a message' : 'an edit'} of ${actor} was held by the filter ${filterId}: ${said(content)}`,
  ),
  /** What else a filter did about the message of the event before this one. */
  FilterActed: event(
    t.type({
      messageId: t.string,
      subspace: t.string,
      subject: t.string,
      filterId: t.string,
      act: FilterAct,
      /** The end of a mute; null for the other acts. */
      until: nullable(Time),
      at: Time,
    }),
    ({ subject, filterId, act, until }) =>
      `the filter ${filterId} ${DID[act]} ${act === 'report' ? 'a message of ' : ''}${subject}${until === null ? '' : ` until ${until}`}`,
  ),
  /** A moderator found the message to be in order: if it was held, it is posted next, and the mute that came with it ends. */
  MessageApproved: event(
    t.type({ ...change, subject: t.string }),
    ({ subject }, { actor }) => `${actor} let a message of ${subject} through`,
  ),
  /** A held message will not be posted; a message that was not held is settled. */
  MessageDropped: event(
    t.type({ ...change, subject: t.string, reason: nullable(t.string) }),
    ({ subject, reason }, { actor }) =>
      `${actor} did not let a message of ${subject} through${reason === null ? '' : `: ${reason}`}`,
  ),
  MessageEdited: event(
    t.intersection([
      t.type({ ...change, content: t.string }),
      // The id under which it waited for a moderator, if a filter held it.
      t.partial({ heldAs: t.string }),
    ]),
    ({ content }, { actor }) => `${actor} changed a message to: ${said(content)}`,
  ),
  MessageDeleted: event(t.type(change), (_, { actor }) => `${actor} deleted a message`),
  ReactionAdded: event(
    t.type({ ...change, emoji: t.string }),
    ({ emoji }, { actor }) => `${actor} reacted with ${emoji}`,
  ),
  ReactionRemoved: event(
    t.type({ ...change, emoji: t.string }),
    ({ emoji }, { actor }) => `${actor} took back ${emoji}`,
  ),
} as const

type Entries = typeof CHAT_EVENTS
export type ChatEventName = keyof Entries
export type ChatEvent = {
  [Name in ChatEventName]: { readonly type: Name; readonly data: t.TypeOf<Entries[Name]['data']> }
}[ChatEventName]
export type ChatEventOf<T extends ChatEventName> = Extract<ChatEvent, { type: T }>
export const isChatEvent = (event: { readonly type: string }): event is ChatEvent =>
  Object.hasOwn(CHAT_EVENTS, event.type)
