/** Folds a chat's events. Whatever falls out of the window is forgotten. It never fails, and consumes the state that it
 *  is given (see `Decider`). */
import { MAX_SLOW_MODE_SECONDS } from '../settings.ts'
import { MAX_RATE } from '../space/filter.ts'
import type { ChatEvent, ChatEventOf } from './events.ts'
import { evolveFiltered, forkFiltered } from './filtered.ts'
import {
  AUTHORS,
  type ChatState,
  countKey,
  digestOf,
  networkKey,
  type RecentMessage,
  reactionKey,
  WINDOW,
} from './state.ts'
import { canonicalEmoji } from './text.ts'

/** A copy that shares nothing that `evolve` writes to. */
export const forkChat = (state: ChatState): ChatState => ({
  length: state.length,
  messages: new Map(state.messages),
  reactions: new Map(state.reactions),
  counts: new Map(state.counts),
  lastPosts: new Map(state.lastPosts),
  posts: new Map(state.posts),
  filtered: forkFiltered(state.filtered),
})

const writable = <K, V>(map: ReadonlyMap<K, V>): Map<K, V> => map as Map<K, V>

const UNTOUCHED: Omit<RecentMessage, 'revision'> = { posted: null, deleted: false, edited: null }

/** Puts an entry at the end: the first one is the one that was untouched for longest. */
const toBack = <K, V>(map: ReadonlyMap<K, V>, key: K, value: V): void => {
  writable(map).delete(key)
  writable(map).set(key, value)
}

const forget = <V extends { readonly revision: number }>(
  map: ReadonlyMap<string, V>,
  before: number,
  forgotten: (key: string, value: V) => void = () => {},
): void => {
  for (const [key, value] of map) {
    if (value.revision >= before) return
    writable(map).delete(key)
    forgotten(key, value)
  }
}

/** One reaction more or less, by its key. */
export const count = (counts: ReadonlyMap<string, number>, reaction: string, by: number): void => {
  const [message = '', subject = ''] = reaction.split(' ', 2)
  for (const key of [countKey(message, null), countKey(message, subject)]) {
    const now = (counts.get(key) ?? 0) + by
    if (now > 0) writable(counts).set(key, now)
    else writable(counts).delete(key)
  }
}

const notePost = (state: ChatState, author: string, at: number): void => {
  if (Number.isNaN(at)) return
  toBack(state.lastPosts, author, at)
  const horizon = at - MAX_SLOW_MODE_SECONDS * 1_000
  for (const [subject, last] of state.lastPosts) {
    if (last >= horizon && state.lastPosts.size <= AUTHORS) return
    writable(state.lastPosts).delete(subject)
  }
}

/** After this many messages, authors are forgotten who wrote nothing within the window; counting ignores older messages anyway. */
const SWEEP = 256

/** A message counts when it is sent: a held message does not count again when it is posted. */
const noteSent = (
  state: ChatState,
  { data }: ChatEventOf<'MessagePosted' | 'MessageHeld'>,
  revision: number,
): void => {
  const author = data.account ?? data.guest ?? ''
  const at = Date.parse(data.at)
  notePost(state, author, at)
  if (data.network !== undefined) notePost(state, networkKey(data.network), at)
  if (Number.isNaN(at)) return
  const before = state.posts.get(author)?.times ?? []
  const times = [...before.slice(before.length < MAX_RATE ? 0 : 1), { at, revision }]
  writable(state.posts).set(author, { revision, times })
}

export const evolveChat = (state: ChatState, event: ChatEvent): ChatState => {
  const revision = state.length
  const { type, data } = event
  const touch = (change: Partial<RecentMessage>): void => {
    const before = state.messages.get(data.messageId) ?? UNTOUCHED
    toBack(state.messages, data.messageId, { ...before, ...change, revision })
  }
  switch (type) {
    case 'MessagePosted': {
      const author = data.account ?? data.guest ?? ''
      const { subspace, messageType, parentMessageId, threadRootId } = data
      const words = digestOf(data.content)
      const posted = { revision, author, subspace, messageType, parentMessageId, threadRootId, words }
      touch({ posted, deleted: false, edited: null })
      if (data.heldAt === undefined) noteSent(state, event as ChatEventOf<'MessagePosted'>, revision)
      break
    }
    case 'MessageHeld':
      if (data.edits === undefined) noteSent(state, event as ChatEventOf<'MessageHeld'>, revision)
      break
    case 'FilterActed':
    case 'MessageApproved':
    case 'MessageDropped':
      break
    case 'MessageEdited':
      touch({ edited: digestOf(data.content) })
      break
    case 'MessageDeleted':
      touch({ deleted: true })
      break
    case 'ReactionAdded':
    case 'ReactionRemoved': {
      const on = type === 'ReactionAdded'
      const key = reactionKey(data.messageId, data.by.id, canonicalEmoji(data.emoji))
      const before = state.reactions.get(key)
      if ((before?.on ?? false) !== on) count(state.counts, key, on ? 1 : -1)
      toBack(state.reactions, key, { revision, on })
      break
    }
    default: {
      const never: never = type
      return never
    }
  }
  evolveFiltered(state.filtered, event, revision)
  const length = revision + 1
  forget(state.messages, length - WINDOW)
  if (length % SWEEP === 0)
    for (const [author, { revision: last }] of state.posts)
      if (last < length - WINDOW) writable(state.posts).delete(author)
  forget(state.reactions, length - WINDOW, (key, { on }) => {
    if (on) count(state.counts, key, -1)
  })
  return { ...state, length }
}
