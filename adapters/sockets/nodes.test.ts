import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { type TestRedis, testRedis } from '../../infra/testing/redis.ts'
import { type Client, type TestNode, testNode } from '../../infra/testing/sockets.ts'
import { createRelay } from '../redis/redis-relay.ts'
import type { Relay } from '../redis/relay.ts'

type Context = { redis: TestRedis; relays: Relay[]; nodes: TestNode[]; log: ReturnType<typeof memoryLog> }
const test = suite<Context>('two nodes on one log')
const POST = { spaceType: 'post', spaceId: 'alice/my-post' }

test.before(async (context) => {
  context.redis = await testRedis()
})
test.after(async ({ redis }) => {
  await redis.stop()
})
test.before.each(async (context) => {
  context.log = memoryLog()
  context.relays = [createRelay({ url: context.redis.url }), createRelay({ url: context.redis.url })]
  context.nodes = []
  for (const [i, relay] of context.relays.entries())
    context.nodes.push(await testNode(context.log, { name: `node-${i}`, relay }))
})
test.after.each(async ({ nodes, relays }) => {
  for (const node of nodes) {
    await node.stop()
    assert.equal(node.errors, [])
  }
  for (const relay of relays) await relay.close()
})

const both = ({ nodes }: Context): [TestNode, TestNode] => nodes as [TestNode, TestNode]
/** Sends until it is received: a node subscribes to a room's channel a moment after the room has its first socket. */
const untilHeard = async (to: Client, event: string, send: () => void) => {
  const timer = setInterval(send, 20)
  send()
  try {
    return (await to.until(event, (heard) => heard.event === event)).payload
  } finally {
    clearInterval(timer)
  }
}

test('given a room on two nodes, then each sees the other’s people, and chat comes to all once and in one order', async (context) => {
  const [one, two] = both(context)
  const clients: Client[] = []
  for (let i = 0; i < 6; i += 1) {
    const client = await (i % 2 === 0 ? one : two).connect(`account:user-${'abcdef'[i]}`)
    assert.is((await client.ask('join-space', POST)).ok, true)
    clients.push(client)
  }
  assert.is(clients[5]?.of('space-joined')[0].users.length, 6)
  const [first] = clients as [Client]
  await first.until('the last to join', ({ payload }) => payload.userAccount === 'user-f')
  assert.equal(
    first.of('user-joined').map(({ userAccount }) => userAccount),
    ['user-b', 'user-c', 'user-d', 'user-e', 'user-f'],
  )
  await Promise.all(
    clients.flatMap((client, i) =>
      Array.from({ length: 30 }, (_, n) => client.ask('chat-message', { content: `${i}/${n}` })),
    ),
  )
  for (const client of clients) await client.until('all of it', () => client.of('chat-message').length >= 180)
  const heard = clients.map((client) => client.of('chat-message').map(({ revision }) => revision))
  const expected = Array.from({ length: 180 }, (_, i) => String(i))
  for (const revisions of heard) assert.equal(revisions, expected)
})

test('given sockets on two nodes, then signalling passes between those in one room, and anybody else looks like nobody', async (context) => {
  const [one, two] = both(context)
  const [alice, bobby, carol] = [
    await one.connect('account:alice'),
    await two.connect('account:bobby'),
    await two.connect('account:carol'),
  ] as [Client, Client, Client]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  await carol.ask('join-space', { ...POST, subspace: 'main-other' })
  await alice.until('bobby', ({ payload }) => payload.userAccount === 'bobby')
  const offer = { type: 'offer', sdp: 'v=0' }
  const heard = await untilHeard(bobby, 'webrtc-offer', () =>
    alice.socket.emit('webrtc-offer', { targetSocketId: bobby.id, offer }),
  )
  assert.equal(heard, { offer, fromSocketId: alice.id, fromUser: 'alice' })
  const answer = await untilHeard(alice, 'webrtc-answer', () =>
    bobby.socket.emit('webrtc-answer', { targetSocketId: alice.id, answer: { sdp: 'x' } }),
  )
  assert.equal(answer, { answer: { sdp: 'x' }, fromSocketId: bobby.id, fromUser: 'bobby' })
  const elsewhere = await alice.ask('webrtc-offer', { targetSocketId: carol.id, offer })
  const nobody = await alice.ask('webrtc-offer', { targetSocketId: 'no-such-socket', offer })
  assert.is(elsewhere.ok, false)
  assert.equal(elsewhere, nobody)
  assert.is(carol.of('webrtc-offer').length, 0)
})

test('given sockets on two nodes, when one moves its avatar, then the others of the room see it and it does not', async (context) => {
  const [one, two] = both(context)
  const [alice, bobby, carol] = [
    await one.connect('account:alice'),
    await two.connect('account:bobby'),
    await one.connect('account:carol'),
  ] as [Client, Client, Client]
  for (const client of [alice, bobby, carol]) await client.ask('join-space', POST)
  const update = { position: { x: 1 }, entities: { ball: [1, 2, 3] } }
  const payload = await untilHeard(bobby, 'aframe-update', () => alice.socket.emit('aframe-update', update))
  const { timestamp, ...rest } = payload
  assert.match(timestamp, /^\d{4}-/)
  assert.equal(rest, { socketId: alice.id, userAccount: 'alice', entityData: update })
  await carol.until('the update', ({ event }) => event === 'aframe-update')
  assert.is(alice.of('aframe-update').length, 0)
  assert.is(context.log.names().length, 1)
})

