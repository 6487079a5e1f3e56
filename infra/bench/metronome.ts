/** Calls back on time. Node's own timers count whole milliseconds and are 1 to 2 ms late, which a message's latency of two
 *  would mostly be made of: here a thread sleeps until the moment, to about a tenth of a millisecond. */
import { Worker } from 'node:worker_threads'

const SLEEPER = `
const { parentPort, workerData } = require('node:worker_threads')
const { everyMs, ended } = workerData
let next = performance.now()
const run = () => {
  for (;;) {
    next += everyMs
    const left = next - performance.now()
    // One that was held up for long does not make up for it: the load sends whatever is due.
    if (left < -100) next = performance.now()
    if (Atomics.wait(ended, 0, 0, Math.max(0, left)) !== 'timed-out') return
    parentPort.postMessage(performance.timeOrigin + next)
  }
}
run()
`

export type Metronome = { readonly stop: () => Promise<void> }

/** `beat` is told when it was due, as `performance.now()` counts. */
export const startMetronome = (everyMs: number, beat: (dueAt: number) => void): Metronome => {
  const ended = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(SLEEPER, { eval: true, execArgv: [], workerData: { everyMs, ended } })
  const heard = (dueAt: number): void => beat(dueAt - performance.timeOrigin)
  worker.on('message', heard)
  return {
    stop: async () => {
      worker.off('message', heard)
      Atomics.store(ended, 0, 1)
      Atomics.notify(ended, 0)
      await worker.terminate()
    },
  }
}
