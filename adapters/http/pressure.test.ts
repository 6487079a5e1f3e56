import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPressure } from './pressure.ts'

const test = suite('pressure')
const STALL_MS = 3_000

test('given one stall that is over, then nobody is turned away because of it', () => {
  let at = 10_000
  const pressure = createPressure(STALL_MS, () => at)
  for (const wait of [0, 1, 500, 900]) {
    at += wait
    assert.is(pressure.isLasting(), false)
  }
  at += 60_000
  assert.is(pressure.isLasting(), false, 'the next one is a stall of its own')
})

test('given stalls that go on, then callers are turned away until they end', () => {
  let at = 0
  const pressure = createPressure(STALL_MS, () => at)
  assert.is(pressure.isLasting(), false)
  for (let n = 0; n < 5; n++) {
    at += STALL_MS + 100
    assert.is(pressure.isLasting(), true)
  }
  at += 4 * STALL_MS + 1
  assert.is(pressure.isLasting(), false)
})

test.run()
