/** Lets small packets that come one by one be read several at a time. Where thousands a second come, each wakes the process anew,
 *  and that costs as much as reading it: after such a packet the process rests a moment, and then finds several. Network
 *  cards do the same with their interrupts. */

/** How long (ms) a rest is, and so how much later something may be read. */
const REST_MS = 1
/** With fewer packets a second than this it does not rest. */
const MANY = 1_000
const COUNTED_MS = 100
/** So many in one round of the event loop have come together already. */
const TOGETHER = 8
/** For this long (ms) after anybody asked for something it does not rest, since they wait for the answer. */
const AWAKE_MS = 50

const CELL = new Int32Array(new SharedArrayBuffer(4))
/** The thread does nothing meanwhile. */
const rest = (ms: number): void => {
  Atomics.wait(CELL, 0, 0, ms)
}

export type MoveGathering = {
  /** To be called for each small packet that nobody waits for an answer to. */
  readonly came: () => void
  /** To be called for everything else that clients send. */
  readonly asked: () => void
}

/** `now`: ms of a clock that never goes back. `pause`: does nothing for so many ms. */
export const createGathering = (now = () => performance.now(), pause = rest): MoveGathering => {
  let [inRound, counted, isMany] = [0, 0, false]
  let [countedFrom, awakeUntil] = [now(), Number.NEGATIVE_INFINITY]

  /** Runs when everything that came in this round has been handled. */
  const end = (): void => {
    const [came, at] = [inRound, now()]
    inRound = 0
    counted += came
    const passed = at - countedFrom
    if (passed >= COUNTED_MS) {
      isMany = counted * 1_000 >= MANY * passed
      counted = 0
      countedFrom = at
    }
    if (isMany && came < TOGETHER && at >= awakeUntil) pause(REST_MS)
  }

  return {
    came: () => {
      if (inRound === 0) setImmediate(end)
      inRound += 1
    },
    asked: () => {
      awakeUntil = now() + AWAKE_MS
    },
  }
}
