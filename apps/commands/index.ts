/** What the rest of the program uses of the command path. */
export {
  type CommandsOptions,
  type CommandsStats,
  createCommands,
  DEFAULT_TUNING,
  type Tuning,
} from './commands.ts'
export { withKnownIds } from './known-ids.ts'
export { type CommandLimits, DEFAULT_LIMITS } from './limits.ts'
export { type LookupUnavailable, lookupIn, type MessageLookup } from './message-lookup.ts'
