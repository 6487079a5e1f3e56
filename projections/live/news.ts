/** What one event of the log is to those who are there: who hears what, and who comes and goes. */
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { LeaveReason, SpaceEvent } from '../../domain/space/events.ts'
import type { Session } from '../../domain/space/state.ts'
import {
  type At,
  chatDeleted,
  chatEdited,
  chatMessage,
  chatReaction,
  type KickedNotice,
  type News,
  permissionChanged,
  settingsChanged,
  userJoined,
  userLeft,
  voiceState,
} from './wire.ts'

/** In the order in which they take effect. */
export type Delivery =
  | { readonly kind: 'room'; readonly subspace: string; readonly news: News }
  /** To every room of the space. */
  | { readonly kind: 'space'; readonly news: News }
  /** The session is now in `subspace`: from here on it hears that room. */
  | { readonly kind: 'entered'; readonly sessionId: string; readonly subspace: string }
  /** It is in `subspace` no more, and hears nothing of what follows. */
  | { readonly kind: 'left'; readonly sessionId: string; readonly subspace: string }
  /** Its session is over. `notice` is for it alone, where it was put out. */
  | {
      readonly kind: 'ended'
      readonly sessionId: string
      readonly subspace: string
      readonly reason: LeaveReason
      readonly notice: KickedNotice | null
    }

/** `sessions` are those before the event. An event of a session that is not there is news to nobody. */
export const spaceNews = (
  sessions: ReadonlyMap<string, Session>,
  event: SpaceEvent,
  place: At,
): ReadonlyArray<Delivery> => {
  switch (event.type) {
    case 'SessionJoined': {
      const { sessionId, socketId, account, guest, claimed, subspace, position, avatarData, boot, at } =
        event.data
      const session: Session = {
        sessionId,
        socketId,
        account,
        guest,
        claimed,
        subspace,
        position,
        avatarData,
        voice: false,
        boot,
        joinedAt: at,
      }
      return [
        { kind: 'room', subspace, news: userJoined(session, place, at) },
        { kind: 'entered', sessionId, subspace },
      ]
    }
    case 'SessionMoved': {
      const { sessionId, from, to, position, at } = event.data
      const session = sessions.get(sessionId)
      if (session === undefined) return []
      return [
        { kind: 'left', sessionId, subspace: from },
        { kind: 'room', subspace: from, news: userLeft(session, place, at, 'moved') },
        { kind: 'room', subspace: to, news: userJoined({ ...session, subspace: to, position }, place, at) },
        { kind: 'entered', sessionId, subspace: to },
      ]
    }
    case 'SessionLeft': {
      const { sessionId, reason, by, note, until, at } = event.data
      const session = sessions.get(sessionId)
      if (session === undefined) return []
      const { subspace } = session
      const putOut = reason === 'kicked' || reason === 'banned'
      const notice = putOut
        ? { reason: note, by: by?.id ?? null, ...(until === null ? {} : { until }) }
        : null
      return [
        { kind: 'ended', sessionId, subspace, reason, notice },
        { kind: 'room', subspace, news: userLeft(session, place, at, reason) },
      ]
    }
    case 'VoiceStarted':
    case 'VoiceStopped': {
      const session = sessions.get(event.data.sessionId)
      if (session === undefined) return []
      const news = voiceState(session, event.type === 'VoiceStarted', place, event.data.at)
      return [{ kind: 'room', subspace: session.subspace, news }]
    }
    case 'PermissionGranted':
    case 'PermissionRevoked':
    case 'AccountMuted':
    case 'AccountUnmuted':
      return [{ kind: 'space', news: permissionChanged(event, place) }]
    case 'SettingsChanged':
      return [{ kind: 'space', news: settingsChanged(event, place) }]
    // Seats are seen when they are taken, and a ban by the session that it ends.
    case 'SpaceOpened':
    case 'EntryGranted':
    case 'SeatExpired':
    case 'AccountBanned':
    case 'AccountUnbanned':
      return []
    default: {
      const never: never = event
      return never
    }
  }
}

/** A chat event is heard where it was said. */
export const chatNews = (event: ChatEvent, place: At): Extract<Delivery, { kind: 'room' }> => {
  const { subspace } = event.data
  switch (event.type) {
    case 'MessagePosted':
      return { kind: 'room', subspace, news: chatMessage(event, place) }
    case 'MessageEdited':
      return { kind: 'room', subspace, news: chatEdited(event, place) }
    case 'MessageDeleted':
      return { kind: 'room', subspace, news: chatDeleted(event, place) }
    case 'ReactionAdded':
      return { kind: 'room', subspace, news: chatReaction(event, place, false) }
    case 'ReactionRemoved':
      return { kind: 'room', subspace, news: chatReaction(event, place, true) }
    default: {
      const never: never = event
      return never
    }
  }
}
