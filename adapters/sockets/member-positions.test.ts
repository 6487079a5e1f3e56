// needs: redis-server
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSocket } from '../../infra/testing/json-socket.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testRedis } from '../../infra/testing/redis.ts'
import { ALICES_POST, type Client, testNode } from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'
import { createPositions } from '../redis/positions.ts'
import { createRelay } from '../redis/redis-relay.ts'

const test = suite('positions of members')
const SPACE = { type: 'post', id: 'alice/my-post' } as const
const AT = { x: 1, y: 2.5, z: -3 }

const joined = async (client: Client) => {
  const answer = await client.ask('join-space', ALICES_POST)
  assert.ok(answer.ok)
  return client.of('space-joined').at(-1)
}
const positionOf = (users: ReadonlyArray<Record<string, unknown>>, id: string) =>
  users.find(({ socketId }) => socketId === id)?.position

test('given somebody who moved, in any protocol, then a newcomer gets their position, and nothing is on the log', async () => {
  const log = memoryLog()
  const node = await testNode(log)
  try {
    const alice = await node.connect('account:alice')
    await joined(alice)
    const events = log.all().length
    assert.ok((await alice.ask('aframe-update', { position: { ...AT, w: 'more' }, rotation: {} })).ok)
    const bob = await node.connect('account:bob')
    assert.equal(positionOf((await joined(bob)).users, alice.id), AT)
    for (const wrong of [
      { x: 1, y: 2 },
      { x: '1', y: 2, z: 3 },
      { x: 1e300, y: 0, z: 0 },
      [1, 2, 3],
      null,
      'here',
    ])
      assert.ok((await alice.ask('aframe-update', { position: wrong })).ok)

    const entity = {
      networkId: 'head',
      owner: bob.id,
      creator: bob.id,
      parent: null,
      template: '#a',
      components: { 0: { x: 4, y: 5, z: 6 } },
    }
    assert.ok((await bob.ask('room-data', { type: 'u', data: { ...entity, isFirstSync: true } })).ok)
    // Another's entity, a second entity of one's own, and one attached to one's own say nothing about where one is.
    for (const other of [
      { networkId: 'ball' },
      { networkId: 'head', owner: alice.id },
      { networkId: 'hand', parent: 'head' },
    ])
      await bob.ask('room-data', {
        type: 'u',
        data: { ...entity, ...other, components: { 0: { x: 9, y: 9, z: 9 } } },
      })
    assert.ok(
      (
        await bob.ask('room-data', {
          type: 'um',
          data: { d: [null, 7, { ...entity, components: { 0: { x: 4, y: 5, z: 7 } } }] },
        })
      ).ok,
    )

    const carol = await jsonSocket(node.url)
    carol.send({ type: 'join-space', room: 'post:alice/my-post' })
    const { users } = await carol.until('space-joined')
    assert.equal(positionOf(users, alice.id), AT)
    assert.equal(positionOf(users, bob.id), { x: 4, y: 5, z: 7 })
    const known = await node.sockets.positions(SPACE)
    assert.equal([...known.values()], [AT, { x: 4, y: 5, z: 7 }])
    // Only the joins since then; nothing about positions.
    assert.is(log.all().length, events + 2)
    bob.close()
    await until('bob is forgotten', async () => (await node.sockets.positions(SPACE)).size === 1)
    await carol.close()
  } finally {
    await node.stop()
  }
})

test('given somebody who moved on another node while the newcomer’s node has nobody in the room, then the newcomer gets their position, too, within a second', async () => {
  const redis = await testRedis()
  const log = memoryLog()
  const shared = [createPositions({ url: redis.url }), createPositions({ url: redis.url })] as const
  const relays = [createRelay({ url: redis.url }), createRelay({ url: redis.url })] as const
  const nodes = await Promise.all(
    shared.map((positions, i) => testNode(log, { name: `node-${i}`, positions, relay: relays[i]! })),
  )
  const [one, two] = nodes
  assert.ok(one && two)
  try {
    const alice = await one.connect('account:alice')
    await joined(alice)
    await until('it can be written', async () => {
      await alice.ask('aframe-update', { position: AT })
      return (await two.sockets.positions(SPACE)).size === 1
    })
    const started = Date.now()
    await alice.ask('aframe-update', { position: { ...AT, x: 8 } })
    await until(
      'the other node knows',
      async () => [...(await two.sockets.positions(SPACE)).values()][0]?.x === 8,
    )
    assert.ok(Date.now() - started < 1_000)
    const bob = await two.connect('account:bob')
    assert.equal(positionOf((await joined(bob)).users, alice.id), { ...AT, x: 8 })
    await redis.stop()
    const carol = await two.connect('account:carol')
    assert.ok((await joined(carol)).success)
  } finally {
    for (const node of nodes) await node.stop()
    for (const one of [...shared, ...relays]) await one.close()
    await redis.stop()
  }
})

test.run()
