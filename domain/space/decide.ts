/** The space's table of contents: which rule answers which command, and how a space is opened. */
import * as E from 'fp-ts/lib/Either.js'
import type { DecisionInput, SpaceCommand, SpaceCommandName, SpaceCommandOf } from './commands.ts'
import { contextOf, type Decision, type DecisionContext } from './decision-context.ts'
import { grantPermission, revokePermission } from './permissions.ts'
import { changeEntity, pinEntity, unpinEntity } from './pinned.ts'
import { ban, kick, mute, unban, unmute } from './restrictions.ts'
import { enterSpace, expireSeats, joinSpace } from './seats.ts'
import { leaveSpace, lowerHand, moveSession, raiseHand, setVoice } from './sessions.ts'
import { changeSettings } from './settings.ts'
import { grantSpeak, handOnSpeak, takeSpeak } from './stage.ts'
import type { SpaceState } from './state.ts'

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
  ExpireSeats: expireSeats,
}
const answer = (context: DecisionContext, command: SpaceCommand): Decision =>
  (RULES[command.type] as (context: DecisionContext, command: SpaceCommand) => Decision)(context, command)

/** The first event of a space opens it. */
export const decideSpace = (asked: DecisionInput<SpaceCommand>, state: SpaceState): Decision => {
  const decision = answer(contextOf(state, asked), asked.command)
  if (state.opened !== null || E.isLeft(decision) || decision.right.length === 0) return decision
  const { title, owner, visibility } = asked.content
  return E.right([
    { type: 'SpaceOpened', data: { title, owner, visibility, at: asked.at } },
    ...decision.right,
  ])
}
