/** The words that reports, notes, rules and appeals may have. */
import * as E from 'fp-ts/lib/Either.js'
import { type Invalid, invalid, isLongerThan, isText, MAX_REASON } from '../text.ts'

/** In code points. */
const MAX_WORDS = 1_000
const MAX_RULE = 100

const parse = (field: string, words: unknown, most: number): E.Either<Invalid, string> => {
  if (!isText(words)) return invalid(field, `The ${field} is not text.`)
  return isLongerThan(words, most)
    ? invalid(field, `The ${field} is longer than ${most} characters.`)
    : E.right(words.trim())
}

/** Words that may be empty. */
export const parseWords = (words: unknown): E.Either<Invalid, string> => parse('text', words, MAX_WORDS)

const some =
  (field: string, most: number) =>
  (words: unknown): E.Either<Invalid, string> => {
    const parsed = parse(field, words ?? '', most)
    if (E.isLeft(parsed) || parsed.right !== '') return parsed
    return invalid(field, `The ${field} is missing.`)
  }
export const parseSomeWords = some('text', MAX_WORDS)
export const parseRule = some('rule', MAX_RULE)
export const parseGrounds = some('reason', MAX_REASON)
