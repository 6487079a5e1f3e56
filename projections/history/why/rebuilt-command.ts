/** Rebuilds the command behind an act from what it left on the log. */
import { CHAT_COMMANDS, type ChatCommand } from '../../../domain/chat/commands.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import {
  type AnyCommand,
  COMMAND_NAMES,
  commandEntry,
  isChatName,
  isCommandName,
} from '../../../domain/commands.ts'
import type { CommandRefused } from '../../../domain/refused.ts'
import { type Events, SPACE_COMMANDS, type SpaceCommand } from '../../../domain/space/commands.ts'
import type { SpaceEvent } from '../../../domain/space/events.ts'
import type { SpaceState } from '../../../domain/space/state.ts'

export { type AnyCommand, isChatCommand } from '../../../domain/commands.ts'

export const COMMAND_TYPES: ReadonlyArray<string> = COMMAND_NAMES

const isSpaceName = (type: string): type is SpaceCommand['type'] => Object.hasOwn(SPACE_COMMANDS, type)

/** From the events of one accepted space command; null for an unknown command. `before`: the space's state before it. */
export const spaceCommandOf = (
  type: string,
  events: ReadonlyArray<SpaceEvent>,
  before: SpaceState,
): SpaceCommand | null => {
  if (!isSpaceName(type)) return null
  const one = ((wanted) => events.find((event) => event.type === wanted)?.data ?? null) as Events['one']
  const all = ((wanted) =>
    events.filter((event) => event.type === wanted).map(({ data }) => data)) as Events['all']
  const fields = SPACE_COMMANDS[type].again({ one, all }, before)
  return fields === null ? null : ({ type, ...fields } as SpaceCommand)
}

export const chatCommandOf = (type: string, event: ChatEvent): ChatCommand | null => {
  if (!isChatName(type)) return null
  const fields = CHAT_COMMANDS[type].again(event)
  return fields === null ? null : ({ type, ...fields } as ChatCommand)
}

/** The least that a command needs to be decided at all. */
const blank = (type: string): Record<string, unknown> | null =>
  isCommandName(type)
    ? Object.fromEntries(
        Object.entries(commandEntry(type).fields).flatMap(([name, field]) =>
          field.blank === undefined ? [] : [[name, field.blank]],
        ),
      )
    : null

/** A command of that type with these fields, and blank values for the others; null for an unknown type. */
export const commandWith = (type: string, fields: Readonly<Record<string, unknown>>): AnyCommand | null => {
  const base = blank(type)
  return base === null ? null : ({ ...base, ...fields, type } as AnyCommand)
}

/** `isWhole`: false if the refusal was recorded before refusals kept what was asked for. */
export const refusedCommandOf = ({
  data,
}: CommandRefused): { readonly command: AnyCommand | null; readonly isWhole: boolean } => {
  if (data.asked !== undefined) return { command: commandWith(data.command, data.asked), isWhole: true }
  const { subspace, target } = data
  const base = blank(data.command)
  const names = ['account', 'subject', 'sessionId', 'messageId'].filter(
    (name) => base !== null && name in base,
  )
  const fields = {
    ...(subspace === undefined ? {} : { subspace }),
    ...(target === undefined || names[0] === undefined ? {} : { [names[0]]: target }),
  }
  return { command: commandWith(data.command, fields), isWhole: false }
}
