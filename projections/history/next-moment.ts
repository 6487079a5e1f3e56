/** Carries a moment on by the next event, as a replay does; the result is the same as asking for that moment. */
import { canonicalEmoji } from '../../domain/chat/text.ts'
import type { Decoded } from '../../domain/codec.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import type { MomentMessage } from './moment-messages.ts'
import type { Moment } from './moments.ts'
import { refOf, timeOf } from './point.ts'
import { TALK } from './recent-messages.ts'
import { standing } from './space-standing.ts'

const erasedIn = (data: object): string | null =>
  'erased' in data && typeof data.erased === 'string' ? data.erased : null

const say = (messages: ReadonlyArray<MomentMessage>, decoded: Decoded): ReadonlyArray<MomentMessage> => {
  if (decoded.kind !== 'chat') return messages
  const { type, data } = decoded.event
  const ref = refOf(decoded)
  if (type === 'MessagePosted') {
    const { account, guest, displayName, subspace, messageType, content, parentMessageId, threadRootId } =
      data
    const posted: MomentMessage = {
      messageId: data.messageId,
      account,
      guest,
      displayName,
      subspace,
      messageType,
      content,
      parentMessageId,
      threadRootId,
      createdAt: data.at,
      editedAt: null,
      deleted: null,
      erased: erasedIn(data),
      reactions: [],
      posted: ref,
      edited: null,
    }
    return [...messages.filter(({ messageId }) => messageId !== data.messageId), posted].slice(-TALK)
  }
  return messages.map((message): MomentMessage => {
    if (message.messageId !== data.messageId) return message
    switch (type) {
      case 'MessageEdited': {
        const content = message.deleted === null ? data.content : ''
        return { ...message, content, editedAt: data.at, erased: erasedIn(data), edited: ref }
      }
      case 'MessageDeleted':
        return { ...message, content: '', deleted: { by: data.by, at: data.at } }
      case 'ReactionAdded':
      case 'ReactionRemoved': {
        const { emoji } = data
        const by = data.by.id
        const others = message.reactions.filter(
          (one) => canonicalEmoji(one.emoji) !== canonicalEmoji(emoji) || one.by !== by,
        )
        return { ...message, reactions: type === 'ReactionAdded' ? [...others, { emoji, by }] : others }
      }
      case 'MessageHeld':
      case 'FilterActed':
      case 'MessageApproved':
      case 'MessageDropped':
        return message
      default: {
        const never: never = type
        return never
      }
    }
  })
}

/** Consumes the moment's standing; use only what it returns. Refusals and cases change nothing. */
export const carryOn = (moment: Moment, decoded: Decoded): Moment => {
  if (decoded.kind === 'refusal' || decoded.kind === 'cases') return moment
  const { position, metadata } = decoded
  const time = metadata.at
  if (decoded.kind === 'space')
    return {
      ...moment,
      time,
      position,
      revision: Number(decoded.revision),
      standing: standing.apply(moment.standing, decoded, refOf(decoded)),
    }
  return {
    ...moment,
    time,
    position,
    chatRevision: Number(decoded.revision),
    messages: say(moment.messages, decoded),
  }
}

/** The same for an event that can't be read: its change is missing from there on. */
export const passOver = (moment: Moment, kind: Decoded['kind'], recorded: RecordedEvent): Moment => {
  if (kind === 'refusal' || kind === 'cases') return moment
  return {
    ...moment,
    time: timeOf(recorded),
    position: recorded.position,
    ...(kind === 'space'
      ? { revision: Number(recorded.revision) }
      : { chatRevision: Number(recorded.revision) }),
    unread: moment.unread + 1,
  }
}
