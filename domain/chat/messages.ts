/** What is known about a message: from the window, and from the read model if it is older than the window. */
import type { Subject } from '../identity.ts'
import type { ChatCommand } from './commands.ts'
import { heldOf } from './filtering.ts'
import {
  type ChatState,
  countKey,
  digestOf,
  type Found,
  type MessageFacts,
  reactionKey,
  UNKNOWN_WORDS,
  windowStart,
} from './state.ts'
import { canonicalEmoji, canonicalId, isMessageId } from './text.ts'

/** What must be equal for a repeated posting to count as the same one. */
type Post = Pick<MessageFacts, 'subspace' | 'messageType' | 'parentMessageId' | 'content'>

/** Whether the facts of a message are those of the posting; if its words are not known any more, all facts except those. */
export const isSamePost = (post: Post, facts: MessageFacts): boolean =>
  isSamePlace(post, facts) && (facts.edited || facts.content === post.content)
const isSamePlace = (a: Omit<Post, 'content'>, b: Omit<Post, 'content'>): boolean =>
  a.subspace === b.subspace && a.messageType === b.messageType && a.parentMessageId === b.parentMessageId

/** A message as a decision sees it. */
export type Known = {
  readonly author: Subject
  readonly subspace: string
  readonly messageType: string
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  readonly deleted: boolean
  readonly wasPostedAs: (post: Post) => boolean
  readonly readsAs: (content: string) => boolean
  readonly hasReaction: (subject: Subject, emoji: string) => boolean
  /** How many reactions the subject has on it. */
  readonly reactionsOf: (subject: Subject) => number
  /** How many reactions everybody has on it. */
  readonly reactions: () => number
}

const isWholeChat = (state: ChatState): boolean => windowStart(state) === 0

/** The messages that the command names and the window does not have. The caller looks them up in the read model (which
 *  must be as new as `windowStart`) and passes them in as `found`, null for a message that does not exist. */
export const messagesNeeded = (command: ChatCommand, state: ChatState): ReadonlyArray<string> => {
  if (isWholeChat(state)) return []
  return [...new Set(namedBeyond(command, state))].filter(isMessageId)
}

/** The revision of the posting that `by` repeats or wants to replace, if the window no longer has its words (a snapshot
 *  has none), or of their message that a filter holds, whose words are in no state. The caller reads the words there
 *  and passes them in as `found`, as edited if they were erased. */
export const wordsNeeded = (command: ChatCommand, by: Subject, state: ChatState): number | null => {
  if (command.type !== 'PostMessage' || command.fresh === true) return null
  const id = canonicalId(command.messageId)
  const held = heldOf(state, id)
  if (held !== null) return held.author === by ? held.revision : null
  const posted = state.messages.get(id)?.posted ?? null
  return posted?.author === by && posted.words === UNKNOWN_WORDS ? posted.revision : null
}

const namedBeyond = (command: ChatCommand, state: ChatState): ReadonlyArray<string> => {
  const id = canonicalId(command.messageId)
  const postedOf = (message: string) => state.messages.get(message)?.posted ?? null
  switch (command.type) {
    case 'PostMessage': {
      const parent = command.parentMessageId === null ? null : canonicalId(command.parentMessageId)
      const named = parent === null ? [] : [parent]
      if (command.fresh !== true) named.push(id)
      return named.filter((message) => postedOf(message) === null)
    }
    case 'AddReaction':
    case 'RemoveReaction': {
      const posted = postedOf(id)
      return posted === null || posted.revision < windowStart(state) ? [id] : []
    }
    case 'EditMessage':
    case 'DeleteMessage':
    case 'DropMessage':
      return postedOf(id) === null && heldOf(state, id) === null ? [id] : []
    case 'ApproveMessage':
      return []
    default: {
      const never: never = command
      return never
    }
  }
}

const hadReaction = (facts: MessageFacts | null, subject: Subject, emoji: string): boolean =>
  facts?.reactions.some(
    (reaction) => reaction.subject === subject && canonicalEmoji(reaction.emoji) === emoji,
  ) ?? false

/** Null if there is no such message. What the window has is newer than what was found. */
export const knownMessage = (state: ChatState, found: Found | undefined, id: string): Known | null => {
  const recent = state.messages.get(id)
  const facts = found?.get(id) ?? null
  const hasReaction = (subject: Subject, emoji: string): boolean =>
    state.reactions.get(reactionKey(id, subject, emoji))?.on ?? hadReaction(facts, subject, emoji)
  const posted = recent?.posted ?? null
  const isWhole = posted !== null && posted.revision >= windowStart(state)
  /** The reactions of one subject or of all: counted in the window if that has them all, else added to what was found. */
  const count = (subject: Subject | null): number => {
    if (isWhole) return state.counts.get(countKey(id, subject)) ?? 0
    const keys = new Set<string>()
    for (const one of facts?.reactions ?? [])
      if (subject === null || one.subject === subject)
        keys.add(reactionKey(id, one.subject, canonicalEmoji(one.emoji)))
    const before = subject === null ? `${id} ` : reactionKey(id, subject, '')
    for (const [key, { on }] of state.reactions) if (key.startsWith(before)) keys[on ? 'add' : 'delete'](key)
    return keys.size
  }
  const reactionsOf = (subject: Subject): number => count(subject)
  const reactions = (): number => count(null)
  if (recent !== undefined && posted !== null) {
    const { author, subspace, messageType, parentMessageId, threadRootId } = posted
    return {
      author,
      subspace,
      messageType,
      parentMessageId,
      threadRootId,
      deleted: recent.deleted || facts?.deleted === true,
      wasPostedAs: (post) =>
        isSamePlace(post, posted) &&
        (posted.words === UNKNOWN_WORDS
          ? // If nobody knows the words any more, the id and the place must suffice.
            facts === null || facts.edited || facts.content === post.content
          : digestOf(post.content) === posted.words),
      readsAs: (content) => (recent.edited ?? posted.words) === digestOf(content),
      hasReaction,
      reactionsOf,
      reactions,
    }
  }
  if (facts === null) return null
  const edited = recent?.edited ?? null
  const deleted = facts.deleted || recent?.deleted === true
  return {
    author: facts.author,
    subspace: facts.subspace,
    messageType: facts.messageType,
    parentMessageId: facts.parentMessageId,
    threadRootId: facts.threadRootId,
    deleted,
    // The read model no longer has the first words of an edited or deleted message, so the id alone must suffice.
    wasPostedAs: (post) =>
      facts.edited ||
      edited !== null ||
      deleted ||
      (isSamePlace(post, facts) && post.content === facts.content),
    readsAs: (content) => (edited === null ? facts.content === content : edited === digestOf(content)),
    hasReaction,
    reactionsOf,
    reactions,
  }
}
