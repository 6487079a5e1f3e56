/** What ends with a right: the sessions, the held seat and the voices of one subject. */
import { isGuest } from '../names.ts'
import { inForce } from './access.ts'
import { type Asking, actorOf, subjectOf } from './asking.ts'
import type { LeaveReason, SpaceEvent } from './events.ts'
import type { Session } from './state.ts'

export const endSession = (
  { by, at }: Asking,
  sessionId: string,
  reason: LeaveReason,
  note: string | null,
  until: string | null,
): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason, by: actorOf(by), note, until, at },
})

/** Ends every session of `subject` and gives up the seat held for it. */
export const putOut = (
  asking: Asking,
  subject: string,
  reason: LeaveReason,
  note: string | null,
  until: string | null,
): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of asking.state.sessions.values())
    if (subjectOf(session) === subject)
      events.push(endSession(asking, session.sessionId, reason, note, until))
  if (asking.state.held.has(subject)) events.push({ type: 'SeatExpired', data: { subject, at: asking.at } })
  return events
}

/** Stops every voice that `which` picks. */
export const stopVoices = (asking: Asking, which: (session: Session) => boolean): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of asking.state.sessions.values())
    if (session.voice && which(session))
      events.push({ type: 'VoiceStopped', data: { sessionId: session.sessionId, at: asking.at } })
  return events
}

/** At most so many sessions and voices are ended by one command: an append has its limit. The rest is the next
 *  `ExpireSeats`'s. Where each event has a moderator's words in it, fewer. */
export const AT_ONCE = 500
export const BANNED_AT_ONCE = 250
export const ACCOUNTS_ONLY = 'This space is for accounts only now.'

/** Where guests may not be any more, those who are in are shown out, and no seat is held for them. */
const putOutGuests = (asking: Asking): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of asking.state.sessions.values()) {
    if (events.length >= AT_ONCE) break
    if (session.account === null)
      events.push(endSession(asking, session.sessionId, 'kicked', ACCOUNTS_ONLY, null))
  }
  for (const subject of asking.state.held.keys()) {
    if (events.length >= AT_ONCE) break
    if (isGuest(subject)) events.push({ type: 'SeatExpired', data: { subject, at: asking.at } })
  }
  return events
}

/** What may not be here any more: guests with their held seats, voices. */
export const endForbidden = (
  asking: Asking,
  forbidden: { readonly guests: boolean; readonly voices: boolean },
): Array<SpaceEvent> => {
  const events = forbidden.guests ? putOutGuests(asking) : []
  if (!forbidden.voices || events.length >= AT_ONCE) return events
  const gone = new Set(events.map((event) => event.type === 'SessionLeft' && event.data.sessionId))
  const voices = stopVoices(asking, ({ sessionId }) => !gone.has(sessionId))
  return [...events, ...voices.slice(0, AT_ONCE - events.length)]
}

/** Sessions that were too many to end with the ban. Who came in since was let in for a reason. */
export const putOutBanned = ({ state, at }: Asking): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  if (state.bans.size === 0) return events
  for (const session of state.sessions.values()) {
    if (events.length >= BANNED_AT_ONCE) break
    const ban = inForce(state.bans, subjectOf(session), at)
    if (ban === null || Date.parse(session.joinedAt) > Date.parse(ban.at)) continue
    const { by, reason: note, until } = ban
    const { sessionId } = session
    events.push({ type: 'SessionLeft', data: { sessionId, reason: 'banned', by, note, until, at } })
  }
  return events
}
