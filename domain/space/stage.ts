/** The stage: in a room that has one, only moderators speak, and people to whom they give the word. */
import * as E from 'fp-ts/lib/Either.js'
import type { Subject } from '../identity.ts'
import { mayActOn, mayAs, rank, roleOf } from './access.ts'
import type { SpaceCommandOf } from './commands.ts'
import { actorOf, type Decision, type DecisionContext, isOwn, subjectOf } from './decision-context.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { Session, SpaceState } from './state.ts'

const moderates = (role: Parameters<typeof rank>[0]): boolean => rank(role) >= rank('moderate')

const withTheWord = (state: SpaceState, subject: Subject): Session | undefined =>
  (state.own.get(subject) ?? [])
    .map((sessionId) => state.sessions.get(sessionId))
    .find((session) => session !== undefined && session.stage !== null)

/** Whether one of the subject's sessions has the word. */
export const hasTheWord = (state: SpaceState, subject: Subject): boolean =>
  withTheWord(state, subject) !== undefined

/** Whether the stage, if there is one, lets this session speak. */
export const mayBeHeard = ({ state, content, access, by }: DecisionContext, session: Session): boolean => {
  if (!state.settings.stage || session.stage !== null) return true
  // What counts is whose session it is, even if the system acts.
  return moderates(by.kind === 'system' ? roleOf(state, content, subjectOf(session)) : access.role)
}

/** Whether a session's voice ends once there is a stage, whoever's it is. */
export const isOnlyListening = ({ state, content }: DecisionContext, session: Session): boolean =>
  session.stage === null && !moderates(roleOf(state, content, subjectOf(session)))

const sessionIn = (
  { state, access }: DecisionContext,
  sessionId: string,
): E.Either<SpaceRefusal, Session> => {
  const session = access.mayKnow ? state.sessions.get(sessionId) : undefined
  if (session !== undefined) return E.right(session)
  return E.left({ _tag: access.mayKnow ? 'SessionNotFound' : 'SpaceNotFound' })
}

const given = ({ by, at }: DecisionContext, session: Session, from?: string): ReadonlyArray<SpaceEvent> => {
  const { sessionId, hand } = session
  const told = { sessionId, by: actorOf(by), at }
  return [
    { type: 'SpeakGranted', data: from === undefined ? told : { ...told, from } },
    ...(hand === null ? [] : [{ type: 'HandLowered' as const, data: told }]),
  ]
}
/** Losing the word ends a voice that depended on it. */
const taken = (context: DecisionContext, session: Session): ReadonlyArray<SpaceEvent> => {
  const { by, at, state } = context
  const { sessionId } = session
  const isSilenced =
    session.voice && state.settings.stage && isOnlyListening(context, { ...session, stage: null })
  return [
    { type: 'SpeakTaken', data: { sessionId, by: actorOf(by), at } },
    ...(isSilenced ? [{ type: 'VoiceStopped' as const, data: { sessionId, at } }] : []),
  ]
}

export const grantSpeak = (
  context: DecisionContext,
  { sessionId }: SpaceCommandOf<'GrantSpeak'>,
): Decision => {
  const may = mayAs(context.access, 'moderate')
  if (E.isLeft(may)) return may
  const session = sessionIn(context, sessionId)
  if (E.isLeft(session)) return session
  return E.right(session.right.stage === null ? given(context, session.right) : [])
}

/** A speaker hands the word to one other session and no longer has it. */
export const handOnSpeak = (
  context: DecisionContext,
  { sessionId }: SpaceCommandOf<'HandOnSpeak'>,
): Decision => {
  const { state, access, by } = context
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const session = sessionIn(context, sessionId)
  if (E.isLeft(session)) return session
  const giver = withTheWord(state, by.id)
  if (giver === undefined) return E.left({ _tag: 'NotOnStage' })
  if (session.right.stage !== null) return E.right([])
  return E.right([...taken(context, giver), ...given(context, session.right, giver.sessionId)])
}

/** Callers may always give up the word; moderators may take it from people below them. */
export const takeSpeak = (context: DecisionContext, { sessionId }: SpaceCommandOf<'TakeSpeak'>): Decision => {
  const { state, content, access } = context
  const session = sessionIn(context, sessionId)
  if (E.isLeft(session)) return session
  if (!isOwn(context, session.right)) {
    const may = mayAs(access, 'moderate')
    if (E.isLeft(may)) return may
    const mayOn = mayActOn(state, content, access, subjectOf(session.right))
    if (E.isLeft(mayOn)) return mayOn
  }
  return E.right(session.right.stage === null ? [] : taken(context, session.right))
}

/** A session that replaces one that had the word still has it. */
export const keptWord = (
  context: DecisionContext,
  replaced: ReadonlyArray<string>,
  sessionId: string,
): ReadonlyArray<SpaceEvent> => {
  const from = replaced.find((one) => {
    const session = context.state.sessions.get(one)
    return session !== undefined && session.stage !== null && isOwn(context, session)
  })
  if (from === undefined) return []
  return [{ type: 'SpeakGranted', data: { sessionId, by: actorOf(context.by), at: context.at, from } }]
}
