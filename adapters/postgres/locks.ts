/** Session locks of Postgres: whoever has one keeps it until its connection ends. */

/** Any two numbers, as long as they stay the same and no two locks have the same. */
export type SessionLock = readonly [number, number]

/** What each is for. 7462, 1 is a test's (`infra/testing/postgres.ts`). */
export const LOCKS = {
  migrating: [7462, 2],
  projecting: [7462, 3],
  rebuilding: [7462, 4],
  followingContent: [7462, 5],
  delivering: [7462, 6],
  archiving: [7462, 7],
  fillingBanLists: [7462, 8],
} as const satisfies Record<string, SessionLock>
