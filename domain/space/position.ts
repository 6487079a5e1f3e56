/** An avatar's position and rotation: numbers, and nothing that could be words, since it is on the log in plain text for good. */
import * as E from 'fp-ts/lib/Either.js'
import { isSince3 } from '../rules.ts'
import { type Invalid, invalid, parseJson } from '../text.ts'

/** How many characters of JSON a position may have as it is sent. */
const MAX_POSITION = 1_024

const PLACE = ['x', 'y', 'z'] as const
/** The rotation, as angles or as a quaternion. */
const TURN = ['x', 'y', 'z', 'w'] as const

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The named numbers that are there, in order; null if one is not a finite number. */
const numbersIn = (
  value: Readonly<Record<string, unknown>>,
  names: ReadonlyArray<string>,
): Record<string, number> | null => {
  const found: Record<string, number> = {}
  for (const name of names) {
    const number = value[name]
    if (number === undefined) continue
    if (typeof number !== 'number' || !Number.isFinite(number)) return null
    found[name] = number
  }
  return found
}

const NO_POSITION = invalid(
  'position',
  'The position is { x, y, z } in numbers, with a rotation in numbers beside them if you like.',
)

/** What nearly everybody sends: a flat object of numbers, which can be neither too long nor too deep. */
const isPlainPlace = (value: unknown): value is Readonly<Record<string, number>> => {
  if (!isObject(value)) return false
  for (const name in value)
    if ((name !== 'x' && name !== 'y' && name !== 'z') || !Number.isFinite(value[name])) return false
  return true
}

/** Drops other fields. Under older rules, a position is any JSON. */
export const parsePosition = (value: unknown, rules: number | undefined): E.Either<Invalid, unknown> => {
  if (isSince3(rules) && isPlainPlace(value)) {
    const place = numbersIn(value, PLACE)
    return E.right(place !== null && Object.keys(place).length > 0 ? place : null)
  }
  const sent = parseJson('position', value, MAX_POSITION)
  if (E.isLeft(sent) || sent.right === null || !isSince3(rules)) return sent
  if (!isObject(sent.right)) return NO_POSITION
  const place = numbersIn(sent.right, PLACE)
  const { rotation } = sent.right
  const turn = isObject(rotation) ? numbersIn(rotation, TURN) : {}
  if (place === null || turn === null) return NO_POSITION
  const isTurned = Object.keys(turn).length > 0
  if (Object.keys(place).length === 0 && !isTurned) return E.right(null)
  return E.right(isTurned ? { ...place, rotation: turn } : place)
}
