/** Who is in which room: joining, moving, leaving, being removed. Every step is a command, and takes effect here when
 *  its event comes back as news. */
import * as E from 'fp-ts/lib/Either.js'
import { parseSpace, parseSubspace, type SpaceRef, spaceKey } from '../../domain/names.ts'
import type { Clock, CommandError, Commands, Content, EventLog, Ids } from '../../domain/ports.ts'
import { accessOf } from '../../domain/space/access.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import { initialSpace } from '../../domain/space/evolve.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { Logger, Metrics } from '../observing.ts'
import { fullBucket, type TokenRate, take } from '../token-bucket.ts'
import { type Answer, done, doneAt, failed, told } from './answers.ts'
import type { Departures } from './departures.ts'
import type { LiveFeed } from './feed.ts'
import { isSameRoom, wrongRoom } from './gateway/places.ts'
import { type EntrySnapshot, finish, type LiveSpace, sharedFacts, snapshotOf } from './live-space.ts'
import type { Member } from './member.ts'
import type { MemberPositions } from './member-positions.ts'
import { createSessionCommands } from './membership/commands.ts'
import { createEnding, sayEnded } from './membership/ending.ts'
import { createEntering } from './membership/entering.ts'
import { arrival, type MemberSession, noSession, unavailable } from './membership/session.ts'
import type { JoinSpacePayload } from './payloads.ts'
import type { Scenes } from './scene/scenes.ts'
import type { Sending } from './sending.ts'
import type { Waiting } from './waiting.ts'

export interface Membership {
  readonly join: (member: Member, asked: JoinSpacePayload) => Promise<Answer>
  readonly leave: (member: Member) => Promise<Answer>
  /** To be called when the content changed: removes members who may no longer know of the space. */
  readonly recheck: (member: Member) => Promise<void>
  /** To be called when the socket is gone: ends its session, too, as soon as the log can take it. */
  readonly gone: (member: Member, reason: 'disconnected' | 'expired') => Promise<void>
  /** The sessions that this process is responsible for: from before they are on the log until their end is. */
  readonly sessions: () => ReadonlyArray<{ readonly space: SpaceRef; readonly sessionId: string }>
}

export type MembershipDeps = {
  /** A session token for a guest who came without one, returned once, so that they can come back as the same guest. */
  readonly tokenFor: (member: Member) => string | null
  readonly commands: Commands
  readonly content: Content
  readonly log: EventLog
  readonly hasSfu: boolean
  readonly feed: LiveFeed
  readonly sending: Sending
  readonly departures: Departures
  readonly memberPositions: MemberPositions
  readonly waiting: Waiting
  readonly scenes: Pick<Scenes, 'learn' | 'entered' | 'catchUp'>
  readonly node: { readonly boot: string }
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  readonly metrics: Metrics
}

/** How long (ms) a leave waits for the log before the caller gets an answer. */
const LEAVE_MS = 5_000
/** How often a socket may request the state of the room that it is in. */
const AGAIN: TokenRate = { perSecond: 1, burst: 20 }
/** A client for which more bytes than this wait must read those before it gets a room's state again. */
const MAX_UNREAD = 524_288

const tooOften: CommandError<SpaceRefusal> = {
  _tag: 'Refused',
  refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 },
}

/** Runs `work` after whatever the socket is already doing. */
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
  const { content, waiting, feed, sending, departures, memberPositions, scenes, clock } = deps
  const answeredFor = new Map<string, SpaceRef>()
  const ending = createEnding({ departures, memberPositions, answeredFor })
  const { leaveNow } = ending
  const enter = createEntering({ ...deps, ending })

  /** The room as of now: nothing in it is sent again as news. */
  const current = (live: LiveSpace, subspace: string): EntrySnapshot => {
    finish(live, sending)
    return snapshotOf(live, subspace)
  }

  const { begin, move } = createSessionCommands({ ...deps, enter, ending, current, answeredFor })

  /** What the client heard from another process may not have reached this one yet: it must not get that twice. */
  const reachSince = async (live: LiveSpace, { since }: JoinSpacePayload): Promise<void> => {
    if (since != null) await feed.reach(live, since)
  }

  /** Answers a repeated request for the room that the member is in: the same session, the state as of now. */
  const refresh = async (
    member: Member,
    session: MemberSession,
    asked: JoinSpacePayload,
  ): Promise<Answer> => {
    // This is no command, so the command path does not limit it; but it may read a great deal.
    const now = clock.now()
    member.again ??= fullBucket(AGAIN, now)
    if (!take(member.again, AGAIN, now)) return failed(tooOften)
    const { live } = session.hold
    await Promise.all([reachSince(live, asked), memberPositions.learn(live)])
    if (session.isOver) return noSession()
    const arriving = arrival(session, asked.since ?? null)
    enter(member, session, current(session.hold.live, session.subspace))
    const how = await arriving
    if (how !== 'entered') return noSession()
    const revision = String(session.hold.live.spaceSeq.last)
    return done({ sessionId: session.sessionId, subspace: session.subspace, revision })
  }

  const join = async (member: Member, asked: JoinSpacePayload): Promise<Answer> => {
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
    member.isPacked = asked.scene === 'packed'
    member.isPaged = asked.users === 'paged'
    const current = member.place as MemberSession | null
    if (current !== null && current.hold.live.key === spaceKey(space.right)) {
      if (current.subspace === subspace.right) return refresh(member, current, asked)
      await scenes.learn(current.hold.live, subspace.right)
      return move(member, current, asked, subspace.right)
    }
    const facts = await content.factsFor(space.right, member.caller)()
    if (E.isLeft(facts)) return failed(facts.left)
    const hold = await feed.hold(space.right)
    if (E.isLeft(hold))
      return failed(hold.left._tag === 'Broken' ? brokenTo(member, facts.right, hold.left) : hold.left)
    const { live } = hold.right
    await Promise.all([
      reachSince(live, asked),
      memberPositions.learn(live),
      scenes.learn(live, subspace.right),
    ])
    return begin(member, asked, {
      space: space.right,
      subspace: subspace.right,
      hold: hold.right,
      facts: sharedFacts(live, facts.right),
    })
  }

  /** Strangers learn no more about an unreadable space than about one that never existed. */
  const brokenTo = (
    { caller }: Member,
    facts: ContentFacts,
    error: CommandError<never>,
  ): CommandError<SpaceRefusal> =>
    accessOf(initialSpace(), caller, facts, new Date(clock.now()).toISOString()).mayKnow
      ? error
      : { _tag: 'Refused', refusal: { _tag: 'SpaceNotFound' } }

  const recheck = async (member: Member): Promise<void> => {
    const session = member.place as MemberSession | null
    if (session === null) return
    const { live } = session.hold
    const facts = await content.factsFor(live.space, member.caller)()
    // If it can't be looked up, it is assumed that nothing has changed.
    if (E.isLeft(facts) || session.isOver) return
    const now = new Date(clock.now()).toISOString()
    if (accessOf(live.state, member.caller, facts.right, now).mayKnow) return
    void leaveNow(member, session, 'expired')
    sayEnded(member, 'expired')
  }

  const leave = async (member: Member): Promise<Answer> => {
    const session = member.place as MemberSession | null
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
      waiting.end(member)
      return inTurn(member, async () => {
        const session = member.place as MemberSession | null
        if (session !== null) await leaveNow(member, session, reason)
      })
    },
  }
}

const later = (ms: number): Promise<null> =>
  new Promise((resolve) => {
    setTimeout(() => resolve(null), ms).unref()
  })
