/** Who is in which room: joining, moving, leaving, being put out. Every step is a command, and takes effect here when
 *  its event comes round as news. */
import * as E from 'fp-ts/lib/Either.js'
import type { RoomKey, SpaceRef } from '../../domain/names.ts'
import { parseSpace, parseSubspace, roomKey, spaceKey } from '../../domain/names.ts'
import type {
  Accepted,
  Clock,
  CommandError,
  Commands,
  Content,
  EventLog,
  Ids,
  Request,
} from '../../domain/ports.ts'
import { accessOf } from '../../domain/space/access.ts'
import type { ContentFacts, SpaceCommand } from '../../domain/space/commands.ts'
import type { LeaveReason, SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { KickedNotice } from '../../projections/live/wire.ts'
import { type Answer, done, doneAt, failed, told } from './answers.ts'
import type { Departures } from './departures.ts'
import type { Hold, LiveFeed } from './feed.ts'
import { type SharedTail, sharedTail } from './frames.ts'
import { isSameRoom, wrongRoom } from './gateway/places.ts'
import {
  finish,
  type LiveSpace,
  listenIn,
  listenOut,
  type Occupant,
  type Snapshot,
  snapshotOf,
} from './live-space.ts'
import { type Member, type Place, senderOf } from './member.ts'
import { type Logger, type Metrics, reasonOf } from './observing.ts'
import { sendInPages } from './pages.ts'
import type { JoinSpace } from './payloads.ts'
import { missedNews, type Revisions } from './resume.ts'
import type { Sending } from './sending.ts'
import { createSharedReads } from './shared-reads.ts'
import { staleSessions } from './stale.ts'
import { fullBucket, type Pace, take } from './token-bucket.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface Membership {
  readonly join: (member: Member, asked: JoinSpace) => Promise<Answer>
  readonly leave: (member: Member) => Promise<Answer>
  /** The content may say another thing of who may know of the space: whoever may not any more is put out. */
  readonly recheck: (member: Member) => Promise<void>
  /** The socket is gone: its session too, as soon as the log can have it. */
  readonly gone: (member: Member, reason: 'disconnected' | 'expired') => Promise<void>
  /** The sessions that this process answers for: from before they are in the log until their end is. */
  readonly sessions: () => ReadonlyArray<{ readonly space: SpaceRef; readonly sessionId: string }>
}

export type MembershipDeps = {
  /** A session token for one that has none and needs it to come back as who it is, once. */
  readonly tokenFor: (member: Member) => string | null
  readonly commands: Commands
  readonly content: Content
  readonly log: EventLog
  readonly feed: LiveFeed
  readonly sending: Sending
  readonly departures: Departures
  readonly whereabouts: Whereabouts
  readonly node: { readonly boot: string }
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  readonly metrics: Metrics
}

/** How long an accepted join waits for its own news, and a leave for the log, before the caller is told (ms). */
const ARRIVAL_MS = 15_000
const LEAVE_MS = 5_000
/** How often a socket may ask for the state of the room that it is in. */
const AGAIN: Pace = { perSecond: 1, burst: 20 }
/** Packets, and their bytes, kept for one who still reads what it missed. */
const MAX_HELD = 10_000
const MAX_HELD_BYTES = 1 << 20
/** One for whom so many bytes wait reads those first, before it is told of a room once more. */
const MAX_UNREAD = 524_288

type Arrival = 'entered' | 'ended' | 'late'
/** A session from before its command is sent until it is over. */
type Session = Place & {
  since: Revisions | null
  arrived: (arrival: Arrival) => void
  stopListening: (() => void) | null
  isOver: boolean
}

const unavailable: CommandError<never> = {
  _tag: 'Unavailable',
  what: 'eventstore',
  cause: 'the news is late',
}
const tooOften: CommandError<SpaceRefusal> = {
  _tag: 'Refused',
  refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 },
}
const noSession = (): Answer => failed({ _tag: 'Refused', refusal: { _tag: 'SessionNotFound' } })

/** Runs `work` after what the socket is already doing. */
const inTurn = <T>(member: Member, work: () => Promise<T>): Promise<T> => {
  const turn = member.busy === null ? work() : member.busy.then(work)
  const settled: Promise<unknown> = turn
    .catch(() => {})
    .finally(() => {
      if (member.busy === settled) member.busy = null
    })
  member.busy = settled
  return turn
}

