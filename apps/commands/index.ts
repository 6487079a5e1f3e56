/** What the rest of the program uses of the command path. */
export { createCommands } from './commands.ts'
export { withKnownIds } from './known-ids.ts'
export { lookupIn } from './message-lookup.ts'
