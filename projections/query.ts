/** A query of the tables: the statement, and the type of each row of its answer. The adapter runs it and decodes. */

import * as t from 'io-ts'
import { SPACE_TYPES, type SpaceType } from '../domain/names.ts'
import type { Statement } from './projection.ts'

export type Query<T> = { readonly statement: Statement; readonly row: t.Type<T, unknown, unknown> }
export const query = <T>(statement: Statement, row: t.Type<T, T, unknown>): Query<T> => ({
  statement,
  row,
})

/** A timestamptz, which slonik reads as milliseconds since the epoch, as ISO 8601. */
export const iso = new t.Type<string, string, unknown>(
  'timestamptz',
  t.string.is,
  (input, context) =>
    typeof input === 'number' && Math.abs(input) <= 8.64e15
      ? t.success(new Date(input).toISOString())
      : t.failure(input, context),
  String,
)
/** An int8, which slonik reads as a bigint, as a decimal string. */
export const decimal = new t.Type<string, string, unknown>(
  'int8',
  t.string.is,
  (input, context) => (typeof input === 'bigint' ? t.success(String(input)) : t.failure(input, context)),
  String,
)
/** A count: small enough for a number. */
export const count = new t.Type<number, number, unknown>(
  'count',
  t.number.is,
  (input, context) =>
    typeof input === 'bigint' || typeof input === 'number'
      ? t.success(Number(input))
      : t.failure(input, context),
  Number,
)
export const bigint = new t.Type<bigint, bigint, unknown>(
  'bigint',
  (input): input is bigint => typeof input === 'bigint',
  (input, context) => (typeof input === 'bigint' ? t.success(input) : t.failure(input, context)),
  (value) => value,
)
export const nullable = <T>(codec: t.Type<T, T, unknown>): t.Type<T | null, T | null, unknown> =>
  t.union([codec, t.null]) as t.Type<T | null, T | null, unknown>
export const spaceType = t.keyof(
  Object.fromEntries(SPACE_TYPES.map((name) => [name, null])) as Record<SpaceType, null>,
)
