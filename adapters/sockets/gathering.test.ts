import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createGathering } from './gathering.ts'

const test = suite('gathering')

/** `pass`: so many packets come at an even pace, or `together` at once; returns how often it rested and how many were read on each waking. */
const world = () => {
  const state = { now: 0, rests: 0 }
  const gathering = createGathering(
    () => state.now,
    (ms) => {
      state.rests += 1
      state.now += ms
    },
  )
  const pass = async (packets: number, perSecond: number, together = 1) => {
    const [from, rests] = [state.now, state.rests]
    let [read, rounds] = [0, 0]
    while (read < packets) {
      const due = Math.floor(((state.now - from) * perSecond) / 1_000 / together) * together
      if (due === read) {
        state.now += 0.05
        continue
      }
      for (; read < due; read += 1) gathering.came()
      await new Promise(setImmediate)
      rounds += 1
    }
    return { rests: state.rests - rests, each: read / rounds }
  }
  return { gathering, pass }
}

test('given packets that come one by one, when there are thousands a second, then several are read at a time', async () => {
  const { pass } = world()
  await pass(1_000, 4_500)
  const { rests, each } = await pass(4_500, 4_500)
  assert.ok(rests > 500)
  assert.ok(each > 3)
})

test('given few packets a second, or many that come together, then it does not rest', async () => {
  const { pass } = world()
  assert.is((await pass(500, 500)).rests, 0)
  await pass(1_000, 4_500, 8)
  assert.is((await pass(4_000, 4_500, 8)).rests, 0)
})

test('given that somebody asks for something, then it does not rest until the answer had its time', async () => {
  const { gathering, pass } = world()
  await pass(1_000, 4_500)
  gathering.asked()
  assert.is((await pass(200, 4_500)).rests, 0)
  assert.ok((await pass(400, 4_500)).rests > 20)
})

test('given that thousands came, when few come any more, then it stops resting', async () => {
  const { pass } = world()
  await pass(1_000, 4_500)
  await pass(50, 100)
  assert.is((await pass(50, 100)).rests, 0)
})

test.run()
