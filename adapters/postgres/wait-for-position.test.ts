/** Reads that wait for a position: however many wait, one query at intervals serves them all. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createPostgresPool } from './pool.ts'
import { advanced } from './wait-for-position.ts'

const test = suite('waiting for a position')

test('given two hundred reads that wait in vain, then Postgres is asked for all of them together, and each gets false', async () => {
  const database = await testDatabase()
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  let asked = 0
  const counted = new Proxy(pool, {
    get: (of, name) => {
      const value = Reflect.get(of, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        asked += 1
        return value.apply(of, args)
      }
    },
  })
  const waits = advanced(counted)
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 200 }, () => waits.waitFor(999_999_999n, 1_000)))
  const polls = (performance.now() - began) / 100
  assert.ok(answers.every((answer) => answer === false))
  assert.ok(asked > 0 && asked <= polls + 5, `${asked} in ${polls}`)
  await waits.close()
  await pool.end()
  await database.drop()
})

test.run()
