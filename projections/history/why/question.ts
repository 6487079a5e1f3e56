/** A question of what somebody could have done, as the command that they would have sent. */
import * as E from 'fp-ts/lib/Either.js'
import type { Moment } from '../moments.ts'
import { type AnyCommand, COMMAND_TYPES, commandWith } from './asked.ts'

/** `field` as the question names it; `detail` is a sentence. */
export type Unaskable = { readonly field: string; readonly detail: string }

/** `target`: an account, a guest or a message, as the action needs one; without it, somebody who is nothing here, or a
 *  message of the subject's own. */
export const questionOf = (
  action: string,
  subject: string,
  { target, permission }: { readonly target?: string; readonly permission?: string },
  moment: Moment,
): E.Either<Unaskable, AnyCommand> => {
  if (!COMMAND_TYPES.includes(action))
    return E.left({ field: 'action', detail: `An action is one of ${COMMAND_TYPES.join(', ')}.` })
  const sessionOf = (whose: string): string => {
    for (const { sessionId, account, guest } of moment.standing.state.sessions.values())
      if ((account ?? guest) === whose) return sessionId
    return 'none'
  }
  const message = (isOwn: boolean): string | undefined =>
    target ??
    moment.messages.findLast(
      ({ account, guest, deleted }) => deleted === null && (!isOwn || (account ?? guest) === subject),
    )?.messageId
  const fields = (): Record<string, unknown> => {
    switch (action) {
      case 'MoveSession':
      case 'SetVoice':
      case 'LeaveSpace':
        return { sessionId: sessionOf(subject) }
      case 'Kick':
        return { sessionId: sessionOf(target ?? '') }
      case 'GrantPermission':
        return { account: target, permission }
      case 'RevokePermission':
        return { account: target }
      case 'Ban':
      case 'Unban':
      case 'Mute':
      case 'Unmute':
        return { subject: target }
      case 'PostMessage':
        return { fresh: true }
      case 'EditMessage':
        return { messageId: message(true) }
      case 'DeleteMessage':
        return { messageId: message(true) }
      case 'AddReaction':
      case 'RemoveReaction':
        return { messageId: message(false) }
      default:
        return {}
    }
  }
  const given = Object.fromEntries(Object.entries(fields()).filter(([, value]) => value !== undefined))
  const command = commandWith(action, given)
  return command === null ? E.left({ field: 'action', detail: 'There is no such action.' }) : E.right(command)
}
