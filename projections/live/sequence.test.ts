import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { arrive, hasGap, sequence } from './sequence.ts'

const test = suite('one stream from several sources')
const numRuns = Number(process.env.PROPERTY_RUNS ?? 1_000)

test('given an event that was let through, when it comes again, then it is not let through again', () => {
  const seq = sequence<string>(4n)
  assert.equal(arrive(seq, 4n, 'known'), [])
  assert.equal(arrive(seq, 5n, 'five'), ['five'])
  assert.equal(arrive(seq, 5n, 'five again'), [])
})

test('given an event that comes before its turn, when the one between comes, then both are let through in order', () => {
  const seq = sequence<number>(-1n)
  assert.equal(arrive(seq, 1n, 1), [])
  assert.is(hasGap(seq), true)
  assert.equal(arrive(seq, 0n, 0), [0, 1])
  assert.is(hasGap(seq), false)
})

test('given far more early events than are kept, when the subscription brings them all, then none is missing', () => {
  const seq = sequence<number>(-1n)
  for (let i = 1; i < 3_000; i += 1) arrive(seq, BigInt(i), i)
  const out: number[] = []
  for (let i = 0; i < 3_000; i += 1) out.push(...arrive(seq, BigInt(i), i))
  assert.equal(
    out,
    Array.from({ length: 3_000 }, (_, i) => i),
  )
})

/** The subscription brings every event in order, with repeats after reconnects; the fast path brings any of them, any
 *  number of times, in any order. Neither brings one before it is in the log. */
test('any interleaving of fast path and subscription lets each revision through once and in order', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: -1, max: 10 }),
      fc.array(fc.oneof(fc.nat(60), fc.constant('next' as const), fc.record({ back: fc.nat(5) })), {
        maxLength: 200,
      }),
      (count, known, steps) => {
        const seq = sequence<number>(BigInt(known))
        const out: number[] = []
        let subscription = 0
        const bring = (revision: number) => {
          if (revision < count) out.push(...arrive(seq, BigInt(revision), revision))
        }
        for (const step of steps) {
          if (step === 'next') bring(subscription++)
          else if (typeof step === 'number') bring(step)
          else subscription = Math.max(0, subscription - step.back)
        }
        // Finally, the subscription brings everything.
        while (subscription < count) bring(subscription++)
        const expected = Array.from({ length: Math.max(0, count - 1 - known) }, (_, i) => known + 1 + i)
        assert.equal(out, expected)
        assert.is(hasGap(seq), false)
      },
    ),
    { numRuns },
  )
})

test.run()
