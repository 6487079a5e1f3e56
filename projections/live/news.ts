/** What an event of the log means to people in the room: who hears what, and who comes and goes. */
import type { ChatEvent, ChatEventName, ChatEventOf } from '../../domain/chat/events.ts'
import {
  type LeaveReason,
  type SPACE_EVENTS,
  type SpaceEvent,
  type SpaceEventName,
  type SpaceEventOf,
  spaceEntry,
} from '../../domain/space/events.ts'
import { type Session, sessionOf } from '../../domain/space/session.ts'
import {
  type At,
  chatDeleted,
  chatEdited,
  chatMessage,
  chatMuted,
  chatReaction,
  idsOf,
  type KickedNotice,
  messageApproved,
  messageDropped,
  messageHeld,
  type News,
  news,
  userJoined,
  userLeft,
} from './wire.ts'

/** In the order in which they take effect. */
export type Delivery =
  | { readonly kind: 'room'; readonly subspace: string; readonly news: News }
  /** To every room of the space. */
  | { readonly kind: 'space'; readonly news: News }
  /** Sent to the person whom it concerns, wherever in the space they are. */
  | { readonly kind: 'subject'; readonly subject: string; readonly news: News }
  /** The session is now in `subspace`: from here on it hears that room. */
  | { readonly kind: 'entered'; readonly sessionId: string; readonly subspace: string }
  /** It is no longer in `subspace`, and hears nothing that follows there. */
  | { readonly kind: 'left'; readonly sessionId: string; readonly subspace: string }
  /** Its session is over. `notice` is for it alone, if it was put out. */
  | {
      readonly kind: 'ended'
      readonly sessionId: string
      readonly subspace: string
      readonly reason: LeaveReason
      readonly notice: KickedNotice | null
    }

type Coming = {
  [Name in SpaceEventName]: (typeof SPACE_EVENTS)[Name]['told'] extends 'coming' ? Name : never
}[SpaceEventName]
type Tell<Name extends SpaceEventName> = (
  data: SpaceEventOf<Name>['data'],
  sessions: ReadonlyMap<string, Session>,
  place: At,
) => ReadonlyArray<Delivery>

/** When sessions come and go, there is more to do than to send news. */
const COMING: { readonly [Name in Coming]: Tell<Name> } = {
  SessionJoined: (data, _, place) => {
    const { sessionId, subspace, at } = data
    return [
      { kind: 'room', subspace, news: userJoined(sessionOf(data), place, at) },
      { kind: 'entered', sessionId, subspace },
    ]
  },
  SessionMoved: ({ sessionId, from, to, position, at }, sessions, place) => {
    const session = sessions.get(sessionId)
    if (session === undefined) return []
    return [
      { kind: 'left', sessionId, subspace: from },
      { kind: 'room', subspace: from, news: userLeft(session, place, at, 'moved') },
      { kind: 'room', subspace: to, news: userJoined({ ...session, subspace: to, position }, place, at) },
      { kind: 'entered', sessionId, subspace: to },
    ]
  },
  SessionLeft: ({ sessionId, reason, by, note, until, at }, sessions, place) => {
    const session = sessions.get(sessionId)
    if (session === undefined) return []
    const { subspace } = session
    const putOut = reason === 'kicked' || reason === 'banned'
    const notice = putOut ? { reason: note, by: by?.id ?? null, ...(until === null ? {} : { until }) } : null
    return [
      { kind: 'ended', sessionId, subspace, reason, notice },
      { kind: 'room', subspace, news: userLeft(session, place, at, reason) },
    ]
  },
}

/** `sessions` are those before the event. An event about a session that is not there is news for nobody. */
export const spaceNews = (
  sessions: ReadonlyMap<string, Session>,
  event: SpaceEvent,
  place: At,
): ReadonlyArray<Delivery> => {
  const { told } = spaceEntry(event.type)
  if (told === 'nobody') return []
  if (told === 'coming')
    return (COMING[event.type as Coming] as Tell<SpaceEventName>)(event.data, sessions, place)
  const { to, as, with: said } = told
  const { at } = event.data
  if (to === 'subspace')
    return 'subspace' in event.data
      ? [{ kind: 'room', subspace: event.data.subspace, news: news(as, said(event.data), place, at) }]
      : []
  if (to === 'space') return [{ kind: 'space', news: news(as, said(event.data), place, at) }]
  const session = sessions.get('sessionId' in event.data ? event.data.sessionId : '')
  if (session === undefined) return []
  return [
    {
      kind: 'room',
      subspace: session.subspace,
      news: news(as, { ...idsOf(session), ...said(event.data) }, place, at),
    },
  ]
}

type Room = 'MessagePosted' | 'MessageEdited' | 'MessageDeleted' | 'ReactionAdded' | 'ReactionRemoved'
/** What people in the place of the message receive. */
const CHAT: { readonly [Name in Room]: (event: ChatEventOf<Name>, place: At) => News } = {
  MessagePosted: chatMessage,
  MessageEdited: chatEdited,
  MessageDeleted: chatDeleted,
  ReactionAdded: (event, place) => chatReaction(event, place, false),
  ReactionRemoved: (event, place) => chatReaction(event, place, true),
}
type Filtering = Exclude<ChatEventName, Room>
/** What a filter does is sent only to the writer and the moderators; null if nobody receives it. */
const FILTERING: {
  readonly [Name in Filtering]: (event: ChatEventOf<Name>, place: At) => readonly [string, News] | null
} = {
  MessageHeld: (event, place) => [event.data.account ?? event.data.guest ?? '', messageHeld(event, place)],
  FilterActed: (event, place) =>
    event.data.act === 'mute' ? [event.data.subject, chatMuted(event, place)] : null,
  MessageApproved: (event, place) => [event.data.subject, messageApproved(event, place)],
  MessageDropped: (event, place) => [event.data.subject, messageDropped(event, place)],
}
const isOfRoom = (name: ChatEventName): name is Room => Object.hasOwn(CHAT, name)

export const chatNews = (
  event: ChatEvent,
  place: At,
): Extract<Delivery, { kind: 'room' | 'subject' }> | null => {
  if (isOfRoom(event.type)) {
    const tell = CHAT[event.type] as (event: ChatEvent, place: At) => News
    return { kind: 'room', subspace: event.data.subspace, news: tell(event, place) }
  }
  const tell = FILTERING[event.type] as (event: ChatEvent, place: At) => readonly [string, News] | null
  const told = tell(event, place)
  return told === null ? null : { kind: 'subject', subject: told[0], news: told[1] }
}
