/** Session locks taken by a query. */
import { type QuerySqlToken, sql } from 'slonik'
import type { SessionLock } from './locks.ts'

/** Waits for the lock. */
export const setLock = ([a, b]: SessionLock): QuerySqlToken =>
  sql.unsafe`SELECT pg_advisory_lock(${a}::int4, ${b}::int4)`

/** Takes the lock if it is free; the row's `got` says whether it did. */
export const tryLock = ([a, b]: SessionLock): QuerySqlToken =>
  sql.unsafe`SELECT pg_try_advisory_lock(${a}::int4, ${b}::int4) AS got`
