/** What a chat's decisions are made on: a window of its last events, however long the chat is. */
import type { Subject } from '../identity.ts'
import type { DecisionInput } from '../space/commands.ts'
import type { SpaceState } from '../space/state.ts'
import type { ChatCommand } from './commands.ts'
import { type Filtered, nothingFiltered } from './filtered.ts'

/** How many of the chat's last events the state remembers. */
export const WINDOW = 2_000
/** How many authors' last posts the state remembers, for slow mode. */
export const AUTHORS = 5_000

/** A message as the read model knows it, for one that the window does not hold. */
export type MessageFacts = {
  /** An account name or a guest id. */
  readonly author: Subject
  readonly subspace: string
  readonly messageType: string
  readonly content: string
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  readonly edited: boolean
  readonly deleted: boolean
  readonly reactions: ReadonlyArray<{ readonly subject: Subject; readonly emoji: string }>
}
/** By message id; null for one that is not there. */
export type Found = ReadonlyMap<string, MessageFacts | null>

/** A command and all that its decision needs beside the chat's own state. `found` has what `messagesNeeded` named. */
export type ChatAsked = DecisionInput<ChatCommand> & { readonly space: SpaceState; readonly found?: Found }

/** What the posting said; its words as a digest, so that the window stays small whatever people write. */
export type Posted = {
  readonly revision: number
  readonly author: Subject
  readonly subspace: string
  readonly messageType: string
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  /** Digest of the content. */
  readonly words: string
}
/** A message touched within the window. */
export type RecentMessage = {
  /** Of the last event that touched it. */
  readonly revision: number
  /** Null where the posting is older than the window was. */
  readonly posted: Posted | null
  readonly deleted: boolean
  /** Digest of the words as last edited; null where not edited within the window. */
  readonly edited: string | null
}
export type RecentReaction = { readonly revision: number; readonly on: boolean }

export type ChatState = {
  /** Events in the stream so far: the next one's revision. */
  readonly length: number
  /** By message id, the longest untouched in front. */
  readonly messages: ReadonlyMap<string, RecentMessage>
  /** By message, subject and emoji (see `reactionKey`), the oldest in front. */
  readonly reactions: ReadonlyMap<string, RecentReaction>
  /** How many of those are on, by message and by message and subject (see `countKey`), so that adding one needs no search. */
  readonly counts: ReadonlyMap<string, number>
  /** When each author last posted (ms since the epoch), the oldest in front. */
  readonly lastPosts: ReadonlyMap<Subject, number>
  /** When each author posted within the window, for filters that count; whoever posted longest ago in front. */
  readonly posts: ReadonlyMap<Subject, Posts>
  /** What filters caught, and nobody has settled. */
  readonly filtered: Filtered
}
/** Of one author: the last times (ms since the epoch), oldest first, at most `MAX_RATE`; the revision of the last. */
export type Posts = {
  readonly revision: number
  readonly times: ReadonlyArray<{ readonly at: number; readonly revision: number }>
}

export const initialChat = (): ChatState => ({
  length: 0,
  messages: new Map(),
  reactions: new Map(),
  counts: new Map(),
  lastPosts: new Map(),
  posts: new Map(),
  filtered: nothingFiltered(),
})

/** The first revision that the window is sure of. What the read model says of older messages must include
 *  everything before it. */
export const windowStart = (state: ChatState): number => Math.max(0, state.length - WINDOW)

export const reactionKey = (messageId: string, subject: Subject, emoji: string): string =>
  `${messageId} ${subject} ${emoji}`

/** Of a message's reactions, of all or of one subject. */
export const countKey = (messageId: string, subject: Subject | null): string =>
  subject === null ? messageId : `${messageId} ${subject}`

/** The key of a network's last post, among those of authors. */
export const networkKey = (network: string): Subject => `network ${network}`

/** Stands for the digest where the words are no longer known: a snapshot holds none. */
export const UNKNOWN_WORDS = ''

/** cyrb53 and the length: enough to tell an author's own words from other words of theirs. */
export const digestOf = (text: string): string => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return `${text.length}.${(4294967296 * (2097151 & b) + (a >>> 0)).toString(36)}`
}
