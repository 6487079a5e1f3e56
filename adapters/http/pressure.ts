/** A single stall is no overload: a machine woke up, or a module was loaded. Callers are turned away only if stalls go on. */

/** Called for each request that finds the last second's mean stall too long. */
export type Pressure = { readonly isLasting: () => boolean }

/** `stallMs`: how long a stall is too long; `now`: milliseconds. Lasting is what was there longer than one such stall
 *  ago, with no calm of four of them since. */
export const createPressure = (stallMs: number, now: () => number): Pressure => {
  let first = Number.NEGATIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  return {
    isLasting: () => {
      const at = now()
      if (at - last > 4 * stallMs) first = at
      last = at
      return at - first > stallMs
    },
  }
}
