/** For tests: waits for a condition, not for a time. */
import { setTimeout as delay } from 'node:timers/promises'

/** Throws, naming `what`, where it does not hold within `timeoutMs`: a guard against what never comes, so longer than
 *  any stall of a busy machine. */
export const until = async (
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> => {
  for (const end = Date.now() + timeoutMs; !(await holds()); await delay(5))
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}.`)
}
