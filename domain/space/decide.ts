/** The space's table of contents: which rule answers which command, and how a space is opened. */
import * as E from 'fp-ts/lib/Either.js'
import { fillBanList, followBanList, leaveBanList } from './ban-lists.ts'
import type { DecisionInput, SpaceCommand, SpaceCommandName, SpaceCommandOf } from './commands.ts'
import { contextOf, type Decision, type DecisionContext } from './decision-context.ts'
import type { SpaceEvent } from './events.ts'
import { evolveSpace, forkSpace } from './evolve.ts'
import { removeFilter, setFilter } from './filters.ts'
import { keepMotion } from './motion.ts'
import { grantPermission, revokePermission } from './permissions.ts'
import { changeEntity, pinEntity, unpinEntity } from './pinned.ts'
import { giveTurns, leaveQueue } from './queue.ts'
import { ban, kick, mute, unban, unmute } from './restrictions.ts'
import { enterSpace, expireSeats, joinSpace } from './seats.ts'
import { leaveSpace, lowerHand, moveSession, raiseHand, setVoice } from './sessions.ts'
import { changeSettings } from './settings.ts'
import { grantSpeak, handOnSpeak, takeSpeak } from './stage.ts'
import type { SpaceState } from './state.ts'
import { noteVoice, routeVoice } from './voice-routes.ts'

const RULES: {
  readonly [Name in SpaceCommandName]: (context: DecisionContext, command: SpaceCommandOf<Name>) => Decision
} = {
  EnterSpace: enterSpace,
  JoinSpace: joinSpace,
  LeaveSpace: leaveSpace,
  MoveSession: moveSession,
  SetVoice: setVoice,
  RaiseHand: raiseHand,
  LowerHand: lowerHand,
  GrantSpeak: grantSpeak,
  HandOnSpeak: handOnSpeak,
  TakeSpeak: takeSpeak,
  GrantPermission: grantPermission,
  RevokePermission: revokePermission,
  Ban: ban,
  Unban: unban,
  Mute: mute,
  Unmute: unmute,
  Kick: kick,
  ChangeSettings: changeSettings,
  PinEntity: pinEntity,
  ChangeEntity: changeEntity,
  UnpinEntity: unpinEntity,
  SetFilter: setFilter,
  RemoveFilter: removeFilter,
  FollowBanList: followBanList,
  FillBanList: fillBanList,
  LeaveBanList: leaveBanList,
  KeepMotion: keepMotion,
  RouteVoice: routeVoice,
  NoteVoice: noteVoice,
  ExpireSeats: expireSeats,
  LeaveQueue: leaveQueue,
}
const answer = (context: DecisionContext, command: SpaceCommand): Decision =>
  (RULES[command.type] as (context: DecisionContext, command: SpaceCommand) => Decision)(context, command)
/** If a command frees a seat, it is given to the next in the queue, in the same append. */
const withTurns = (context: DecisionContext, command: SpaceCommand, decided: Decision): Decision => {
  if (E.isLeft(decided)) return decided
  const { right: events } = decided
  const mayWait = context.state.queue.size > 0 || events.some(({ type }) => type === 'PlaceTaken')
  if (!mayWait || (events.length === 0 && command.type !== 'ExpireSeats')) return decided
  return E.right([...events, ...giveTurns(context, events)])
}
/** A caller whose turn comes together with the place enters at once. */
const withEntry = (asked: DecisionInput<SpaceCommand>, state: SpaceState, decided: Decision): Decision => {
  if (E.isLeft(decided) || asked.command.type !== 'JoinSpace') return decided
  const isTurn = decided.right.some(
    ({ type, data }) => type === 'EntryGranted' && data.subject === asked.by.id,
  )
  if (!isTurn) return decided
  const after = decided.right.reduce(evolveSpace, forkSpace(state))
  return E.map((more: ReadonlyArray<SpaceEvent>) => [...decided.right, ...more])(
    answer(contextOf(after, asked), asked.command),
  )
}

/** The first event of a space opens it. */
export const decideSpace = (asked: DecisionInput<SpaceCommand>, state: SpaceState): Decision => {
  const context = contextOf(state, asked)
  const decided = withTurns(context, asked.command, answer(context, asked.command))
  const decision = withEntry(asked, state, decided)
  if (state.opened !== null || E.isLeft(decision) || decision.right.length === 0) return decision
  const { title, owner, visibility } = asked.content
  return E.right([
    { type: 'SpaceOpened', data: { title, owner, visibility, at: asked.at } },
    ...decision.right,
  ])
}
