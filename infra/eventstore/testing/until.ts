/** For tests: waits for a condition, not for a time. */
import { setTimeout as delay } from 'node:timers/promises'

/** The pauses between two looks (ms): a share of what was waited already, so that little is lost, and what is waited for is not
 *  kept from the processor by looking. */
const SHORTEST_MS = 5
const LONGEST_MS = 50
const SHARE = 0.1

/** Throws, naming `what`, where it does not hold within `timeoutMs`: a guard against what never comes, so longer than
 *  any stall of a busy machine. */
export const until = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> => {
  for (const begun = performance.now(); !(await holds()); ) {
    const waited = performance.now() - begun
    if (waited > timeoutMs) throw new Error(`Waited in vain until ${what}.`)
    await delay(Math.min(Math.max(waited * SHARE, SHORTEST_MS), LONGEST_MS))
  }
}
