/** Session tokens may end while their sockets are open. One timer serves all, set to the earliest end. */
import type { Clock } from '../../domain/ports.ts'

export type Expiring = {
  /** `end`: in ms since the epoch. */
  readonly watch: (end: number) => void
  readonly stop: () => void
}

/** Ends that lie closer together are handled at once (ms). */
const TOGETHER_MS = 100
/** The longest timer that Node can set. */
const LONGEST_MS = 2 ** 31 - 1

/** `close` closes what has ended by now, and returns the earliest remaining end, Infinity for none. */
export const createExpiring = (clock: Clock, close: (now: number) => number): Expiring => {
  let earliest = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  const watch = (end: number): void => {
    if (end >= earliest) return
    earliest = end
    clearTimeout(timer)
    const wait = Math.min(Math.max(end - clock.now(), TOGETHER_MS), LONGEST_MS)
    timer = setTimeout(() => {
      earliest = Number.POSITIVE_INFINITY
      watch(close(clock.now()))
    }, wait)
    timer.unref()
  }
  return { watch, stop: () => clearTimeout(timer) }
}
