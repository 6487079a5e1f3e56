/** The words, kinds and emoji that a message may have. */
import * as E from 'fp-ts/lib/Either.js'
import { isSince2 } from '../rules.ts'
import { type Invalid, invalid, isLongerThan, isText } from '../text.ts'

/** In code points. */
const MAX_CONTENT = 2_000
const MAX_EMOJI = 32
/** The most reactions of one subject on one message: every reader of the message reads them all. */
export const MAX_REACTIONS = 20
/** The most reactions of everybody on one message, so that a further one never costs more. */
export const MAX_REACTIONS_OF_ALL = 1_000
const MESSAGE_TYPE = /^[a-z_-]{1,32}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Whether there is something to see besides joiners, marks and fillers. The last two characters are drawn blank:
 *  braille without dots, a note without a head. */
const VISIBLE = /[^\p{Cc}\p{Cf}\p{M}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]/u
const UNSEEN = /[\p{Cc}\p{Z}]/u
const isUnseen = (words: string): boolean => !VISIBLE.test(words)
const VISIBLE_ONCE = /[^\p{Cc}\p{Cf}\p{M}\p{Z}]/u
const isBlank = (emoji: string, rules?: number): boolean =>
  isSince2(rules) ? isUnseen(emoji) : !VISIBLE_ONCE.test(emoji)

export const parseContent = (content: unknown, rules?: number): E.Either<Invalid, string> => {
  if (!isText(content)) return invalid('content', 'The message is not text.')
  if (isSince2(rules) ? isUnseen(content) : !/\S/.test(content))
    return invalid('content', 'The message is empty.')
  return isLongerThan(content, MAX_CONTENT)
    ? invalid('content', `The message is longer than ${MAX_CONTENT} characters.`)
    : E.right(content)
}

const VARIANTS = /[\ufe0e\ufe0f]/g
/** Signs that are an emoji only with a U+FE0F; one with a skin tone is one anyway. */
const TEXT_FIRST =
  /(?![\d#*])[\p{Emoji}&&[^\p{Emoji_Presentation}\p{Emoji_Modifier}\p{Emoji_Component}]](?!\p{Emoji_Modifier})/gv
const KEYCAP = /[\d#*](?=\u20e3)/g

/** One emoji in the form in which it is kept, however a keyboard wrote it: with U+FE0F wherever Unicode has one. */
export const canonicalEmoji = (emoji: string): string =>
  emoji.normalize('NFC').replace(VARIANTS, '').replace(TEXT_FIRST, '$&\ufe0f').replace(KEYCAP, '$&\ufe0f')

/** One emoji, or any other single character as readers see it, in the form in which it is kept. */
export const parseEmoji = (emoji: unknown, rules?: number): E.Either<Invalid, string> => {
  const isShort = isText(emoji) && emoji.length > 0 && emoji.length <= MAX_EMOJI
  if (!isShort || UNSEEN.test(emoji) || isBlank(emoji, rules))
    return invalid('emoji', `A reaction is one emoji of at most ${MAX_EMOJI} units.`)
  const [, second] = graphemes.segment(emoji)
  if (second !== undefined) return invalid('emoji', 'A reaction is one emoji.')
  return E.right(isSince2(rules) ? canonicalEmoji(emoji) : emoji)
}

/** Clients show such a message as the service's own, so no person may post one, whatever their role. */
const OF_THE_SYSTEM = /^system(?![a-z])/

/** Clients may invent types of messages, except `system` and those that begin with `system-` or `system_`. */
export const parseMessageType = (messageType: unknown): E.Either<Invalid, string> => {
  if (typeof messageType !== 'string' || !MESSAGE_TYPE.test(messageType))
    return invalid('message_type', 'A message type is 1 to 32 lower-case letters, hyphens and underscores.')
  return OF_THE_SYSTEM.test(messageType)
    ? invalid('message_type', 'That message type is the service’s own: nobody posts one.')
    : E.right(messageType)
}

/** A message id in the form in which it is kept: a UUID in lower case. */
export const canonicalId = (id: string): string => id.toLowerCase()
export const isMessageId = (id: string): boolean => UUID.test(id)

export const parseMessageId = (field: string, id: string): E.Either<Invalid, string> =>
  isMessageId(id) ? E.right(id) : invalid(field, 'A message id is a UUID.')
