/**
 * How far this process has followed the log, in its own time. An event of ours stands after everything that was on the
 * log when it was sent; once it comes by among the events that are followed, all of that has come by.
 */
export type FollowedPosition = {
  /** Ours was appended: sent at `at` (by any clock that only goes forwards), it stands at `position`. */
  readonly appended: (at: number, position: bigint) => void
  /** An event came by, in the log's order and with none left out. */
  readonly passed: (position: bigint) => void
  /** The moment up to which everything has come by. */
  readonly to: () => number
}

export const createFollowed = (): FollowedPosition => {
  let to = Number.NEGATIVE_INFINITY
  /** One at a time is enough: while events flow, the next is never far. */
  let awaited: { readonly at: number; readonly position: bigint } | null = null
  return {
    appended: (at, position) => {
      awaited ??= { at, position }
    },
    passed: (position) => {
      if (awaited === null || position < awaited.position) return
      to = Math.max(to, awaited.at)
      awaited = null
    },
    to: () => to,
  }
}
