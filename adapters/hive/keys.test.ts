// test: alone
/** Public keys of Hive, read by a library that is loaded with the first of them. */
import { registerHooks } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keyObject } from './keys.ts'

const test = suite('keys of Hive')
const KEY = 'STM6LLegbAgLAy28EHrffBVuANFWcFgmqRMW13wBmTExqFE9SCkg4'

test('given the library is missing, when a key is read, then that is an error, and the key counts as good once it is there', () => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'hive-tx') throw new Error('hive-tx is missing')
      return next(specifier, context)
    },
  })
  assert.throws(() => keyObject(KEY), /hive-tx is missing/)
  hooks.deregister()
  assert.is(keyObject(KEY)?.asymmetricKeyType, 'ec')
})

test('given what is no key, then there is none', () => {
  for (const text of ['', 'STM', `${KEY}x`, 'nonsense']) assert.is(keyObject(text), null, text)
})

test.run()
