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
const startMetronome = (everyMs: number, beat: (dueAt: number) => void): Metronome => {
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

/** What is due with a beat: those from `from` up to `to` (exclusive). */
export type Due = { readonly from: number; readonly to: number; readonly dueAt: (index: number) => number }

/** Calls `send` with what has become due, until `total` have, `rate` a second; the first with the first beat. Starting the metronome's
 *  thread takes some 30 ms, in which whatever counted from before them would pile up. `everyMs`: how far apart beats are. Default: an interval. */
export const sendPaced = (
  {
    rate,
    total,
    everyMs = 1_000 / rate,
  }: { readonly rate: number; readonly total: number; readonly everyMs?: number },
  send: (due: Due) => void,
  start: (everyMs: number, beat: (dueAt: number) => void) => Metronome = startMetronome,
): Promise<void> =>
  new Promise((resolve) => {
    let begun: number | undefined
    let sent = 0
    const metronome = start(everyMs, (beatAt) => {
      if (sent === total) return
      begun ??= beatAt
      const first = begun
      const elapsed = Math.max(beatAt, performance.now()) - first
      // A beat that is due with one is never too early for it by a rounding.
      const to = Math.min(total, 1 + Math.floor((elapsed / 1_000) * rate + 0.001))
      if (to === sent) return
      const from = sent
      sent = to
      send({ from, to, dueAt: (index) => first + (index * 1_000) / rate })
      if (sent === total) void metronome.stop().then(resolve)
    })
  })
