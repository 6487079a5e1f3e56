import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRecency } from './recency.ts'

const recencies = suite('recency')

recencies(
  'given any uses, settings and deletions, then it is like a Map whose used entries are set anew',
  () => {
    const step = fc.record({
      what: fc.constantFrom('use' as const, 'set' as const, 'delete' as const, 'peek' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      value: fc.nat(9),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const recency = createRecency<number>()
        const model = new Map<string, number>()
        for (const { what, key, value } of steps) {
          const before = model.get(key)
          if (what === 'set') {
            recency.set(key, value)
            model.delete(key)
            model.set(key, value)
          } else if (what === 'delete') assert.is(recency.delete(key), model.delete(key))
          else if (what === 'peek') assert.is(recency.peek(key), before)
          else {
            assert.is(recency.use(key), before)
            if (before === undefined) continue
            model.delete(key)
            model.set(key, before)
          }
          assert.is(recency.size(), model.size)
          assert.equal([...recency.entries()], [...model])
        }
      }),
    )
  },
)

recencies(
  'given entries that are deleted while they are gone through, then all others still come, oldest first',
  () => {
    const recency = createRecency<number>()
    for (const [value, key] of ['a', 'b', 'c', 'd'].entries()) recency.set(key, value)
    const seen: string[] = []
    for (const [key] of recency.entries()) {
      seen.push(key)
      if (key !== 'c') recency.delete(key)
    }
    assert.equal(seen, ['a', 'b', 'c', 'd'])
    assert.equal([...recency.entries()], [['c', 2]])
  },
)

recencies.run()
