import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRememberedIds } from './remembered.ts'

const test = suite('remembered ids')

test('given any ids, repeats among them, then each of the last so many is where it was appended first', () => {
  const pool = Array.from({ length: 40 }, (_, n) =>
    // Half of the ids differ in only a few bits.
    n % 2 === 0 ? randomUUID() : `00000000-0000-0000-0000-${n.toString(16).padStart(12, '0')}`,
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.nat({ max: 39 }), { maxLength: 200 }),
      (capacity, picks) => {
        const remembered = createRememberedIds(capacity)
        const first = new Map<number, number>()
        for (const [n, pick] of picks.entries()) {
          const gone = picks[n - capacity]
          if (gone !== undefined && first.get(gone) === n - capacity) first.delete(gone)
          if (!first.has(pick)) first.set(pick, n)
          remembered.add(pool[pick]!, pick, n)
        }
        for (const [pick, id] of pool.entries()) {
          const revision = first.get(pick)
          const expected = revision === undefined ? undefined : { stream: pick, revision }
          assert.equal(remembered.get(id), expected)
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('given a remembered id, when all are cleared, then it is not known any more', () => {
  const remembered = createRememberedIds(3)
  const id = randomUUID()
  remembered.add(id, 1, 1)
  remembered.clear()
  assert.is(remembered.get(id), undefined)
})

test.run()
