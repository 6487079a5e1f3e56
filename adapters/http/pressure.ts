/** Detects overload. A single stall is none: a machine woke up, or a module was loaded. Callers are turned away only if stalls go on. */

/** `isLasting` is called for each request at which the last second's mean stall was too long. */
export type Pressure = { readonly isLasting: () => boolean }

/** `stallMs`: from how long a stall is too long; `now`: milliseconds. Stalls are lasting if they began more than one
 *  such stall ago, without a calm as long as four of them since. */
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
