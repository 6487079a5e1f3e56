/** Events as they were once written, brought up to today's shapes. `golden/` holds one of each, of every schema. */
import * as E from 'fp-ts/lib/Either.js'
import { SCHEMA } from './metadata.ts'

/** Turns data of one schema into data of the next. It must not trust the data: what it can't read it returns unchanged. */
export type UpcastStep = (data: unknown) => unknown
/** By the schema that is left behind, then by event type. A type without a step stays as it is. */
export type Steps = Readonly<Record<number, Readonly<Record<string, UpcastStep>>>>

/** Schema 1 is the first: nothing is older yet. */
const STEPS: Steps = {}

/** `data` in the shape of schema `to`, or a sentence if its schema can't be read. */
export const upcast = (
  { type, data, schema }: { readonly type: string; readonly data: unknown; readonly schema: number },
  to: number = SCHEMA,
  steps: Steps = STEPS,
): E.Either<string, unknown> => {
  if (schema === to) return E.right(data)
  if (!Number.isInteger(schema) || schema < 1) return E.left(`There is no schema ${schema}.`)
  if (schema > to) return E.left(`Schema ${schema} is newer than this program, which reads up to ${to}.`)
  let now = data
  for (let at = schema; at < to; at += 1) now = steps[at]?.[type]?.(now) ?? now
  return E.right(now)
}
