import { createSecretKey } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keysAhead } from './keys-ahead.ts'
import type { SubjectKey } from './seal.ts'

const test = suite('keys ahead')
const KEY: SubjectKey = { generation: 1, key: createSecretKey(Buffer.alloc(32)) }

/** A vault that answers when the test lets it, and remembers what it was asked. */
const slowVault = () => {
  const held = new Map<string, SubjectKey>()
  const asked: Array<ReadonlyArray<string>> = []
  let answer: (error?: Error) => void = () => {}
  return {
    asked,
    held,
    answer: (error?: Error) => answer(error),
    sealingNow: (subject: string) => held.get(subject),
    sealing: (subjects: ReadonlyArray<string>) => {
      asked.push(subjects)
      return new Promise<ReadonlyMap<string, SubjectKey>>((resolve, reject) => {
        answer = (error) => {
          if (error !== undefined) return reject(error)
          for (const subject of subjects) held.set(subject, KEY)
          resolve(held)
        }
      })
    },
  }
}
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

test('given a known key, then nobody waits; keys that are needed together are requested together', async () => {
  const vault = slowVault()
  const ahead = keysAhead(vault)
  vault.held.set('alice', KEY)
  assert.is(ahead.has('alice'), true)
  const all = [ahead.ask('bob'), ahead.ask('carol'), ahead.ask('bob')]
  assert.is(all[0], all[2])
  await turn()
  const later = ahead.ask('dave')
  assert.equal(vault.asked, [['bob', 'carol']])
  vault.answer()
  for (const one of all) assert.is((await one)._tag, 'Right')
  await turn()
  assert.equal(vault.asked[1], ['dave'])
  vault.answer(new Error('gone'))
  assert.equal(await later, { _tag: 'Left', left: { _tag: 'ContentUnavailable', cause: 'gone' } })
})

test('given a silent vault, then each caller waits only for a limited time, and gets the key once the vault answers', async () => {
  const vault = slowVault()
  const ahead = keysAhead(vault, 30)
  assert.is((await ahead.ask('bob'))._tag, 'Left')
  const from = performance.now()
  assert.is((await ahead.ask('carol'))._tag, 'Left')
  assert.ok(performance.now() - from < 1_000)
  vault.answer()
  await turn()
  assert.is(ahead.has('bob'), true)
  vault.answer()
  await turn()
  assert.is(ahead.has('carol'), true)
})

test.run()
