import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackgroundWork } from './background-work.ts'

const pacing = suite('pace')

/** A clock that advances only when something waits or works. */
const clockwork = () => {
  let at = 0
  return {
    now: () => at,
    wait: async (ms: number) => {
      at += ms
    },
  }
}

pacing(
  'given several pieces of work at once, when they are paced, then they are done one by one, with rests in between',
  async () => {
    const clock = clockwork()
    const pace = createBackgroundWork({ ...clock, rest: 4, longestRestMs: 1_000 })
    const began: number[] = []
    const work = async () => {
      began.push(clock.now())
      await clock.wait(10)
    }
    await Promise.all([pace.run(work), pace.run(work), pace.run(work)])
    assert.equal(began, [0, 50, 100])
  },
)

pacing('given work that took long, when it is done, then the rest after it is limited', async () => {
  const clock = clockwork()
  const pace = createBackgroundWork({ ...clock, rest: 4, longestRestMs: 100 })
  let second = 0
  await Promise.all([
    pace.run(() => clock.wait(500)),
    pace.run(async () => {
      second = clock.now()
    }),
  ])
  assert.is(second, 600)
})

pacing(
  'given a rest that never ends, when its work is done, then the promise of the work resolves',
  async () => {
    const pace = createBackgroundWork({
      now: () => 0,
      wait: () => new Promise(() => {}),
      rest: 4,
      longestRestMs: 100,
    })
    let isDone = false
    await pace.run(async () => {
      isDone = true
    })
    assert.ok(isDone)
  },
)

pacing.run()
