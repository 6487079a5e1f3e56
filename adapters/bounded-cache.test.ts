import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { boundedCache } from './bounded-cache.ts'

const test = suite('bounded cache')

test('given a full cache, when another entry is set, then the one that was used longest ago is gone', () => {
  const cache = boundedCache<string, number>(3)
  for (const [i, key] of ['a', 'b', 'c'].entries()) cache.set(key, i)
  cache.get('a')
  cache.set('d', 3)
  assert.equal([...cache.keys()].sort(), ['a', 'c', 'd'])
  assert.is(cache.get('b'), undefined)
})

test('given a full cache, when an entry is set again, then nothing else is dropped', () => {
  const cache = boundedCache<string, number>(2)
  cache.set('a', 1).set('b', 2).set('a', 3)
  assert.is(cache.size, 2)
  assert.is(cache.get('a'), 3)
})

test.run()
