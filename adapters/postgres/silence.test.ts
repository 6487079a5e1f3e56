// test: waits
/** A Postgres that does not answer: every caller gets an error within two seconds, and is answered again as soon as it is back. */
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { startProxy } from '../../infra/testing/proxy.ts'
import { until } from '../../infra/testing/until.ts'
import type { ReadResult } from '../../projections/read-models.ts'
import { createPostgresPool } from './pool.ts'
import { askingOf } from './query.ts'
import { createReadModels } from './read-models.ts'

const test = suite('a silent Postgres')
const space = { type: 'post', id: 'alice/my-post' } as const
const page = { limit: 10, cursor: null }

const behindProxy = async () => {
  const database = await testDatabase()
  const url = new URL(database.url)
  const proxy = await startProxy({ targetPort: Number(url.port) })
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  const pool = await createPostgresPool(url.toString(), { maxConnections: 3 })
  const models = createReadModels(pool)
  return {
    proxy,
    pool,
    models,
    close: async () => {
      proxy.heal()
      await models.close()
      await pool.end()
      await proxy.close()
      await database.drop()
    },
  }
}

test('given a frozen Postgres, when anything is asked, then it is unavailable within two seconds, and answered once Postgres is back', async () => {
  const { proxy, models, close } = await behindProxy()
  assert.ok(E.isRight(await models.checkpoint()()))
  proxy.halfOpen()
  const questions: ReadonlyArray<ReadResult<unknown>> = [
    models.checkpoint(),
    models.parked(),
    models.lastPlaces(),
    models.space(space),
    models.connectedUsers(space),
    models.subrooms(space),
    models.settings(space),
    models.permissions(space, page),
    models.bans(space, page),
    models.mutes(space, page),
    models.messages({ space, subspace: 'main', limit: 10 }),
    models.message(space, 'one'),
    models.messageIds(space, -1n, 10),
    models.boots(),
    models.waitFor(5n, 2_000),
  ]
  const began = performance.now()
  for (const answer of await Promise.all(questions.map((ask) => ask())))
    assert.equal(answer._tag === 'Left' && answer.left._tag, 'PostgresUnavailable')
  const took = performance.now() - began
  assert.ok(took < 3_000, `${took} ms`)
  // Further queries are not sent to it, and fail just as fast.
  const again = performance.now()
  for (const answer of await Promise.all(questions.map((ask) => ask()))) assert.ok(E.isLeft(answer))
  assert.ok(performance.now() - again < 3_000)
  proxy.heal()
  await until('it answers', async () => E.isRight(await models.checkpoint()()))
  await close()
})

test('given a slow query while Postgres answers others, then it is waited for', async () => {
  const { pool, close } = await behindProxy()
  const asked = await askingOf(pool)(
    async () => (await pool.query(sql.unsafe`SELECT pg_sleep(2.5)`)).rowCount,
  )()
  assert.equal(asked, E.right(1))
  await close()
})

test.run()
