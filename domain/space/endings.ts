/** What ends with a right: the sessions, the held seat and the voices of one subject. */
import { isGuest } from '../names.ts'
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

/** At most so many sessions are shown out by one command: an append has its limit. The rest is the next `ExpireSeats`'s. */
export const GUESTS_AT_ONCE = 500
export const ACCOUNTS_ONLY = 'This space is for accounts only now.'

/** Where guests may not be any more, those who are in are shown out, and no seat is held for them. */
export const putOutGuests = (asking: Asking): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of asking.state.sessions.values()) {
    if (events.length >= GUESTS_AT_ONCE) break
    if (session.account === null)
      events.push(endSession(asking, session.sessionId, 'kicked', ACCOUNTS_ONLY, null))
  }
  for (const subject of asking.state.held.keys()) {
    if (events.length >= GUESTS_AT_ONCE) break
    if (isGuest(subject)) events.push({ type: 'SeatExpired', data: { subject, at: asking.at } })
  }
  return events
}
