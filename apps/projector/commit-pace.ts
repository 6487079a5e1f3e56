/** How long the projector rests between two commits. A commit costs many times as much as a row, so the more events
 *  come, the longer it rests, and then takes what came meanwhile; one event after a quiet moment is committed at once.
 *  Polling for pages instead of subscribing was tried: it saves this process a fifth, and costs the event store more. */

/** Milliseconds. The rest is also at least as long as the last commit took, so that a slow Postgres has time for others. */
const LEAST = 10
const MOST = 250
const SLOW_COMMIT = 100
/** Milliseconds of rest for each event a second. */
const PER_RATE = 0.4
/** Over how long (ms) the rate is measured, and its maximum: a burst is not a steady flow. */
const SPAN = 500
const RUSH = 1_500

export type CommitPace = {
  /** To be called after a commit that took `took` ms and had `events`, at `now` ms. */
  readonly committed: (events: number, took: number, now: number) => void
  /** Milliseconds until the next one. */
  readonly rest: () => number
}

export const createPace = (begun: number): CommitPace => {
  let rate = 0
  let last = begun
  let commit = 0
  return {
    committed: (events, took, now) => {
      const since = Math.max(1, now - last)
      const weight = Math.exp(-since / SPAN)
      rate = rate * weight + Math.min(RUSH, (events * 1_000) / since) * (1 - weight)
      last = now
      commit = took
    },
    rest: () => Math.min(MOST, Math.max(LEAST, Math.min(commit, SLOW_COMMIT), PER_RATE * rate)),
  }
}
