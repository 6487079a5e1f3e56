/** What the state of keys, subscriptions, erasures and holds becomes is the same event by event and all at once, and long histories are folded fast. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RUNS } from '../testing/any.ts'
import { at } from '../testing/people.ts'
import { deepFreeze } from '../testing/scenario.ts'
import type { OutsideEvent } from './events.ts'
import { evolveOutside, foldingOutside, NOTHING_OUTSIDE } from './state.ts'

const test = suite('the state of what is outside of rooms')
const done = { space: null, by: { kind: 'account', id: 'alice' }, at: at(1) } as const

const asked = (n: number): OutsideEvent => ({
  type: 'ErasureAsked',
  data: { erasure: `erasure-${n}`, subject: `person-${n}`, due: at(2), ...done },
})
const person = fc.nat(5)
const anyEvent: fc.Arbitrary<OutsideEvent> = fc.oneof(
  person.map(asked),
  person.map((n): OutsideEvent => {
    return { type: 'ErasureBegun', data: { erasure: `erasure-${n}`, subject: `person-${n}`, ...done } }
  }),
  person.map((n): OutsideEvent => {
    return { type: 'ErasureWithdrawn', data: { erasure: `erasure-${n}`, subject: `person-${n}`, ...done } }
  }),
  person.map((n): OutsideEvent => {
    return { type: 'LegalHoldPlaced', data: { hold: `hold-${n}`, subject: 'person-1', reason: 'r', ...done } }
  }),
  person.map((n): OutsideEvent => {
    return {
      type: 'LegalHoldReleased',
      data: { hold: `hold-${n}`, subject: 'person-1', reason: null, ...done },
    }
  }),
)

test('whatever happened, all at once gives the state that each event after the other gives, which change no state before them', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
      const all = foldingOutside()
      let state = NOTHING_OUTSIDE
      for (const event of events) {
        all.take(event)
        const before = { erasures: [...state.erasures], holds: [...state.holds] }
        const next = evolveOutside(deepFreeze(state), event)
        assert.equal({ erasures: [...state.erasures], holds: [...state.holds] }, before)
        state = next
      }
      assert.equal(all.state(), state)
      assert.is(NOTHING_OUTSIDE.erasures.size, 0)
    }),
    { numRuns: RUNS },
  )
})

test('given as many erasures as strangers can ask for in two weeks, when a server starts, then it reads them in no time', () => {
  const begun = performance.now()
  const all = foldingOutside()
  for (let n = 0; n < 200_000; n += 1) all.take(asked(n))
  assert.is(all.state().erasures.size, 200_000)
  // With a copy for each event, it takes minutes.
  assert.ok(performance.now() - begun < 5_000)
})
test.run()
