/** Ends what somebody loses together with a right: sessions, the held seat, voices. */
import { isGuest } from '../names.ts'
import { inForce } from './access.ts'
import { actorOf, type DecisionContext, subjectOf } from './decision-context.ts'
import type { LeaveReason, SpaceEvent, SpaceEventOf } from './events.ts'
import { isOnlyListening } from './stage.ts'
import type { Session } from './state.ts'

/** One command ends at most this many sessions and voices, since an append has a limit; the next `ExpireSeats` ends the
 *  rest. Fewer if each event carries a moderator's words. */
export const AT_ONCE = 500
export const AT_ONCE_WITH_WORDS = 150

/** How a session ends. `until`: the end of a ban, null if it never ends. */
type Ending = { readonly reason: LeaveReason; readonly note: string | null; readonly until: string | null }

export const endSession = (
  { by, at }: DecisionContext,
  sessionId: string,
  { reason, note, until }: Ending,
): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason, by: actorOf(by), note, until, at },
})

type GivenUp = SpaceEventOf<'PlaceGivenUp'>['data']
export const givenUp = (
  subject: string,
  { why, at, by = null, note = null }: Pick<GivenUp, 'why' | 'at'> & Partial<Pick<GivenUp, 'by' | 'note'>>,
): SpaceEvent => ({ type: 'PlaceGivenUp', data: { subject, why, by, note, at } })

/** Ends the place in the queue of somebody who is removed. */
export const endPlace = (
  { state, by, at }: DecisionContext,
  subject: string,
  ending: Pick<GivenUp, 'why' | 'note'>,
): ReadonlyArray<SpaceEvent> =>
  state.queue.has(subject) ? [givenUp(subject, { ...ending, by: actorOf(by), at })] : []

/** Ends every session of `subject` and gives up the seat held for it. */
export const putOut = (context: DecisionContext, subject: string, ending: Ending): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const sessionId of context.state.own.get(subject) ?? [])
    events.push(endSession(context, sessionId, ending))
  if (context.state.held.has(subject)) events.push({ type: 'SeatExpired', data: { subject, at: context.at } })
  const why = ending.reason === 'banned' ? 'banned' : 'kicked'
  events.push(...endPlace(context, subject, { why, note: ending.note }))
  return events
}

export const ACCOUNTS_ONLY = 'This space is for accounts only now.'

/** Stops every voice that `which` picks. */
export const stopVoices = (
  context: DecisionContext,
  which: (session: Session) => boolean,
): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of context.state.sessions.values())
    if (session.voice && which(session))
      events.push({ type: 'VoiceStopped', data: { sessionId: session.sessionId, at: context.at } })
  return events
}

/** If guests are no longer allowed, ends the sessions of those inside and the seats held for guests. */
const putOutGuests = (context: DecisionContext): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const session of context.state.sessions.values()) {
    if (events.length >= AT_ONCE) break
    if (session.account === null)
      events.push(
        endSession(context, session.sessionId, { reason: 'kicked', note: ACCOUNTS_ONLY, until: null }),
      )
  }
  for (const subject of context.state.held.keys()) {
    if (events.length >= AT_ONCE) break
    if (isGuest(subject)) events.push({ type: 'SeatExpired', data: { subject, at: context.at } })
  }
  for (const subject of context.state.queue.keys()) {
    if (events.length >= AT_ONCE) break
    if (isGuest(subject)) events.push(...endPlace(context, subject, { why: 'kicked', note: ACCOUNTS_ONLY }))
  }
  return events
}

/** Ends what is no longer allowed: guests and their held seats; voices, or those that are not on the stage. */
export const endForbidden = (
  context: DecisionContext,
  forbidden: { readonly guests: boolean; readonly voices: 'all' | 'listeners' | 'none' },
): Array<SpaceEvent> => {
  const events = forbidden.guests ? putOutGuests(context) : []
  if (forbidden.voices === 'none' || events.length >= AT_ONCE) return events
  const gone = new Set(events.map((event) => event.type === 'SessionLeft' && event.data.sessionId))
  const isEnded = (session: Session) => forbidden.voices === 'all' || isOnlyListening(context, session)
  const voices = stopVoices(context, (session) => !gone.has(session.sessionId) && isEnded(session))
  return [...events, ...voices.slice(0, AT_ONCE - events.length)]
}

const isAfter = (a: string, b: string): boolean => Date.parse(a) > Date.parse(b)

/** Ends sessions that were too many to end together with the ban. Sessions that began after it were let in for a reason, and stay. */
const putOutBanned = ({ state, at }: DecisionContext): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  if (state.bans.size === 0) return events
  for (const session of state.sessions.values()) {
    const ban = inForce(state.bans, subjectOf(session), at)
    if (ban === null || isAfter(session.joinedAt, ban.at)) continue
    const { by, reason: note, until } = ban
    const { sessionId } = session
    events.push({ type: 'SessionLeft', data: { sessionId, reason: 'banned', by, note, until, at } })
  }
  return events
}

/** Ends sessions that were too many to end together with the permission that let them in, unless it was granted again. */
const putOutRevoked = ({ state, at }: DecisionContext): Array<SpaceEvent> => {
  const events: Array<SpaceEvent> = []
  for (const { sessionId, account, revoked } of state.sessions.values()) {
    if (revoked === undefined || state.grants.has(account ?? '')) continue
    const { by, note } = revoked
    events.push({ type: 'SessionLeft', data: { sessionId, reason: 'kicked', by, note, until: null, at } })
  }
  return events
}

/** Stops voices that were too many to stop together with the mute. An owner who joined since then may speak, muted or not. */
const stopMuted = (context: DecisionContext): Array<SpaceEvent> => {
  const { state, at } = context
  if (state.mutes.size === 0) return []
  return stopVoices(context, (session) => {
    const mute = inForce(state.mutes, subjectOf(session), at)
    return mute !== null && !isAfter(session.joinedAt, mute.at)
  })
}

/** The session that an event ends, or the subject whose seat it ends. */
const whose = ({ data }: SpaceEvent): string =>
  'sessionId' in data ? data.sessionId : 'subject' in data ? data.subject : ''

/** Ends what was too much to end together with the command that forbade it, besides `seats`, which are freed already:
 *  each once, and no more than one command may end. */
export const endTheRest = (context: DecisionContext, seats: ReadonlyArray<SpaceEvent>): Array<SpaceEvent> => {
  const { guests_allowed, voice_enabled, stage } = context.state.settings
  const events: Array<SpaceEvent> = []
  const gone = new Set(seats.map(whose))
  const room = AT_ONCE - seats.length
  const end = (more: ReadonlyArray<SpaceEvent>, limit: number): void => {
    for (const event of more) {
      if (events.length >= limit) return
      const key = whose(event)
      if (gone.has(key)) continue
      gone.add(key)
      events.push(event)
    }
  }
  end([...putOutBanned(context), ...putOutRevoked(context)], Math.min(AT_ONCE_WITH_WORDS, room))
  const voices = !voice_enabled ? 'all' : stage ? 'listeners' : 'none'
  end(endForbidden(context, { guests: !guests_allowed, voices }), room)
  end(stopMuted(context), room)
  return events
}
