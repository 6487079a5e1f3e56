import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestRedis, testRedis } from '../../infra/testing/redis.ts'
import { createRelay } from './redis-relay.ts'
import type { Relay } from './relay.ts'

const test = suite('relay')
let redis: TestRedis

/** Publishes until it is heard, since a subscription takes effect a moment after it is asked for. */
const heardBy = async (from: Relay, to: Relay, room: string, message: unknown): Promise<unknown> => {
  let timer: NodeJS.Timeout | undefined
  const heard = new Promise<unknown>((resolve, reject) => {
    to.onMessage((where, what) => (where === room ? resolve(what) : reject(new Error(`heard ${where}`))))
    const started = Date.now()
    timer = setInterval(() => {
      if (Date.now() - started > 8_000) reject(new Error('never heard'))
      from.publish(room, message)
    }, 10)
  })
  return heard.finally(() => clearInterval(timer))
}

test.before(async () => {
  redis = await testRedis()
})
test.after(async () => {
  await redis.stop()
})

test('given two processes in a room, when one publishes, then the other hears it and it does not hear itself', async () => {
  const [a, b] = [createRelay({ url: redis.url }), createRelay({ url: redis.url })]
  const echoes: unknown[] = []
  a.join('global:lobby:main')
  b.join('global:lobby:main')
  a.onMessage((_, message) => echoes.push(message))
  assert.equal(await heardBy(a, b, 'global:lobby:main', { n: 1 }), { n: 1 })
  assert.equal(a.state().state, 'up')
  assert.is(echoes.length, 0)
  b.leave('global:lobby:main')
  b.join('global:lobby:main-b')
  a.publish('global:lobby:main', 'of a room that was left')
  assert.is(await heardBy(a, b, 'global:lobby:main-b', 'x'), 'x')
  await Promise.all([a.close(), b.close()])
})

test('given that Redis is killed, when it is back, then the current rooms are heard again', async () => {
  const [a, b] = [createRelay({ url: redis.url }), createRelay({ url: redis.url })]
  b.join('room-before')
  assert.equal(await heardBy(a, b, 'room-before', 1), 1)
  await redis.kill()
  a.publish('room-before', 'lost')
  b.join('room-during')
  b.leave('room-before')
  await redis.restart()
  assert.equal(await heardBy(a, b, 'room-during', 2), 2)
  assert.equal(b.state().state, 'up')
  await Promise.all([a.close(), b.close()])
})

test('given no Redis at all, when a relay is made, used and closed, then nothing throws', async () => {
  const relay = createRelay({ url: 'redis://127.0.0.1:1' })
  relay.join('room')
  relay.publish('room', {})
  relay.leave('room')
  assert.is.not(relay.state().state, 'up')
  await relay.close()
})

test.run()