test('given that Redis is killed, then nothing durable is lost, each node goes on alone, and the rest comes back by itself', async (context) => {
  const [one, two] = both(context)
  const [alice, bobby, carol] = [
    await one.connect('account:alice'),
    await two.connect('account:bobby'),
    await one.connect('account:carol'),
  ] as [Client, Client, Client]
  for (const client of [alice, bobby, carol]) await client.ask('join-space', POST)
  await context.redis.kill()
  assert.is((await bobby.ask('chat-message', { content: 'still here' })).ok, true)
  await alice.until('bobby’s words', ({ payload }) => payload.content === 'still here')
  await untilHeard(carol, 'aframe-update', () => alice.socket.emit('aframe-update', { a: 1 }))
  assert.is(bobby.of('aframe-update').length, 0)
  await context.redis.restart()
  await untilHeard(bobby, 'aframe-update', () => alice.socket.emit('aframe-update', { a: 2 }))
})

test('given ten seats and a hundred joins on two nodes, then ten are in and both rooms agree', async (context) => {
  const [one, two] = both(context)
  const owner = await one.connect('account:alice')
  await owner.ask('settings-change', { ...POST, max_users: 10 })
  const clients = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      (i % 2 === 0 ? one : two).connect(`account:user${'abcdefghij'[Math.floor(i / 10)]}${i % 10}`),
    ),
  )
  const acks = await Promise.all(clients.map((client) => client.ask('join-space', POST)))
  assert.is(acks.filter(({ ok }) => ok).length, 10)
  assert.is(acks.filter(({ code }) => code === 'space_full').length, 90)
  const inside = clients.filter((_, i) => acks[i]?.ok)
  for (const client of inside) {
    const known = () => client.of('space-joined')[0].users.length + client.of('user-joined').length
    await client.until('the others', () => known() >= 10)
    assert.is(known(), 10)
  }
})

test('given somebody who writes to Redis, then they can cause nothing but signals and scene updates of people who are there, in our own form', async (context) => {
  const [one, two] = both(context)
  const [alice, bobby] = [await one.connect('account:alice'), await two.connect('account:bobby')] as [
    Client,
    Client,
  ]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  const kicked = '2["kicked",{"reason":"forged","by":"alice"}]'
  const forged = [
    { kind: 'aframe', from: alice.id, packet: kicked },
    { kind: 'aframe', from: 'nobody', data: { forged: 1 } },
    { kind: 'aframe', from: bobby.id, data: { forged: 2 } },
    { kind: 'aframe', from: alice.id, data: { forged: 'x'.repeat(16_384) } },
    { kind: 'aframe', from: alice.id, data: [kicked] },
    { kind: 'signal', from: alice.id, to: bobby.id, event: 'kicked', value: {} },
    { kind: 'signal', from: alice.id, to: bobby.id, event: 'toString', value: {} },
    { kind: 'signal', to: bobby.id, event: 'webrtc-offer', payload: { offer: 1, fromUser: 'root' } },
    { kind: 'signal', from: 'nobody', to: bobby.id, event: 'webrtc-offer', value: { sdp: 'x' } },
    { kind: 'signal', from: alice.id, to: bobby.id, event: 'webrtc-offer', value: 'x'.repeat(16_384) },
    { kind: 'kicked', to: bobby.id },
    'kicked',
    null,
    [],
    7,
  ]
  const redis = new Redis(context.redis.url)
  const channel = 'dlux:room:post:alice/my-post:main'
  const tell = (text: string) => redis.publish(channel, `${crypto.randomUUID()}${text}`)
  const before = bobby.heard.length
  for (const message of forged) await tell(JSON.stringify(message))
  for (const text of ['', '{', '"', 'null']) await tell(text)
  // A channel keeps its order, so this message comes after all of them.
  await untilHeard(bobby, 'aframe-update', () => alice.socket.emit('aframe-update', { real: 1 }))
  const { payload } = await bobby.until('the update', ({ event }) => event === 'aframe-update')
  assert.equal(payload.entityData, { real: 1 })
  assert.equal([...new Set(bobby.heard.slice(before).map(({ event }) => event))], ['aframe-update'])
  assert.is(bobby.socket.connected, true)
  redis.disconnect()
})

test('given room-data, then it comes to the room on the other node and to one there, whole and in order, and stops with a kick', async (context) => {
  const [one, two] = both(context)
  const alice = await one.connect('account:alice')
  await alice.ask('join-space', POST)
  const [bob, carol] = await Promise.all(['bob', 'carol'].map((name) => two.connect(`account:${name}`)))
  assert.ok(bob && carol)
  for (const client of [bob, carol]) await client.ask('join-space', POST)
  await untilHeard(bob, 'room-data', () => alice.socket.emit('room-data', { type: 'ready', data: 0 }))
  await alice.until(
    'carol',
    ({ event, payload }) => event === 'user-joined' && payload.userAccount === 'carol',
  )
  for (let i = 0; i < 200; i += 1)
    alice.socket.emit('room-data', i % 2 === 0 ? { type: 't', data: i } : { to: bob.id, type: 't', data: i })
  alice.socket.emit('room-data', { type: 'last', data: null })
  for (const client of [bob, carol])
    await client.until('the last', ({ event, payload }) => event === 'room-data' && payload.type === 'last')
  const numbers = (client: Client) =>
    client
      .of('room-data')
      .filter(({ type }) => type === 't')
      .map(({ data }) => data)
  const all = Array.from({ length: 200 }, (_, i) => i)
  assert.equal(numbers(bob), all)
  assert.equal(
    numbers(carol),
    all.filter((i) => i % 2 === 0),
  )
  assert.equal(bob.of('room-data').at(-1).from, { id: 'alice', verified: true })
  const { sessionId } = carol.of('space-joined')[0]
  assert.ok((await alice.ask('kick', { session_id: sessionId })).ok)
  await carol.disconnected
  assert.is((await alice.ask('room-data', { to: carol.id, type: 't', data: 1 })).code, 'session_not_found')
})

test.run()
