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
    parentPort.postMessage(0)
  }
}
run()
`

export type Metronome = { readonly stop: () => Promise<void> }

export const startMetronome = (everyMs: number, beat: () => void): Metronome => {
  const ended = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(SLEEPER, { eval: true, execArgv: [], workerData: { everyMs, ended } })
  worker.on('message', beat)
  return {
    stop: async () => {
      worker.off('message', beat)
      Atomics.store(ended, 0, 1)
      Atomics.notify(ended, 0)
      await worker.terminate()
    },
  }
}
