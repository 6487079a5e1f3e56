/** Whether a message that was just sent waits for a moderator. */
import * as E from 'fp-ts/lib/Either.js'
import type { ChatEvent } from '../domain/chat/events.ts'
import type { SpaceRef } from '../domain/names.ts'
import type { Commands } from '../domain/ports.ts'

/** What an edit's answer says besides the message's id, if a filter held it. */
export const heldEdit = (
  events: ReadonlyArray<ChatEvent>,
): { readonly held: true; readonly edit_id: string } | Record<never, never> => {
  const held = events.find((event) => event.type === 'MessageHeld')
  return held === undefined ? {} : { held: true, edit_id: held.data.messageId }
}

/** `events`: those of the command that sent it. A repeated command has none, so the message is then looked for. */
export const isWaiting = async (
  commands: Pick<Commands, 'lookFiltered'>,
  space: SpaceRef,
  messageId: string,
  events: ReadonlyArray<ChatEvent>,
): Promise<boolean> => {
  if (events.length > 0) return events.some(({ type }) => type === 'MessageHeld')
  const looked = await commands.lookFiltered(space)()
  if (E.isLeft(looked)) return false
  const caught = looked.right.caught.get(messageId)
  return caught?.held === true
}
