/** The part of the command path that the rest of the program uses. */
export { createCommands } from './commands.ts'
export { withKnownIds } from './known-ids.ts'
export { lookupIn } from './message-lookup.ts'
