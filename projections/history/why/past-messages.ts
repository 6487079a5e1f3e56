/** What a chat says about messages up to a revision, read from there backwards. */
import type { Found, MessageFacts } from '../../../domain/chat/state.ts'
import { canonicalEmoji } from '../../../domain/chat/text.ts'
import type { Decoded } from '../../../domain/codec.ts'
import { type SpaceRef, streamName } from '../../../domain/names.ts'
import type { StreamReader } from '../../../domain/ports.ts'
import { readEvents } from '../errors.ts'
import { readable } from '../point.ts'

const PAGE = 1_000

/** Reads from that revision back to the first, until `look` has seen enough. */
export const backwards = async (
  log: StreamReader,
  space: SpaceRef,
  revision: number,
  look: (decoded: Decoded) => boolean,
): Promise<void> => {
  for (let from = revision; from >= 0; from -= PAGE) {
    const page = await readEvents(log, streamName('chat', space), {
      direction: 'backwards',
      from: BigInt(from),
      limit: PAGE,
    })
    for (const event of page) if (look(readable(event))) return
    if (page.length < PAGE) return
  }
}

/** Applies one earlier event to what is known of a message so far. */
const apply = (found: Map<string, MessageFacts | null>, { event }: Decoded): void => {
  if (!('messageId' in event.data)) return
  const { messageId } = event.data
  if (event.type === 'MessagePosted') {
    const { subspace, messageType, content, parentMessageId, threadRootId } = event.data
    const author = event.data.account ?? event.data.guest ?? ''
    found.set(messageId, {
      author,
      subspace,
      messageType,
      content,
      parentMessageId,
      threadRootId,
      edited: false,
      deleted: false,
      reactions: [],
    })
    return
  }
  const known = found.get(messageId)
  if (known === null || known === undefined) return
  if (event.type === 'MessageEdited')
    found.set(messageId, { ...known, content: event.data.content, edited: true })
  else if (event.type === 'MessageDeleted') found.set(messageId, { ...known, deleted: true })
  else if (event.type === 'ReactionAdded' || event.type === 'ReactionRemoved') {
    const { emoji, by } = event.data
    const others = known.reactions.filter(
      (one) => canonicalEmoji(one.emoji) !== canonicalEmoji(emoji) || one.subject !== by.id,
    )
    const reactions = event.type === 'ReactionAdded' ? [...others, { subject: by.id, emoji }] : others
    found.set(messageId, { ...known, reactions })
  }
}

/** The messages with these ids up to that revision; null for those that are not in this chat. */
export const findMessages = async (
  log: StreamReader,
  space: SpaceRef,
  ids: ReadonlyArray<string>,
  revision: number,
): Promise<Found> => {
  const found = new Map<string, MessageFacts | null>(ids.map((id) => [id, null]))
  const left = new Set(ids)
  const touches: Decoded[] = []
  if (left.size > 0)
    await backwards(log, space, revision, (decoded) => {
      const { event } = decoded
      if (decoded.kind !== 'chat' || !('messageId' in event.data) || !left.has(event.data.messageId))
        return false
      touches.push(decoded)
      if (event.type === 'MessagePosted') left.delete(event.data.messageId)
      return left.size === 0
    })
  for (const touch of touches.reverse()) apply(found, touch)
  return found
}
