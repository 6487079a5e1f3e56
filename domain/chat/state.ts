/** The state on which a chat's decisions are made: a window of its last events, however long the chat is. */
import type { Subject } from '../identity.ts'
import type { DecisionInput } from '../space/commands.ts'
import type { SpaceState } from '../space/state.ts'
import type { ChatCommand } from './commands.ts'
import { type Filtered, nothingFiltered } from './filtered.ts'

/** How many of the chat's last events the state remembers. */
export const WINDOW = 2_000
/** How many authors' last posts the state remembers, for slow mode. */
export const AUTHORS = 5_000

/** A message from the read model, for one that the window does not have. */
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
/** By message id; null for one that does not exist. */
export type Found = ReadonlyMap<string, MessageFacts | null>

/** A command and everything that its decision needs besides the chat's own state. `found` has the messages that `messagesNeeded` named. */
export type ChatAsked = DecisionInput<ChatCommand> & { readonly space: SpaceState; readonly found?: Found }

/** What the posting said; its words only as a digest, so that the window stays small whatever people write. */
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
/** A message that was touched within the window. */
export type RecentMessage = {
  /** The revision of the last event that touched it. */
  readonly revision: number
  /** Null if the posting was older than the window. */
  readonly posted: Posted | null
  readonly deleted: boolean
  /** Digest of the words of the last edit; null if it was not edited within the window. */
  readonly edited: string | null
}
export type RecentReaction = { readonly revision: number; readonly on: boolean }

export type ChatState = {
  /** How many events are in the stream so far: the next one's revision. */
  readonly length: number
  /** By message id, those untouched for longest first. */
  readonly messages: ReadonlyMap<string, RecentMessage>
  /** By message, subject and emoji (see `reactionKey`), the oldest first. */
  readonly reactions: ReadonlyMap<string, RecentReaction>
  /** How many of those are on, by message and by message and subject (see `countKey`), so that adding one needs no search. */
  readonly counts: ReadonlyMap<string, number>
  /** When each author last posted (ms since the epoch), the oldest first. */
  readonly lastPosts: ReadonlyMap<Subject, number>
  /** The times of each author's messages within the window, for filters that count; some authors' older times may still be there. */
  readonly posts: ReadonlyMap<Subject, Posts>
  /** What filters caught and nobody has settled. */
  readonly filtered: Filtered
}
/** One author's last times (ms since the epoch), oldest first, at most `MAX_RATE`; and the revision of the last. */
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

/** The first revision that the window has completely. What the read model says about older messages must include everything before it. */
export const windowStart = (state: ChatState): number => Math.max(0, state.length - WINDOW)

export const reactionKey = (messageId: string, subject: Subject, emoji: string): string =>
  `${messageId} ${subject} ${emoji}`

/** The key of the count of a message's reactions: of all subjects, or of one. */
export const countKey = (messageId: string, subject: Subject | null): string =>
  subject === null ? messageId : `${messageId} ${subject}`

/** The key of a network's last post, among those of authors. */
export const networkKey = (network: string): Subject => `network ${network}`

/** Replaces the digest if the words are no longer known: a snapshot has none. */
export const UNKNOWN_WORDS = ''

const DIGITS = [...'0123456789abcdefghijklmnopqrstuvwxyz']
const PAIRS = DIGITS.flatMap((high) => DIGITS.map((low) => high + low))

/** What `toString(36)` says of a whole number, in a tenth of its time: that goes through the digits of a fraction. */
export const inBase36 = (number: number): string => {
  let text = ''
  let left = number
  while (left >= PAIRS.length) {
    const higher = Math.floor(left / PAIRS.length)
    text = PAIRS[left - higher * PAIRS.length]! + text
    left = higher
  }
  return (left < DIGITS.length ? DIGITS[left]! : PAIRS[left]!) + text
}

/** cyrb53 and the length: enough to distinguish different words of the same author. */
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
  return `${text.length}.${inBase36(4294967296 * (2097151 & b) + (a >>> 0))}`
}
