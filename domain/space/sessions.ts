/** What a session does once it is in: moves, speaks, raises a hand, leaves. Its own subject's to do, and the system's. */
import * as E from 'fp-ts/lib/Either.js'
import { isSince2 } from '../rules.ts'
import { inForce, mayActOn, mayAs } from './access.ts'
import type { LeaveSpace, MoveSession, SetVoice, SpaceCommandOf } from './commands.ts'
import { type Asking, actorOf, type Decision, isOwn, subjectOf } from './decision-context.ts'
import { parsePosition } from './position.ts'
import type { SpaceRefusal } from './refusals.ts'
import { readSubspace, returnByFrom } from './seats.ts'
import { mayBeHeard } from './stage.ts'
import type { Session } from './state.ts'

/** Whoever may not know of the space learns nothing of its sessions either. */
const notYours = ({ access }: Asking): E.Either<SpaceRefusal, never> =>
  E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'self' } : { _tag: 'SpaceNotFound' })

const ownSession = (asking: Asking, sessionId: string): E.Either<SpaceRefusal, Session> => {
  const session = asking.state.sessions.get(sessionId)
  if (session === undefined)
    return E.left(asking.access.mayKnow ? { _tag: 'SessionNotFound' } : { _tag: 'SpaceNotFound' })
  return isOwn(asking, session) || asking.by.kind === 'system' ? E.right(session) : notYours(asking)
}

/** Leaving is always allowed, whatever became of the space or of one's rights since. */
export const leaveSpace = (asking: Asking, { sessionId, reason }: LeaveSpace): Decision => {
  const session = asking.state.sessions.get(sessionId)
  if (session === undefined) return E.right([])
  if (!isOwn(asking, session) && asking.by.kind !== 'system') return notYours(asking)
  if (reason === 'node-lost' && asking.by.kind !== 'system')
    return E.left({ _tag: 'Forbidden', needs: 'owner' })
  const returnBy = reason === 'left' || !isSince2(asking.rules) ? null : returnByFrom(asking.at)
  const left = { sessionId, reason, by: null, note: null, until: null, at: asking.at }
  return E.right([{ type: 'SessionLeft', data: returnBy === null ? left : { ...left, returnBy } }])
}

export const moveSession = (asking: Asking, command: MoveSession): Decision => {
  const session = ownSession(asking, command.sessionId)
  if (E.isLeft(session)) return session
  if (!asking.access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  const to = readSubspace(command.subspace)
  if (E.isLeft(to)) return to
  const position = parsePosition(command.position, asking.rules)
  if (E.isLeft(position)) return position
  const { sessionId, subspace: from } = session.right
  if (from === to.right) return E.right([])
  return E.right([
    {
      type: 'SessionMoved',
      data: { sessionId, from, to: to.right, position: position.right, at: asking.at },
    },
  ])
}

export const setVoice = (asking: Asking, { sessionId, enabled }: SetVoice): Decision => {
  const session = ownSession(asking, sessionId)
  if (E.isLeft(session)) return session
  const { state, access, by, at } = asking
  if (!enabled) return E.right(session.right.voice ? [{ type: 'VoiceStopped', data: { sessionId, at } }] : [])
  if (!access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  if (!state.settings.voice_enabled) return E.left({ _tag: 'VoiceDisabled' })
  // The system answers for nobody: whoever is muted stays silent.
  const mute = by.kind === 'system' ? inForce(state.mutes, subjectOf(session.right), at) : access.mute
  if (mute !== null) return E.left({ _tag: 'Muted', until: mute.until })
  if (!mayBeHeard(asking, session.right)) return E.left({ _tag: 'NotOnStage' })
  return E.right(session.right.voice ? [] : [{ type: 'VoiceStarted', data: { sessionId, at } }])
}

export const raiseHand = (asking: Asking, { sessionId }: SpaceCommandOf<'RaiseHand'>): Decision => {
  const session = ownSession(asking, sessionId)
  if (E.isLeft(session)) return session
  if (!asking.access.mayKnow) return E.left({ _tag: 'SpaceNotFound' })
  return E.right(
    session.right.hand === null ? [{ type: 'HandRaised', data: { sessionId, at: asking.at } }] : [],
  )
}

/** One's own always; another's as a moderator above them. */
export const lowerHand = (asking: Asking, { sessionId }: SpaceCommandOf<'LowerHand'>): Decision => {
  const { state, content, access, at } = asking
  const session = state.sessions.get(sessionId)
  if (session === undefined) return E.left({ _tag: access.mayKnow ? 'SessionNotFound' : 'SpaceNotFound' })
  if (!isOwn(asking, session)) {
    const may = mayAs(access, 'moderate')
    if (E.isLeft(may)) return may
    const mayOn = mayActOn(state, content, access, subjectOf(session))
    if (E.isLeft(mayOn)) return mayOn
  }
  if (session.hand === null) return E.right([])
  return E.right([{ type: 'HandLowered', data: { sessionId, by: actorOf(asking.by), at } }])
}
