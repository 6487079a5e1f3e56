/** The last messages of a chat, with the places of their words on the log: the words themselves are read when asked for. */
import * as t from 'io-ts'
import {
  evolveFiltered,
  type Filtered,
  filteredIn,
  forkFiltered,
  nothingFiltered,
  StoredFiltered,
  storedFiltered,
} from '../../domain/chat/filtered.ts'
import { canonicalEmoji } from '../../domain/chat/text.ts'
import type { Actor } from '../../domain/identity.ts'
import { Actor as ActorCodec } from '../../domain/identity.ts'
import type { Folding } from './folding.ts'
import { Ref } from './refs.ts'

/** How many messages before any moment are known. */
export const TALK = 100

/** `words` is the event that the words are in: the last edit, else the posting. */
export type SaidMessage = {
  readonly posted: Ref
  readonly edited: Ref | null
  readonly deleted: { readonly ref: Ref; readonly by: Actor; readonly at: string } | null
  readonly reactions: ReadonlyArray<{ readonly emoji: string; readonly by: string }>
}
export type Talk = {
  /** By message id, the oldest first. */
  readonly messages: Map<string, SaidMessage>
  /** The messages that filters had caught and nobody had settled. */
  readonly filtered: Filtered
}

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const SaidMessages = t.type({
  messages: t.array(
    t.tuple([
      t.string,
      t.type({
        posted: Ref,
        edited: nullable(Ref),
        deleted: nullable(t.type({ ref: Ref, by: ActorCodec, at: t.string })),
        reactions: t.array(t.type({ emoji: t.string, by: t.string })),
      }),
    ]),
  ),
})
/** `filtered` is left out if filters caught nothing. */
const StoredTalk = t.intersection([SaidMessages, t.partial({ filtered: StoredFiltered })])

const withReaction = (said: SaidMessage, emoji: string, by: string, on: boolean): SaidMessage => {
  const others = said.reactions.filter(
    (one) => canonicalEmoji(one.emoji) !== canonicalEmoji(emoji) || one.by !== by,
  )
  return { ...said, reactions: on ? [...others, { emoji, by }] : others }
}

export const talk: Folding<Talk> = {
  kind: 'chat',
  initial: () => ({ messages: new Map(), filtered: nothingFiltered() }),
  fork: ({ messages, filtered }) => ({ messages: new Map(messages), filtered: forkFiltered(filtered) }),
  apply: (state, decoded, ref) => {
    if (decoded.kind !== 'chat') return state
    const { messages } = state
    const { type, data } = decoded.event
    evolveFiltered(state.filtered, decoded.event, Number(decoded.revision))
    if (type === 'MessagePosted') {
      messages.delete(data.messageId)
      messages.set(data.messageId, { posted: ref, edited: null, deleted: null, reactions: [] })
      if (messages.size > TALK)
        for (const oldest of messages.keys()) {
          messages.delete(oldest)
          break
        }
      return state
    }
    // Messages further back are not shown.
    const said = messages.get(data.messageId)
    if (said === undefined) return state
    switch (type) {
      case 'MessageEdited':
        messages.set(data.messageId, { ...said, edited: ref })
        return state
      case 'MessageDeleted':
        messages.set(data.messageId, { ...said, deleted: { ref, by: data.by, at: data.at } })
        return state
      case 'ReactionAdded':
      case 'ReactionRemoved':
        messages.set(data.messageId, withReaction(said, data.emoji, data.by.id, type === 'ReactionAdded'))
        return state
      case 'MessageHeld':
      case 'FilterActed':
      case 'MessageApproved':
      case 'MessageDropped':
        return state
      default: {
        const never: never = type
        return never
      }
    }
  },
  entries: ({ messages, filtered }) => {
    let reactions = filtered.caught.size + filtered.quiet.size
    for (const said of messages.values()) reactions += said.reactions.length
    return messages.size + reactions
  },
  toJson: ({ messages, filtered }) => {
    const caught = storedFiltered(filtered)
    return { messages: [...messages], ...(caught === undefined ? {} : { filtered: caught }) }
  },
  fromJson: (json) =>
    StoredTalk.is(json) ? { messages: new Map(json.messages), filtered: filteredIn(json.filtered) } : null,
}
