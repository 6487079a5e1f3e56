/** What a session does once it is in: moves, speaks, raises a hand, leaves. Its own subject may do so, and the system. */
import * as E from 'fp-ts/lib/Either.js'
import { isSince2 } from '../rules.ts'
import { inForce, mayActOn, mayAs } from './access.ts'
import type { LeaveSpace, MoveSession, SetVoice, SpaceCommandOf } from './commands.ts'
import { actorOf, type Decision, type DecisionContext, isOwn, subjectOf } from './decision-context.ts'
import { parsePosition } from './position.ts'
import type { SpaceRefusal } from './refusals.ts'
import { readSubspace, returnByFrom } from './seats.ts'
import { mayBeHeard } from './stage.ts'
import type { Session } from './state.ts'

/** A caller who may not know of the space learns nothing about its sessions either. */
const notYours = ({ access }: DecisionContext): E.Either<SpaceRefusal, never> =>
  E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'self' } : { _tag: 'SpaceNotFound' })

const ownSession = (context: DecisionContext, sessionId: string): E.Either<SpaceRefusal, Session> => {
  const session = context.state.sessions.get(sessionId)
  if (session === undefined)
    return E.left(context.access.mayKnow ? { _tag: 'SessionNotFound' } : { _tag: 'SpaceNotFound' })
  return isOwn(context, session) || context.by.kind === 'system' ? E.right(session) : notYours(context)
}

/** Leaving is always allowed, whatever happened to the space or to the caller's rights. */
export const leaveSpace = (context: DecisionContext, { sessionId, reason }: LeaveSpace): Decision => {
  const session = context.state.sessions.get(sessionId)
  if (session === undefined) return E.right([])
  if (!isOwn(context, session) && context.by.kind !== 'system') return notYours(context)
  if (reason === 'node-lost' && context.by.kind !== 'system')
    return E.left({ _tag: 'Forbidden', needs: 'owner' })
  const returnBy = reason === 'left' || !isSince2(context.rules) ? null : returnByFrom(context.at)
  const left = { sessionId, reason, by: null, note: null, until: null, at: context.at }
  return E.right([{ type: 'SessionLeft', data: returnBy === null ? left : { ...left, returnBy } }])
}

export const moveSession = (context: DecisionContext, command: MoveSession): Decision => {
  const session = ownSession(context, command.sessionId)
  if (E.isLeft(session)) return session
  if (!context.access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  const to = readSubspace(command.subspace)
  if (E.isLeft(to)) return to
  const position = parsePosition(command.position, context.rules)
  if (E.isLeft(position)) return position
  const { sessionId, subspace: from } = session.right
  if (from === to.right) return E.right([])
  return E.right([
    {
      type: 'SessionMoved',
      data: { sessionId, from, to: to.right, position: position.right, at: context.at },
    },
  ])
}

export const setVoice = (context: DecisionContext, { sessionId, enabled }: SetVoice): Decision => {
  const session = ownSession(context, sessionId)
  if (E.isLeft(session)) return session
  const { state, access, by, at } = context
  if (!enabled) return E.right(session.right.voice ? [{ type: 'VoiceStopped', data: { sessionId, at } }] : [])
  if (!access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  if (!state.settings.voice_enabled) return E.left({ _tag: 'VoiceDisabled' })
  // Not even the system may make a muted person heard.
  const mute = by.kind === 'system' ? inForce(state.mutes, subjectOf(session.right), at) : access.mute
  if (mute !== null) return E.left({ _tag: 'Muted', until: mute.until })
  if (!mayBeHeard(context, session.right)) return E.left({ _tag: 'NotOnStage' })
  return E.right(session.right.voice ? [] : [{ type: 'VoiceStarted', data: { sessionId, at } }])
}

export const raiseHand = (context: DecisionContext, { sessionId }: SpaceCommandOf<'RaiseHand'>): Decision => {
  const session = ownSession(context, sessionId)
  if (E.isLeft(session)) return session
  if (!context.access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  return E.right(
    session.right.hand === null ? [{ type: 'HandRaised', data: { sessionId, at: context.at } }] : [],
  )
}

/** Callers may always lower their own hand; moderators also those of people below them. */
export const lowerHand = (context: DecisionContext, { sessionId }: SpaceCommandOf<'LowerHand'>): Decision => {
  const { state, content, access, at } = context
  const session = state.sessions.get(sessionId)
  if (session === undefined) return E.left({ _tag: access.mayKnow ? 'SessionNotFound' : 'SpaceNotFound' })
  if (!isOwn(context, session)) {
    const may = mayAs(access, 'moderate')
    if (E.isLeft(may)) return may
    const mayOn = mayActOn(state, content, access, subjectOf(session))
    if (E.isLeft(mayOn)) return mayOn
  }
  if (session.hand === null) return E.right([])
  return E.right([{ type: 'HandLowered', data: { sessionId, by: actorOf(context.by), at } }])
}