export const createMembership = (deps: MembershipDeps): Membership => {
  const { commands, content, feed, sending, departures, clock, ids, logger } = deps
  const tails = new WeakMap<Snapshot, SharedTail>()
  const answeredFor = new Map<string, SpaceRef>()
  const reads = createSharedReads(deps.log)

  const tailOf = (snapshot: Snapshot): SharedTail => {
    let tail = tails.get(snapshot)
    if (tail === undefined) {
      tail = sharedTail(`${snapshot.shared()}}]`)
      tails.set(snapshot, tail)
    }
    return tail
  }

  const hush = (member: Member, session: Session): void => {
    session.stopListening?.()
    session.stopListening = null
    if (session.room === null) return
    member.line.leave(session.room)
    listenOut(session.hold.live, session.subspace)
    session.room = null
  }

  /** The session is over as far as this process goes. Once. */
  const drop = (member: Member, session: Session): void => {
    if (session.isOver) return
    session.isOver = true
    hush(member, session)
    session.hold.live.occupants.delete(session.sessionId)
    deps.whereabouts.forget(session.hold.live, session.sessionId)
    member.body = null
    if (member.place === session) member.place = null
    session.hold.release()
  }

  // ── entering ───────────────────────────────────────────────────────────────────────────────────────────

  const joinedStart = (
    member: Member,
    session: Session,
    snapshot: Snapshot,
    resumed: boolean,
    token: string | null,
  ): string => {
    const { caller } = member
    const { space } = session.hold.live
    const now = new Date(clock.now()).toISOString()
    const access = accessOf(snapshot.state, caller, session.facts, now)
    const head = {
      success: true,
      spaceType: space.type,
      spaceId: space.id,
      subspace: snapshot.subspace,
      sessionId: session.sessionId,
      identity: {
        kind: caller.kind,
        id: caller.id,
        verified: caller.kind === 'account',
        ...(caller.kind === 'guest' && caller.claimed !== undefined ? { claimed: caller.claimed } : {}),
      },
      ...(token === null ? {} : { session_token: token }),
      // Whoever is in has access, also where that is because the space is everybody's.
      permission: access.role ?? 'access',
      revisions: { space: String(snapshot.revisions.space), chat: String(snapshot.revisions.chat) },
      resumed,
      timestamp: now,
    }
    return `2["space-joined",${JSON.stringify(head).slice(0, -1)},`
  }

  const enter = (member: Member, session: Session, snapshot: Snapshot): void => {
    const { live } = session.hold
    const { line } = member
    const room: RoomKey = roomKey(live.space, snapshot.subspace)
    const tail = tailOf(snapshot)
    // Now that it is in this space it is not in the one before: until here, a refusal leaves it where it was.
    const before = member.place as Session | null
    if (before !== null && before !== session) void leaveNow(member, before, 'left')
    hush(member, session)
    session.subspace = snapshot.subspace
    session.room = room
    listenIn(live, snapshot.subspace)
    member.place = session
    const { since } = session
    const token = deps.tokenFor(member)
    const start = (resumed: boolean) => joinedStart(member, session, snapshot, resumed, token)
    if (since === null) {
      line.entered(start(false), tail)
      line.join(room)
      session.arrived('entered')
      return
    }
    // The room's news waits until what was missed before it has been read and sent.
    const held: string[] = []
    let heldBytes = 0
    const stop = sending.listen(room, (packets) => {
      for (const packet of packets) {
        held.push(packet)
        heldBytes += packet.length
      }
      if (held.length > MAX_HELD || heldBytes > MAX_HELD_BYTES) line.sendElsewhere()
    })
    session.stopListening = stop
    const [fresh, resumed] = [start(false), start(true)]
    const until = snapshot.revisions
    const sessions = new Map(snapshot.state.sessions)
    missedNews(reads, { space: live.space, subspace: snapshot.subspace, since, until, sessions })
      .catch((error) => {
        logger.warn({ space: live.key, error: reasonOf(error) }, 'what a client missed could not be read')
        return null
      })
      .then(async (missed) => {
        const goesOn = () => session.stopListening === stop
        // It is in: how long it takes to read is its own affair.
        const onWait = () => session.arrived('entered')
        if (!goesOn()) return
        line.entered(missed === null ? fresh : resumed, tail)
        if (missed !== null && !(await sendInPages(line, missed, { goesOn, onWait }))) return
        if (!goesOn()) return
        line.packets(held)
        stop()
        session.stopListening = null
        line.join(room)
        session.arrived('entered')
      })
      .catch((error) => logger.error({ error: reasonOf(error) }, 'what a client missed could not be sent'))
  }

  /** The room as of now: what is in it is not also news that is still to be told. */
  const current = (live: LiveSpace, subspace: string): Snapshot => {
    finish(live, sending)
    return snapshotOf(live, subspace)
  }

  const sayEnded = ({ line }: Member, reason: LeaveReason): void => {
    line.tell('space-error', {
      ok: false,
      code: 'session_ended',
      error: 'This session has ended: join again.',
      reason,
    })
  }

  const ended = (
    member: Member,
    session: Session,
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

  const occupantOf = (member: Member, session: Session): Occupant => ({
    entered: (snapshot) => enter(member, session, snapshot),
    left: () => hush(member, session),
    ended: (reason, notice) => ended(member, session, reason, notice),
    isThere: (ms) => member.line.isThere?.(ms) ?? Promise.resolve(true),
  })

  /** Resolves when the session's own news has come round. */
  const arrival = (session: Session, since: Revisions | null): Promise<Arrival> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve('late'), ARRIVAL_MS)
      session.since = since
      session.arrived = (how) => {
        clearTimeout(timer)
        session.since = null
        resolve(how)
      }
    })

  const leaveNow = (member: Member, session: Session, reason: 'left' | 'disconnected' | 'expired') => {
    drop(member, session)
    const { sessionId, hold } = session
    const leaving = departures.leave({ space: hold.live.space, sessionId, reason, sender: senderOf(member) })
    void leaving.then(() => answeredFor.delete(sessionId))
    return leaving
  }

  type Outcome = E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>

  /** A command path that throws has not said whether it happened. */
  const ask = async (request: Request<SpaceCommand>): Promise<Outcome> => {
    try {
      return await commands.space(request)()
    } catch (error) {
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) })
    }
  }

  /** What a join or a move is answered, once it has come round (or has not). */
  const concluded = async (
    member: Member,
    session: Session,
    arriving: Promise<Arrival>,
    outcome: Outcome & { _tag: 'Right' },
  ): Promise<Answer> => {
    const { live } = session.hold
    feed.expect(live, 'space', outcome.right.revision)
    const how = await arriving
    switch (how) {
      case 'entered':
        return doneAt(outcome.right, { sessionId: session.sessionId, subspace: session.subspace })
      case 'ended':
        return noSession()
      case 'late':
        void leaveNow(member, session, 'disconnected')
        return failed(unavailable)
      default: {
        const never: never = how
        return never
      }
    }
  }

  const begin = async (
    member: Member,
    space: SpaceRef,
    hold: Hold,
    facts: ContentFacts,
    asked: JoinSpace,
    subspace: string,
  ): Promise<Answer> => {
    const session: Session = {
      hold,
      facts,
      sessionId: ids.uuid(),
      subspace,
      room: null,
      since: null,
      arrived: () => {},
      stopListening: null,
      isOver: false,
    }
    const replaces = await staleSessions(hold.live, member.caller, asked, deps.node.boot)
    // Before the command is sent: its news may be faster than its answer.
    hold.live.occupants.set(session.sessionId, occupantOf(member, session))
    answeredFor.set(session.sessionId, space)
    const arriving = arrival(session, asked.since ?? null)
    const outcome = await ask({
      ...senderOf(member),
      space,
      id: ids.uuid(),
      command: {
        type: 'JoinSpace',
        sessionId: session.sessionId,
        socketId: member.line.id,
        subspace,
        position: asked.position ?? null,
        avatarData: asked.avatar_data ?? null,
        boot: deps.node.boot,
        ...(replaces.length === 0 ? {} : { replaces }),
        ...(asked.since == null ? {} : { returns: true }),
      },
    })
    if (E.isRight(outcome)) return concluded(member, session, arriving, outcome)
    session.arrived('ended')
    // It may have happened all the same: then it is over at once.
    if (outcome.left._tag === 'Unavailable') void leaveNow(member, session, 'disconnected')
    else {
      drop(member, session)
      answeredFor.delete(session.sessionId)
    }
    return failed(outcome.left)
  }

  const move = async (
    member: Member,
    session: Session,
    asked: JoinSpace,
    subspace: string,
  ): Promise<Answer> => {
    const arriving = arrival(session, asked.since ?? null)
    const outcome = await ask({
      ...senderOf(member),
      space: session.hold.live.space,
      id: ids.uuid(),
      command: {
        type: 'MoveSession',
        sessionId: session.sessionId,
        subspace,
        position: asked.position ?? null,
      },
    })
    if (E.isLeft(outcome)) {
      session.arrived('ended')
      return failed(outcome.left)
    }
    if (outcome.right.events.length === 0 && !session.isOver)
      enter(member, session, current(session.hold.live, subspace))
    return concluded(member, session, arriving, outcome)
  }

  /** What it heard from another process may not have come round to this one yet: it must not hear it again. */
  const reachSince = async (live: LiveSpace, { since }: JoinSpace): Promise<void> => {
    if (since != null) await feed.reach(live, since)
  }

  /** Asked again for the room that it is in: the same session, the state as of now. */
  const refresh = async (member: Member, session: Session, asked: JoinSpace): Promise<Answer> => {
    // No command, and so no limit of the command path: but it may read a great deal.
    const now = clock.now()
    member.again ??= fullBucket(AGAIN, now)
    if (!take(member.again, AGAIN, now)) return failed(tooOften)
    await Promise.all([reachSince(session.hold.live, asked), deps.whereabouts.learn(session.hold.live)])
    if (session.isOver) return noSession()
    const arriving = arrival(session, asked.since ?? null)
    enter(member, session, current(session.hold.live, session.subspace))
    const how = await arriving
    if (how !== 'entered') return noSession()
    const revision = String(session.hold.live.spaceSeq.last)
    return done({ sessionId: session.sessionId, subspace: session.subspace, revision })
  }

  const join = async (member: Member, asked: JoinSpace): Promise<Answer> => {
    if (member.isGone) return noSession()
    if (member.line.waiting() > MAX_UNREAD) return failed(tooOften)
    const space = parseSpace(asked.spaceType, asked.spaceId)
    if (E.isLeft(space)) return failed(space.left)
    const subspace = parseSubspace(asked.subspace)
    if (E.isLeft(subspace)) return failed(subspace.left)
    if (
      member.ticket !== null &&
      !isSameRoom(member.ticket, { space: space.right, subspace: subspace.right })
    )
      return told(wrongRoom(member.ticket))
    const current = member.place as Session | null
    if (current !== null && current.hold.live.key === spaceKey(space.right))
      return current.subspace === subspace.right
        ? refresh(member, current, asked)
        : move(member, current, asked, subspace.right)
    const facts = await content.factsFor(space.right, member.caller)()
    if (E.isLeft(facts)) return failed(facts.left)
    const hold = await feed.hold(space.right)
    if (E.isLeft(hold)) return failed(hold.left)
    await Promise.all([reachSince(hold.right.live, asked), deps.whereabouts.learn(hold.right.live)])
    return begin(member, space.right, hold.right, facts.right, asked, subspace.right)
  }

  const recheck = async (member: Member): Promise<void> => {
    const session = member.place as Session | null
    if (session === null) return
    const { live } = session.hold
    const facts = await content.factsFor(live.space, member.caller)()
    // What can't be looked up has not changed as far as anybody knows.
    if (E.isLeft(facts) || session.isOver) return
    const now = new Date(clock.now()).toISOString()
    if (accessOf(live.state, member.caller, facts.right, now).mayKnow) return
    void leaveNow(member, session, 'expired')
    sayEnded(member, 'expired')
  }

  const leave = async (member: Member): Promise<Answer> => {
    const session = member.place as Session | null
    if (session === null) return done()
    const left = await Promise.race([leaveNow(member, session, 'left'), later(LEAVE_MS)])
    if (left === null) return failed(unavailable)
    return E.isRight(left) ? doneAt(left.right) : failed(left.left)
  }

  return {
    sessions: () => [...answeredFor].map(([sessionId, space]) => ({ sessionId, space })),
    join: (member, asked) => inTurn(member, () => join(member, asked)),
    leave: (member) => inTurn(member, () => leave(member)),
    recheck: (member) => inTurn(member, () => recheck(member)),
    gone: (member, reason) => {
      member.isGone = true
      return inTurn(member, async () => {
        const session = member.place as Session | null
        if (session !== null) await leaveNow(member, session, reason)
      })
    },
  }
}

const later = (ms: number): Promise<null> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref()
  })
