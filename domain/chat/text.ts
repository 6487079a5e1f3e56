/** The words, kinds and emoji that a message may have. */
import * as E from 'fp-ts/lib/Either.js'
import { type Invalid, invalid, isLongerThan, isText } from '../text.ts'

/** In code points. */
export const MAX_CONTENT = 2_000
const MAX_EMOJI = 32
/** Of one subject on one message: whoever reads the message reads them all. */
export const MAX_REACTIONS = 20
const MESSAGE_TYPE = /^[a-z_-]{1,32}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

export const parseContent = (content: unknown): E.Either<Invalid, string> => {
  if (!isText(content)) return invalid('content', 'The message is not text.')
  if (!/\S/.test(content)) return invalid('content', 'The message is empty.')
  return isLongerThan(content, MAX_CONTENT)
    ? invalid('content', `The message is longer than ${MAX_CONTENT} characters.`)
    : E.right(content)
}

/** Something to see: not only joiners, marks and the like. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{M}\p{Z}]/u
const UNSEEN = /[\p{Cc}\p{Z}]/u

/** One emoji, or any other single character as a reader sees it. */
export const parseEmoji = (emoji: unknown): E.Either<Invalid, string> => {
  const isShort = isText(emoji) && emoji.length > 0 && emoji.length <= MAX_EMOJI
  if (!isShort || UNSEEN.test(emoji) || !VISIBLE.test(emoji))
    return invalid('emoji', `A reaction is one emoji of at most ${MAX_EMOJI} units.`)
  const [, second] = graphemes.segment(emoji)
  return second === undefined ? E.right(emoji) : invalid('emoji', 'A reaction is one emoji.')
}

/** Clients show such a message as the service's own word: nobody who speaks may have it, whatever their role. */
const OF_THE_SYSTEM = /^system(?![a-z])/

/** A kind of message is free for clients to make up, but for `system` and what begins with `system-` or `system_`. */
export const parseMessageType = (messageType: unknown): E.Either<Invalid, string> => {
  if (typeof messageType !== 'string' || !MESSAGE_TYPE.test(messageType))
    return invalid('message_type', 'A message type is 1 to 32 lower-case letters, hyphens and underscores.')
  return OF_THE_SYSTEM.test(messageType)
    ? invalid('message_type', 'That message type is the service’s own: nobody posts one.')
    : E.right(messageType)
}

/** A message id as it is kept: a UUID in lower case. */
export const canonicalId = (id: string): string => id.toLowerCase()
export const isMessageId = (id: string): boolean => UUID.test(id)

export const parseMessageId = (field: string, id: string): E.Either<Invalid, string> =>
  isMessageId(id) ? E.right(id) : invalid(field, 'A message id is a UUID.')
