/**
 * How far this process has followed the log, by its own clock. An event of ours comes after everything that was on the
 * log when it was sent; once it arrives among the followed events, all of that has arrived.
 */
export type FollowedPosition = {
  /** One of ours was appended at `position`, sent at `at` (by any clock that only goes forwards). */
  readonly appended: (at: number, position: bigint) => void
  /** An event arrived, in the log's order and with none left out. */
  readonly passed: (position: bigint) => void
  /** The moment up to which everything has arrived of a stream that was read at `readAt`. */
  readonly to: (readAt: number) => number
}

/** `now`: by the clock that `at` is by. */
export const createFollowed = (now: () => number): FollowedPosition => {
  let to = Number.NEGATIVE_INFINITY
  /** The followed events begin somewhere before this moment: what was read earlier may lack some that are not among them. */
  let begunBy = Number.POSITIVE_INFINITY
  /** One at a time is enough: while events flow, the next comes soon. */
  let awaited: { readonly at: number; readonly position: bigint } | null = null
  return {
    appended: (at, position) => {
      awaited ??= { at, position }
    },
    passed: (position) => {
      if (begunBy === Number.POSITIVE_INFINITY) begunBy = now()
      if (awaited === null || position < awaited.position) return
      to = Math.max(to, awaited.at)
      awaited = null
    },
    to: (readAt) => (readAt >= begunBy ? to : Number.NEGATIVE_INFINITY),
  }
}
