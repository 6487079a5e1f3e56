/** Ends a session here: its socket no longer gets its room's news, and everybody who must know is notified. */
import type { SpaceRef } from '../../../domain/names.ts'
import type { LeaveReason } from '../../../domain/space/events.ts'
import type { KickedNotice } from '../../../projections/live/wire.ts'
import type { Departures } from '../departures.ts'
import { listenOut } from '../live-space.ts'
import { type Member, senderOf } from '../member.ts'
import type { MemberPositions } from '../member-positions.ts'
import type { MemberSession } from './session.ts'

export type Leaving = ReturnType<Departures['leave']>

export type Ending = {
  /** Ends the session in this process. It has an effect only once. */
  readonly drop: (member: Member, session: MemberSession) => void
  /** To be called when the log says that it is over. */
  readonly ended: (
    member: Member,
    session: MemberSession,
    reason: LeaveReason,
    notice: KickedNotice | null,
  ) => void
  /** Ends it here now, and on the log as soon as possible. */
  readonly leaveNow: (
    member: Member,
    session: MemberSession,
    reason: 'left' | 'disconnected' | 'expired',
  ) => Leaving
}

/** Stops the room's news to a session. */
export const hush = (member: Member, session: MemberSession): void => {
  session.stopListening?.()
  session.stopListening = null
  session.unpack?.()
  session.unpack = null
  session.hangUp?.()
  if (session.room === null) return
  member.line.leave(session.room)
  listenOut(session.hold.live, session.subspace, session.isPaged)
  session.room = null
}

export const sayEnded = ({ line }: Member, reason: LeaveReason): void => {
  line.tell('space-error', {
    ok: false,
    code: 'session_ended',
    error: 'This session has ended: join again.',
    reason,
  })
}

/** `answeredFor`: the sessions that this process is responsible for. */
export const createEnding = (deps: {
  readonly departures: Departures
  readonly memberPositions: MemberPositions
  readonly answeredFor: Map<string, SpaceRef>
}): Ending => {
  const { departures, memberPositions, answeredFor } = deps

  const drop = (member: Member, session: MemberSession): void => {
    if (session.isOver) return
    session.isOver = true
    hush(member, session)
    session.hold.live.occupants.delete(session.sessionId)
    memberPositions.forget(session.hold.live, session.sessionId)
    member.body = null
    if (member.place === session) member.place = null
    session.hold.release()
  }

  const ended = (
    member: Member,
    session: MemberSession,
    reason: LeaveReason,
    notice: KickedNotice | null,
  ): void => {
    drop(member, session)
    answeredFor.delete(session.sessionId)
    session.arrived('ended')
    const { line } = member
    if (notice !== null) {
      line.tell('kicked', notice)
      line.close()
      return
    }
    sayEnded(member, reason)
  }

  const leaveNow = (member: Member, session: MemberSession, reason: 'left' | 'disconnected' | 'expired') => {
    drop(member, session)
    const { sessionId, hold } = session
    const leaving = departures.leave({ space: hold.live.space, sessionId, reason, sender: senderOf(member) })
    void leaving.then(() => answeredFor.delete(sessionId))
    return leaving
  }

  return { drop, ended, leaveNow }
}
