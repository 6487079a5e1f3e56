import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPace } from './commit-pace.ts'

const test = suite('pace')

/** Writes `perSecond` events a second for `ms` milliseconds, beginning at `from`, with a commit after each rest. Returns when it ended. */
const flow = (pace: ReturnType<typeof createPace>, from: number, ms: number, perSecond: number): number => {
  let now = from
  while (now < from + ms) {
    const rest = pace.rest()
    now += rest
    pace.committed(Math.round((rest * perSecond) / 1_000), 2, now)
  }
  return now
}

test('given one event after a quiet time, then the next waits only a moment', () => {
  const pace = createPace(0)
  pace.committed(1, 3, 5_000)
  assert.is(pace.rest(), 10)
})

test('given a burst after a quiet time, then it is not mistaken for a steady flow', () => {
  const pace = createPace(0)
  pace.committed(200, 8, 10_000)
  assert.ok(pace.rest() <= 10, `${pace.rest()}`)
  pace.committed(400, 8, 10_018)
  assert.ok(pace.rest() <= 40, `${pace.rest()}`)
})

test('given a steady flow, then it commits a few times a second; once that is over, an event waits only a moment', () => {
  const pace = createPace(0)
  const now = flow(pace, 0, 3_000, 600)
  assert.ok(pace.rest() > 200 && pace.rest() <= 250, `${pace.rest()}`)
  flow(pace, now, 2_000, 2)
  assert.is(pace.rest(), 10)
})

test('given a slow Postgres, then it rests as long as a commit takes, within bounds', () => {
  const pace = createPace(0)
  pace.committed(1, 60, 1_000)
  assert.is(pace.rest(), 60)
  pace.committed(1, 5_000, 7_000)
  assert.is(pace.rest(), 100)
})

test.run()
