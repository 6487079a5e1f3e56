/** The decider of a chat. */
import type { Decider } from '../decider.ts'
import { decideChat } from './decide.ts'
import type { ChatEvent } from './events.ts'
import { evolveChat, forkChat } from './evolve.ts'
import type { ChatRefusal } from './refusals.ts'
import { type ChatAsked, type ChatState, initialChat } from './state.ts'

export { messagesNeeded, wordsNeeded } from './messages.ts'
export { windowStart } from './state.ts'

/** Decides what is said in a space. Its commands come with the space's state, and with older messages that were looked up. */
export const chatDecider: Decider<ChatState, ChatAsked, ChatEvent, ChatRefusal> = {
  initial: initialChat,
  decide: decideChat,
  evolve: evolveChat,
  fork: forkChat,
}
