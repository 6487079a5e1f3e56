/** How often the projector commits. A commit costs many times a row, and to be woken for each event costs more than the
 *  event: so the more comes, the longer it rests between two commits, and while much comes it asks for what came instead
 *  of being told. One event after a quiet moment is committed at once. */

/** Milliseconds. At least as long as the last commit took, that a slow Postgres has time for others. */
const LEAST = 10
const MOST = 250
const SLOW_COMMIT = 100
/** Milliseconds of rest for each event a second. */
const PER_RATE = 0.4
/** Events a second from which on it asks, and the rate below which it is told again once that lasted `CALM_FOR` ms. */
const BUSY = 150
const CALM = 75
const CALM_FOR = 2_000
const LEAST_ASKING = 50
/** Over how long (ms) the rate is taken, and the most that it can be: a burst is no flow. */
const SPAN = 500
const RUSH = 1_500

export type Pace = {
  /** After a commit, which took `took` ms and had `events`, at `now` ms. */
  readonly committed: (events: number, took: number, now: number) => void
  /** Milliseconds until the next one. */
  readonly rest: () => number
  /** Whether to ask for what came, rather than be told of each event. */
  readonly asks: () => boolean
}

export const createPace = (begun: number): Pace => {
  let rate = 0
  let last = begun
  let busyAt = Number.NEGATIVE_INFINITY
  let asks = false
  let commit = 0
  return {
    committed: (events, took, now) => {
      const since = Math.max(1, now - last)
      const weight = Math.exp(-since / SPAN)
      rate = rate * weight + Math.min(RUSH, (events * 1_000) / since) * (1 - weight)
      last = now
      commit = took
      if (rate >= CALM) busyAt = now
      if (rate >= BUSY) asks = true
      else if (now - busyAt > CALM_FOR) asks = false
    },
    rest: () =>
      Math.min(MOST, Math.max(asks ? LEAST_ASKING : LEAST, Math.min(commit, SLOW_COMMIT), PER_RATE * rate)),
    asks: () => asks,
  }
}
