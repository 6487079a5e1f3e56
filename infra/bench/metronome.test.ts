/** The load's clock: everything is sent once, in order, never before it is due, and told when that was. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Due, sendPaced } from './metronome.ts'

const test = suite('the load’s clock')

/** Sends by beats that come when the test says so. All of them lie in the future, where no clock is ahead of them. */
const pacedBy = (rate: number, total: number) => {
  const batches: Due[] = []
  let isStopped = false
  let beat: (dueAt: number) => void = () => {}
  const ended = sendPaced(
    { rate, total },
    (due) => batches.push(due),
    (_, heard) => {
      beat = heard
      const stop = async (): Promise<void> => {
        isStopped = true
      }
      return { stop }
    },
  )
  const ranges = () => batches.map(({ from, to }) => [from, to])
  return { beat: (at: number) => beat(at), ended, batches, ranges, isStopped: () => isStopped }
}
const LATER = performance.now() + 1e9

test('given beats on time, then each is sent with the beat it is due with, the first with the first', async () => {
  const load = pacedBy(500, 4)
  for (const ms of [0, 2, 4, 6]) load.beat(LATER + ms)
  await load.ended
  assert.equal(load.ranges(), [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 4],
  ])
  assert.equal(
    load.batches.map(({ from, dueAt }) => dueAt(from) - LATER),
    [0, 2, 4, 6],
  )
  assert.ok(load.isStopped())
})

test('given beats closer than messages, then none is sent before it is due', () => {
  const load = pacedBy(500, 3)
  for (const ms of [0, 0.5, 1, 1.5, 1.9]) load.beat(LATER + ms)
  assert.equal(load.ranges(), [[0, 1]])
  load.beat(LATER + 2)
  assert.equal(load.ranges(), [
    [0, 1],
    [1, 2],
  ])
})

test('given a beat that comes late, then all that is due goes with it, timed from when each was', async () => {
  const load = pacedBy(1_000, 5)
  load.beat(LATER)
  load.beat(LATER + 3)
  load.beat(LATER + 60)
  await load.ended
  assert.equal(load.ranges(), [
    [0, 1],
    [1, 4],
    [4, 5],
  ])
  const [, late] = load.batches
  assert.equal(
    [1, 2, 3].map((index) => late!.dueAt(index) - LATER),
    [1, 2, 3],
  )
})

test('given that all are sent, then a further beat sends none', async () => {
  const load = pacedBy(1_000, 1)
  load.beat(LATER)
  load.beat(LATER + 1)
  await load.ended
  assert.equal(load.ranges(), [[0, 1]])
})

test.run()
