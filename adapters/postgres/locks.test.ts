/** The numbers of the session locks. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LOCKS } from './locks.ts'

const test = suite('locks')

test('given the locks of all kinds of work, then no two have the same numbers, so that no work keeps another waiting', () => {
  const numbers = Object.values(LOCKS).map(String)
  assert.equal(new Set(numbers).size, numbers.length)
})

test.run()
