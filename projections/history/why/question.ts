/** The question “could they have done this?”, as the command that they would have sent. */
import * as E from 'fp-ts/lib/Either.js'
import { commandEntry, isCommandName } from '../../../domain/commands.ts'
import type { Asks } from '../../../domain/fields.ts'
import type { Moment } from '../moments.ts'
import { type AnyCommand, COMMAND_TYPES, commandWith } from './rebuilt-command.ts'

/** `field` as the question names it; `detail` is a sentence. */
export type Unaskable = { readonly field: string; readonly detail: string }

/** `target`: an account, a guest or a message, as the action needs. Without it, somebody who has no role here, or a
 *  message of the subject's own. */
export const questionOf = (
  action: string,
  subject: string,
  { target, permission }: { readonly target?: string; readonly permission?: string },
  moment: Moment,
): E.Either<Unaskable, AnyCommand> => {
  if (!isCommandName(action))
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
  const answers: { readonly [A in NonNullable<Asks>]: () => unknown } = {
    'the asker’s session': () => sessionOf(subject),
    'the target’s session': () => sessionOf(target ?? ''),
    'the target': () => target,
    'the permission': () => permission,
    'a message of the asker’s': () => message(true),
    'a message': () => message(false),
    yes: () => true,
  }
  const fields = Object.entries(commandEntry(action).fields).map(([name, { asks }]) => [
    name,
    asks === null ? undefined : answers[asks](),
  ])
  const given = Object.fromEntries(fields.filter(([, value]) => value !== undefined))
  const command = commandWith(action, given)
  return command === null ? E.left({ field: 'action', detail: 'There is no such action.' }) : E.right(command)
}
