import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite } from 'uvu'
import { checkDatabase, checkEventStore, redisTrouble } from './check-parts.ts'

const given = suite('parts that the environment names')

/** A port that answers, and one where nothing listens. */
const open = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
await once(open, 'listening')
const { port } = open.address() as AddressInfo
const shut = createServer().listen(0, '127.0.0.1')
await once(shut, 'listening')
const nowhere = (shut.address() as AddressInfo).port
shut.close()
await once(shut, 'close')
given.after(() => void open.close())

given(
  'given a database that does not answer, then a sentence names the variable, without the password',
  async () => {
    const url = `postgres://u:sekret@127.0.0.1:${nowhere}/x`
    await assert.rejects(checkDatabase('DATABASE_URL', url), (error: Error) => {
      assert.equal(error.name, 'CannotStart')
      assert.equal(
        error.message,
        `The database that DATABASE_URL names, at 127.0.0.1:${nowhere}, can't be used: nothing listens there.`,
      )
      return true
    })
  },
)

given('given something else in a database’s place, then a sentence says so', async () => {
  await assert.rejects(
    checkDatabase('DB_REPLICA_HOST', `postgres://u:p@127.0.0.1:${port}/x`),
    /The database that DB_REPLICA_HOST names, .* can't be used: Connection terminated/,
  )
})

given('given several hosts of an event store, then one that answers is enough', async () => {
  await checkEventStore(`esdb://127.0.0.1:${nowhere},127.0.0.1:${port}?tls=false`)
  await assert.rejects(
    checkEventStore(`esdb+discover://admin:changeit@127.0.0.1:${nowhere}?tls=false`),
    new RegExp(
      `EVENTSTORE_URL names, at 127\\.0\\.0\\.1:${nowhere}, can't be reached: nothing listens there`,
    ),
  )
})

given('given a Redis that does not answer, then that is reported, and the start goes on', async () => {
  assert.match((await redisTrouble(`redis://127.0.0.1:${nowhere}`)) ?? '', /nothing listens there/)
  assert.equal(await redisTrouble(`redis://127.0.0.1:${port}`), null)
})

given.run()
