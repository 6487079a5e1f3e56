/** When something about a scene was said, in one order that every node agrees on: a clock that never goes back and is
 *  never behind what it has heard of, with the node deciding between equal times. */

/** `at`: milliseconds, about. No node makes the same one twice. */
export type Stamp = { readonly at: number; readonly node: string }

export const isAfter = (a: Stamp, b: Stamp): boolean => (a.at === b.at ? a.node > b.node : a.at > b.at)

export const latest = (a: Stamp | null, b: Stamp | null): Stamp | null =>
  a === null ? b : b === null || isAfter(a, b) ? a : b

export type StampClock = {
  readonly next: () => Stamp
  /** Whatever is said from now on comes after this stamp. */
  readonly heard: (stamp: Stamp) => void
}
/** How far (ms) what is heard may be ahead of our own clock: a node that lies, or whose clock is wrong, can't push ours further. */
const MOST_AHEAD = 60_000

export const stampClock = (node: string, now: () => number): StampClock => {
  let last = 0
  return {
    next: () => {
      last = Math.max(now(), last + 1)
      return { at: last, node }
    },
    heard: ({ at }) => {
      last = Math.max(last, Math.min(at, now() + MOST_AHEAD))
    },
  }
}
