/** The commands that begin and move a session, and their answers once they have come back as news. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Accepted, CommandError, CommandRequest, Commands, Ids } from '../../../domain/ports.ts'
import type { ContentFacts, SpaceCommand } from '../../../domain/space/commands.ts'
import type { LeaveReason, SpaceEvent } from '../../../domain/space/events.ts'
import type { SpaceRefusal } from '../../../domain/space/refusals.ts'
import type { KickedNotice, News } from '../../../projections/live/wire.ts'
import { reasonOf } from '../../observing.ts'
import { type Answer, doneAt, failed } from '../answers.ts'
import type { Hold, LiveFeed } from '../feed.ts'
import type { EntrySnapshot, LiveSpace, Occupant } from '../live-space.ts'
import { type Member, senderOf } from '../member.ts'
import type { JoinSpacePayload } from '../payloads.ts'
import { staleSessions } from '../stale-sessions.ts'
import type { Waiting } from '../waiting.ts'
import { type Ending, hush } from './ending.ts'
import type { Enter } from './entering.ts'
import { type Arrival, arrival, type MemberSession, newSession, noSession, unavailable } from './session.ts'

type Outcome = E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>

/** Where a session should begin. */
export type Beginning = {
  readonly space: SpaceRef
  readonly subspace: string
  readonly hold: Hold
  readonly facts: ContentFacts
}

type Parts = { readonly enter: Enter; readonly ending: Ending }
/** A class, since there are thousands of them: their methods exist once. */
class MemberOccupant implements Occupant {
  readonly #member: Member
  readonly #session: MemberSession
  readonly #parts: Parts
  constructor(member: Member, session: MemberSession, parts: Parts) {
    this.#member = member
    this.#session = session
    this.#parts = parts
  }
  entered(snapshot: EntrySnapshot): void {
    this.#parts.enter(this.#member, this.#session, snapshot)
  }
  left(): void {
    hush(this.#member, this.#session)
  }
  ended(reason: LeaveReason, notice: KickedNotice | null): void {
    this.#parts.ending.ended(this.#member, this.#session, reason, notice)
  }
  told({ event, payload }: News): void {
    this.#member.line.tell(event, payload)
  }
  isThere(ms: number): Promise<boolean> {
    return this.#member.line.isThere?.(ms) ?? Promise.resolve(true)
  }
}

export const createSessionCommands = (deps: {
  readonly commands: Commands
  readonly feed: LiveFeed
  readonly node: { readonly boot: string }
  readonly ids: Ids
  readonly enter: Enter
  readonly ending: Ending
  readonly current: (live: LiveSpace, subspace: string) => EntrySnapshot
  readonly answeredFor: Map<string, SpaceRef>
  readonly waiting: Waiting
}) => {
  const { commands, waiting, feed, node, ids, enter, ending, current, answeredFor } = deps
  const { drop, leaveNow } = ending
  const parts: Parts = { enter, ending }

  /** If the command path throws, it is unknown whether the command happened. */
  const ask = async (request: CommandRequest<SpaceCommand>): Promise<Outcome> => {
    try {
      return await commands.space(request)()
    } catch (error) {
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) })
    }
  }

  /** The answer to a join or a move, once its news has come back (or has not). */
  const concluded = async (
    member: Member,
    session: MemberSession,
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

  const begin = async (member: Member, asked: JoinSpacePayload, at: Beginning): Promise<Answer> => {
    const { space, subspace, hold } = at
    const session = newSession({ ...at, ids })
    const replaces = await staleSessions(hold.live, member.caller, asked, node.boot)
    // Done before the command is sent: its news may be faster than its answer.
    hold.live.occupants.set(session.sessionId, new MemberOccupant(member, session, parts))
    // The room's own, which is there anyway.
    answeredFor.set(session.sessionId, hold.live.space)
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
        boot: node.boot,
        ...(replaces.length === 0 ? {} : { replaces }),
        ...(asked.since == null ? {} : { returns: true }),
      },
    })
    const isIn = E.isRight(outcome) && outcome.right.events.some(({ type }) => type === 'SessionJoined')
    if (isIn) {
      waiting.end(member)
      return concluded(member, session, arriving, outcome)
    }
    session.arrived('ended')
    if (E.isRight(outcome)) {
      // Every seat is taken, and the member now has a place in the queue.
      const held = await feed.hold(space)
      drop(member, session)
      answeredFor.delete(session.sessionId)
      if (E.isLeft(held)) return failed(held.left)
      return waiting.begin(member, { space, subspace, hold: held.right }, outcome.right)
    }
    // It may have happened anyway: then the session is ended at once.
    if (outcome.left._tag === 'Unavailable') void leaveNow(member, session, 'disconnected')
    else {
      drop(member, session)
      answeredFor.delete(session.sessionId)
    }
    return failed(outcome.left)
  }

  const move = async (
    member: Member,
    session: MemberSession,
    asked: JoinSpacePayload,
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

  return { begin, move }
}
