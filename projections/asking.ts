/** Types of requests to the tables and of their results. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

/** Postgres can't be reached, or can't answer in time. Anything else that goes wrong is a defect and throws. */
export type PostgresUnavailable = { readonly _tag: 'PostgresUnavailable'; readonly cause: string }
export type ReadResult<T> = TaskEither<PostgresUnavailable, T>

/** ISO 8601 in UTC, to the millisecond. */
export type Iso = string
/** A position or revision as a decimal string. */
export type Decimal = string

/** `limit` is 1 to 100; `cursor` is a `next_cursor` of the same list (see `cursors.ts` to check one), or null. */
export type PageRequest = { readonly limit: number; readonly cursor: string | null }
export type Page<T> = { readonly items: ReadonlyArray<T>; readonly next_cursor: string | null }
