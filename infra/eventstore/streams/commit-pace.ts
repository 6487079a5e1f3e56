/** When the next commit begins: at once, or a little later so that it includes more appends. */
import type { AppendQueue } from './append-queue.ts'

/** While appends come at more than `FLOW` a second and from several clients, commits begin at least so far apart, and
 *  further where few appends have come: a commit with its fsync costs as much as several appends do. Below that there is
 *  processor to spare (some 35 µs more for each append at 1,000 a second), and nobody is kept waiting the 2 to 4 ms that
 *  this takes; nor is ever a single client that waits for each answer. */
const PACE_MS = 2
const LONGEST_PACE_MS = 4
const ENOUGH = 4
/** This many appends are worth a commit at once. */
const PLENTY = 16
const FLOW = 1_500
/** The rate is counted over this long. */
const RATE_MS = 100
/** How many commits of a single append, with none under way, say that there are no longer several. */
const CROWDED_FOR = 8
/** This many bytes are worth a commit at once. */
const EAGER_BYTES = 256 * 1024

/** How fast appends come, and whether from several clients. */
const createFlow = (queue: AppendQueue) => {
  let lastCommit = Number.NEGATIVE_INFINITY
  /** Above 0: several clients append at once. */
  let crowded = 0
  let countedSince = performance.now()
  let counted = 0
  let perSecond = 0

  return {
    /** Call this when a commit of what is queued begins. */
    commitBegins: (isSyncing: boolean): void => {
      lastCommit = performance.now()
      counted += queue.length()
      if (lastCommit - countedSince >= RATE_MS) {
        perSecond = (1_000 * counted) / (lastCommit - countedSince)
        countedSince = lastCommit
        counted = 0
      }
      if (queue.length() > 1 || isSyncing) crowded = CROWDED_FOR
      else if (crowded > 0) crowded--
    },

    /** How long the next commit waits for more appends, in milliseconds. */
    rest: (): number => {
      if (crowded === 0 || perSecond < FLOW) return 0
      if (queue.length() >= PLENTY || queue.bytes() >= EAGER_BYTES) return 0
      const pace = queue.length() >= ENOUGH ? PACE_MS : LONGEST_PACE_MS
      return lastCommit + pace - performance.now()
    },
  }
}

/** Calls `commit` when the next one is to begin, after `schedule` asked for one. */
export const createCommitPace = (queue: AppendQueue, commit: () => void) => {
  const flow = createFlow(queue)
  let scheduled = false
  /** Where the next commit waits for more. */
  let timer: NodeJS.Timeout | undefined

  const run = (): void => {
    scheduled = false
    timer = undefined
    commit()
  }

  const runRested = (): void => {
    const left = flow.rest()
    // A timer counts in whole milliseconds.
    if (left < 0.5) run()
    else timer = setTimeout(runRested, left)
  }

  return {
    commitBegins: flow.commitBegins,
    schedule: (): void => {
      if (scheduled && timer === undefined) return
      const hasRested = flow.rest() < 0.5
      if (scheduled && !hasRested) return
      scheduled = true
      clearTimeout(timer)
      timer = hasRested ? undefined : setTimeout(runRested, PACE_MS)
      if (hasRested) setImmediate(run)
    },
  }
}
