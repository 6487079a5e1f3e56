/** A chat's window as JSON and back. Rows rather than objects: it is written often, and read whole. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { count } from './evolve.ts'
import { filteredIn, StoredFiltered, storedFiltered } from './filtered.ts'
import { type ChatState, initialChat, type RecentMessage } from './state.ts'
import { canonicalEmoji } from './text.ts'

/** The version of the shape below: a snapshot of another version is not read, and the chat is folded again. */
export const CHAT_SNAPSHOT = 1

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const Posted = t.type({
  revision: t.number,
  author: t.string,
  subspace: t.string,
  messageType: t.string,
  parentMessageId: nullable(t.string),
  threadRootId: nullable(t.string),
  words: t.string,
})
const Whole = t.type({
  version: t.literal(CHAT_SNAPSHOT),
  length: t.number,
  /** Id, revision, posting, deleted, edited. */
  messages: t.array(t.tuple([t.string, t.number, nullable(Posted), t.boolean, nullable(t.string)])),
  /** Key, revision, on. */
  reactions: t.array(t.tuple([t.string, t.number, t.boolean])),
  /** Subject, ms since the epoch. */
  lastPosts: t.array(t.tuple([t.string, t.number])),
})
const ChatSnapshot = t.intersection([
  Whole,
  // Left out if there is nothing, and missing if written before there were filters.
  t.partial({
    /** Author; time and revision of each post. */
    posts: t.array(t.tuple([t.string, t.array(t.tuple([t.number, t.number]))])),
    filtered: StoredFiltered,
  }),
])
export type ChatSnapshot = t.TypeOf<typeof ChatSnapshot>

const storedPosts = ({ posts }: ChatState): ChatSnapshot['posts'] =>
  [...posts].map(([author, { times }]) => [author, times.map(({ at, revision }) => [at, revision])])
const postsIn = (stored: ChatSnapshot['posts']): ChatState['posts'] =>
  new Map(
    (stored ?? []).map(([author, times]) => [
      author,
      { revision: times.at(-1)?.[1] ?? 0, times: times.map(([at, revision]) => ({ at, revision })) },
    ]),
  )

export const toSnapshot = (state: ChatState): ChatSnapshot => ({
  version: CHAT_SNAPSHOT,
  length: state.length,
  messages: [...state.messages].map(([id, { revision, posted, deleted, edited }]) => [
    id,
    revision,
    posted,
    deleted,
    edited,
  ]),
  reactions: [...state.reactions].map(([key, { revision, on }]) => [key, revision, on]),
  lastPosts: [...state.lastPosts],
  ...(state.posts.size === 0 ? {} : { posts: storedPosts(state) }),
  ...withFiltered(state),
})
const withFiltered = ({ filtered }: ChatState): Pick<ChatSnapshot, 'filtered'> => {
  const stored = storedFiltered(filtered)
  return stored === undefined ? {} : { filtered: stored }
}

/** A key written before emoji had one form may have another. */
const keptKey = (key: string): string => {
  const end = key.lastIndexOf(' ') + 1
  return key.slice(0, end) + canonicalEmoji(key.slice(end))
}

/** The state from the result of `toSnapshot`, or why it can't be read. */
export const fromSnapshot = (json: unknown): E.Either<string, ChatState> => {
  if (!ChatSnapshot.is(json)) return E.left(`Not a chat's snapshot of version ${CHAT_SNAPSHOT}.`)
  const messages = json.messages.map(([id, revision, posted, deleted, edited]): [string, RecentMessage] => [
    id,
    { revision, posted, deleted, edited },
  ])
  const reactions = new Map(json.reactions.map(([key, revision, on]) => [keptKey(key), { revision, on }]))
  const { counts, ...initial } = initialChat()
  for (const [key, { on }] of reactions) if (on) count(counts, key, 1)
  return E.right({
    ...initial,
    counts,
    length: json.length,
    messages: new Map(messages),
    reactions,
    lastPosts: new Map(json.lastPosts),
    posts: postsIn(json.posts),
    filtered: filteredIn(json.filtered),
  })
}
