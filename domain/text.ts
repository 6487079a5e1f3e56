/** What text, JSON and times from outside may contain. Postgres takes no NUL and no lone surrogate. */
import * as E from 'fp-ts/lib/Either.js'
import { readTime } from './time.ts'

/** `field` names what is wrong as the wire calls it; `detail` is a sentence. */
export type Invalid = { readonly _tag: 'Invalid'; readonly field: string; readonly detail: string }
export const invalid = (field: string, detail: string): E.Either<Invalid, never> =>
  E.left({ _tag: 'Invalid', field, detail })

export const MAX_REASON = 500
const MAX_DEPTH = 32
const LAST = Date.parse('9999-12-31T23:59:59.999Z')
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

/** Well-formed UTF-16 with no NUL. */
export const isText = (s: unknown): s is string =>
  typeof s === 'string' && s.isWellFormed() && !s.includes('\0')

/** Whether `s` has more than `max` code points. */
export const isLongerThan = (s: string, max: number): boolean => {
  if (s.length <= max) return false
  if (s.length > 2 * max) return true
  let points = 0
  for (const _ of s) points += 1
  return points > max
}

/** A moderator's words: null where there are none, 500 characters at most. */
export const parseReason = (reason: unknown): E.Either<Invalid, string | null> => {
  if (reason === null || reason === undefined || reason === '') return E.right(null)
  if (!isText(reason)) return invalid('reason', 'The reason is not text.')
  return isLongerThan(reason, MAX_REASON)
    ? invalid('reason', `The reason is longer than ${MAX_REASON} characters.`)
    : E.right(reason)
}

/** The end of a ban or a mute: null for one that never ends, else ISO 8601 with a zone and after `at`. Returns it in UTC. */
export const parseUntil = (until: unknown, at: string): E.Either<Invalid, string | null> => {
  if (until === null || until === undefined) return E.right(null)
  const ms = typeof until === 'string' && ISO.test(until) ? readTime(until)?.getTime() : undefined
  if (ms === undefined) return invalid('until', 'The end is not an ISO 8601 time with a zone.')
  if (ms > LAST) return invalid('until', 'The end is past the year 9999.')
  return ms > Date.parse(at)
    ? E.right(new Date(ms).toISOString())
    : invalid('until', 'The end is not in the future.')
}

/** Whether `end` (ISO 8601; null is never) has come by `at`. */
export const isOver = (end: string | null, at: string): boolean =>
  end !== null && Date.parse(end) <= Date.parse(at)

/** Whether a value is JSON that the log and the tables hold without loss: finite numbers, clean text, 32 deep. */
export const isCleanJson = (value: unknown, depth = 0): boolean => {
  switch (typeof value) {
    case 'string':
      return isText(value)
    case 'number':
      return Number.isFinite(value)
    case 'boolean':
      return true
    case 'object': {
      if (value === null) return true
      if (depth >= MAX_DEPTH) return false
      if (Array.isArray(value)) return value.every((item) => isCleanJson(item, depth + 1))
      for (const key of Object.keys(value)) {
        if (key === '__proto__' || !isText(key)) return false
        if (!isCleanJson((value as Record<string, unknown>)[key], depth + 1)) return false
      }
      return true
    }
    default:
      return false
  }
}

/** A client's free JSON (null where there is none) of at most `maxBytes` once written down, in UTF-16 units. */
export const parseJson = (field: string, value: unknown, maxLength: number): E.Either<Invalid, unknown> => {
  if (value === undefined || value === null) return E.right(null)
  if (!isCleanJson(value)) return invalid(field, `The ${field} is not plain JSON.`)
  return JSON.stringify(value).length > maxLength
    ? invalid(field, `The ${field} is longer than ${maxLength} characters of JSON.`)
    : E.right(value)
}
