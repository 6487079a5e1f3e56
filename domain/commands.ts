/** Every command, by name: a space's, its chat's, and those about reports and cases. */
import { CASE_COMMANDS, type CaseCommand } from './cases/commands.ts'
import { CHAT_COMMANDS, type ChatCommand, type ChatCommandName } from './chat/commands.ts'
import type { Fields } from './fields.ts'
import { type LooksAt, type RateClass, SPACE_COMMANDS, type SpaceCommand } from './space/commands.ts'

const COMMANDS = { ...SPACE_COMMANDS, ...CHAT_COMMANDS } as const
export type CommandName = keyof typeof COMMANDS
export type AnyCommand = SpaceCommand | ChatCommand

export const COMMAND_NAMES = Object.keys(COMMANDS) as ReadonlyArray<CommandName>
export const isCommandName = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name)
/** The commands of a room, which `why` explains, and those about reports and cases, which only the people who handle these see. */
export const ALL_COMMANDS = { ...COMMANDS, ...CASE_COMMANDS } as const
export type SentCommand = AnyCommand | CaseCommand
type SentName = keyof typeof ALL_COMMANDS
export const SENT_NAMES = Object.keys(ALL_COMMANDS) as ReadonlyArray<SentName>

export const isChatName = (name: string): name is ChatCommandName => Object.hasOwn(CHAT_COMMANDS, name)
export const isChatCommand = (command: AnyCommand): command is ChatCommand => isChatName(command.type)

/** What all entries have in common. */
export const sentEntry = (name: SentName) =>
  ALL_COMMANDS[name] as unknown as {
    readonly fields: Fields
    readonly who: string
    readonly says: string
    readonly rate: RateClass
    readonly asksContent: boolean
  }
export const isSentName = (name: string): name is SentName => Object.hasOwn(ALL_COMMANDS, name)

/** What all entries of a room's commands have in common. */
export const commandEntry = (name: CommandName) =>
  COMMANDS[name] as unknown as {
    readonly fields: Fields
    readonly who: string
    readonly says: string
    readonly rate: RateClass
    readonly asksContent: boolean
    readonly looksAt: ReadonlyArray<LooksAt>
  }
