/** Cases that do not disturb each other run side by side, a limited number at a time; cases that kill their node do
 *  so together, once all of them have come that far. */
import type { TestEventStore } from '../testing/server.ts'

/** All of them, in any order; rejects with the first failure. */
export const inPool = async <A>(
  all: ReadonlyArray<A>,
  width: number,
  work: (one: A) => Promise<void>,
): Promise<void> => {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < all.length; i = next++) await work(all[i]!)
  }
  await Promise.all(Array.from({ length: Math.min(width, all.length) }, lane))
}

/** A barrier that opens once each of `size` has arrived or left. */
const createGate = (size: number, act: () => Promise<void>) => {
  let [here, gone] = [0, 0]
  let passing: Promise<void> | undefined
  let open = (): void => {}
  let refuse = (_: unknown): void => {}
  const passed = new Promise<void>((resolve, reject) => {
    open = resolve
    refuse = reject
  })
  passed.catch(() => {})
  const look = (): void => {
    if (here === 0 || here + gone < size || passing !== undefined) return
    passing = act().then(open, refuse)
  }
  return {
    arrive: (): Promise<void> => {
      here += 1
      look()
      return passed
    },
    leave: (): void => {
      gone += 1
      look()
    },
  }
}

/** The node as each of these cases sees it: it is killed once for all of them, and restarted once. */
export const sharedEnd = (store: TestEventStore, cases: number) => {
  const gates = [createGate(cases, store.kill), createGate(cases, store.restart)] as const
  return (): { readonly store: TestEventStore; readonly leave: () => void } => {
    const isThrough = [false, false]
    const pass = (gate: 0 | 1) => (): Promise<void> => {
      isThrough[gate] = true
      return gates[gate].arrive()
    }
    return {
      store: { ...store, kill: pass(0), restart: pass(1) },
      leave: () => {
        for (const [i, gate] of gates.entries()) if (!isThrough[i]) gate.leave()
      },
    }
  }
}
