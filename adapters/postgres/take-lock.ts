/** Session locks taken by a query. */
import { setTimeout as delay } from 'node:timers/promises'
import { type QuerySqlToken, sql } from 'slonik'
import type { SessionLock } from './locks.ts'
import type { DatabaseSession } from './session.ts'

/** Longer than Postgres needs to notice that a killed client is gone. */
const TAKE_MS = 5_000
const PAUSE_MS = 100

/** Waits for the lock. */
export const setLock = ([a, b]: SessionLock): QuerySqlToken =>
  sql.unsafe`SELECT pg_advisory_lock(${a}::int4, ${b}::int4)`

/** Takes the lock if it is free; the row's `got` says whether it did. */
export const tryLock = ([a, b]: SessionLock): QuerySqlToken =>
  sql.unsafe`SELECT pg_try_advisory_lock(${a}::int4, ${b}::int4) AS got`

/** Takes the lock within `withinMs`, and says whether it did. A holder that was killed keeps its lock until Postgres notices. */
export const takeLock = async (
  session: DatabaseSession,
  lock: SessionLock,
  withinMs = TAKE_MS,
): Promise<boolean> => {
  for (const until = performance.now() + withinMs; ; await delay(PAUSE_MS)) {
    const [row] = await session.run(tryLock(lock))
    if (row?.got === true) return true
    if (performance.now() >= until) return false
  }
}
