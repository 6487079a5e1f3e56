/** Session locks: whoever has one keeps it until its connection ends. */
import { type QuerySqlToken, sql } from 'slonik'

/** Any two numbers, as long as they stay the same. */
type Lock = readonly [number, number]
export const LEADER_LOCK: Lock = [7462, 3]
export const REBUILD_LOCK: Lock = [7462, 4]
export const ARCHIVE_LOCK: Lock = [7462, 6]

/** Waits for it. */
export const setLock = ([a, b]: Lock): QuerySqlToken =>
  sql.unsafe`SELECT pg_advisory_lock(${a}::int4, ${b}::int4)`

/** Answers `got`. */
export const tryLock = ([a, b]: Lock): QuerySqlToken =>
  sql.unsafe`SELECT pg_try_advisory_lock(${a}::int4, ${b}::int4) AS got`
