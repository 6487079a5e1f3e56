/** The space's table of contents: which rule answers which command, and how a space is opened. */
import * as E from 'fp-ts/lib/Either.js'
import { type Asking, askingOf, type Decision } from './asking.ts'
import type { Asked, SpaceCommand } from './commands.ts'
import { grantPermission, revokePermission } from './permissions.ts'
import { ban, kick, mute, unban, unmute } from './restrictions.ts'
import { enterSpace, expireSeats, joinSpace } from './seats.ts'
import { leaveSpace, moveSession, setVoice } from './sessions.ts'
import { changeSettings } from './settings.ts'
import type { SpaceState } from './state.ts'

const answer = (asking: Asking, command: SpaceCommand): Decision => {
  switch (command.type) {
    case 'EnterSpace':
      return enterSpace(asking, command)
    case 'JoinSpace':
      return joinSpace(asking, command)
    case 'LeaveSpace':
      return leaveSpace(asking, command)
    case 'MoveSession':
      return moveSession(asking, command)
    case 'SetVoice':
      return setVoice(asking, command)
    case 'GrantPermission':
      return grantPermission(asking, command)
    case 'RevokePermission':
      return revokePermission(asking, command)
    case 'Ban':
      return ban(asking, command)
    case 'Unban':
      return unban(asking, command)
    case 'Mute':
      return mute(asking, command)
    case 'Unmute':
      return unmute(asking, command)
    case 'Kick':
      return kick(asking, command)
    case 'ChangeSettings':
      return changeSettings(asking, command)
    case 'ExpireSeats':
      return expireSeats(asking)
    default: {
      const never: never = command
      return never
    }
  }
}

/** The first thing that happens in a space opens it. */
export const decideSpace = (asked: Asked<SpaceCommand>, state: SpaceState): Decision => {
  const decision = answer(askingOf(state, asked), asked.command)
  if (state.opened !== null || E.isLeft(decision) || decision.right.length === 0) return decision
  const { title, owner, visibility } = asked.content
  return E.right([
    { type: 'SpaceOpened', data: { title, owner, visibility, at: asked.at } },
    ...decision.right,
  ])
}
