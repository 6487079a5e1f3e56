/** Every command, by name: a space's and its chat's. */
import { CHAT_COMMANDS, type ChatCommand, type ChatCommandName } from './chat/commands.ts'
import type { Fields } from './fields.ts'
import { type LooksAt, type RateClass, SPACE_COMMANDS, type SpaceCommand } from './space/commands.ts'

export const COMMANDS = { ...SPACE_COMMANDS, ...CHAT_COMMANDS } as const
export type CommandName = keyof typeof COMMANDS
export type AnyCommand = SpaceCommand | ChatCommand

export const COMMAND_NAMES = Object.keys(COMMANDS) as ReadonlyArray<CommandName>
export const isCommandName = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name)
export const isChatName = (name: string): name is ChatCommandName => Object.hasOwn(CHAT_COMMANDS, name)
export const isChatCommand = (command: AnyCommand): command is ChatCommand => isChatName(command.type)

/** What all entries have in common. */
export const commandEntry = (name: CommandName) =>
  COMMANDS[name] as unknown as {
    readonly fields: Fields
    readonly who: string
    readonly says: string
    readonly rate: RateClass
    readonly asksContent: boolean
    readonly looksAt: ReadonlyArray<LooksAt>
  }
