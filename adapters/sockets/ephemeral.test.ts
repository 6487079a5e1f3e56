import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dial } from '../../infra/testing/dialled.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import {
  type Client,
  eachOnOneNode,
  type OneNode,
  ALICES_POST as POST,
  testNode,
} from '../../infra/testing/sockets.ts'
import { localRelay, type Relay } from '../redis/relay.ts'
import { fullBucket, take, waitFor } from '../token-bucket.ts'
import { connectionOf } from './connection.ts'
import { frameOf, frameWithTail, packetOf } from './frames.ts'
import { createBudget } from './room-budget.ts'
import { createSending } from './sending.ts'

const test = suite<OneNode>('what is not in the log')

eachOnOneNode(test, {
  limits: { packets: { perSecond: 1e9, burst: 1e9 }, maxWaiting: 256 * 1024 },
})

test('given two people in a room on one node, when one signals the other, then only the other hears it', async ({
  node,
}) => {
  const [alice, bobby, carol] = [
    await node.connect('account:alice'),
    await node.connect('account:bobby'),
    await node.connect(),
  ]
  for (const client of [alice, bobby, carol]) await client.ask('join-space', POST)
  const candidate = { candidate: 'candidate:1', sdpMid: '0' }
  assert.equal(await alice.ask('webrtc-ice-candidate', { targetSocketId: bobby.id, candidate }), { ok: true })
  const { payload } = await bobby.until('it', ({ event }) => event === 'webrtc-ice-candidate')
  assert.equal(payload, { candidate, fromSocketId: alice.id, fromUser: 'alice' })
  assert.is(carol.of('webrtc-ice-candidate').length, 0)
  // A null candidate ends the list of candidates, so it is a valid value; a missing one is not.
  assert.is((await alice.ask('webrtc-ice-candidate', { targetSocketId: bobby.id, candidate: null })).ok, true)
  assert.is((await alice.ask('webrtc-offer', { targetSocketId: bobby.id })).code, 'invalid_offer')
})

test('given somebody who left the room, when they signal or are signalled, then there is nobody', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  await bobby.ask('leave-space', {})
  const offer = { sdp: 'x' }
  assert.is((await alice.ask('webrtc-offer', { targetSocketId: bobby.id, offer })).code, 'session_not_found')
  assert.is((await bobby.ask('webrtc-offer', { targetSocketId: alice.id, offer })).code, 'session_not_found')
  assert.is((await bobby.ask('aframe-update', { a: 1 })).code, 'session_not_found')
})

test('given an update of 16 KB, then it is passed on; a byte more is refused', async ({ node }) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  const fits = { s: 'x'.repeat(16_384 - '{"s":""}'.length) }
  assert.is((await alice.ask('aframe-update', fits)).ok, true)
  const { payload } = await bobby.until('the update', ({ event }) => event === 'aframe-update')
  assert.equal(payload.entityData, fits)
  const tooLong = await alice.ask('aframe-update', { s: `${fits.s}x` })
  assert.equal([tooLong.ok, tooLong.code], [false, 'too_large'])
  assert.is((await alice.ask('aframe-update', [1])).code, 'invalid_payload')
})

test('given updates faster than the pace, then fewer are passed on, in order, and the newest always comes', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  for (let i = 1; i <= 1_000; i += 1) alice.socket.emit('aframe-update', { i })
  await bobby.until('the newest', ({ payload }) => payload.entityData?.i === 1_000)
  const seen = bobby.of('aframe-update').map(({ entityData }) => entityData.i)
  assert.ok(seen.length < 300, `${seen.length} updates`)
  assert.equal(
    seen,
    [...seen].sort((a, b) => a - b),
  )
})

test('given a crowd that moves at once, then each hears the newest of everybody else, in one write, and nothing of anybody who left', async ({
  node,
}) => {
  const room = 'post:alice/my-post:main'
  const crowd = await Promise.all(
    ['alice', 'bobby', 'carol', 'daisy'].map((name) => node.connect(`account:${name}`)),
  )
  for (const one of crowd) await one.ask('join-space', POST)
  const ids = crowd.map(({ id }) => id)
  const { io } = node.sockets
  const moved = (id: string, n: number) => ({
    packet: () => packetOf('aframe-update', { id, n }),
    isThere: () => io.of('/').adapter.rooms.get(room)?.has(id) === true,
  })
  const sending = createSending({ io, metrics: {}, maxWaiting: 1 << 20, onSlow: () => {} })
  let writes = 0
  for (const id of ids) {
    const net = connectionOf(io.sockets.sockets.get(id) as never).transport.socket?._socket as unknown as {
      readonly _handle: Record<'writeBuffer' | 'writev', (...given: unknown[]) => number>
    }
    const { _handle: handle } = net
    // What Node gives to the system: one buffer, or several at once.
    for (const how of ['writeBuffer', 'writev'] as const) {
      const write = handle[how]
      handle[how] = (...given) => {
        writes += 1
        return write.apply(handle, given)
      }
    }
  }
  for (let n = 1; n <= 3; n += 1) for (const id of ids) sending.newest(room, id, moved(id, n))
  for (const one of crowd) {
    await one.until('the others', () => one.of('aframe-update').length === 3)
    assert.equal(
      one.of('aframe-update'),
      ids.filter((id) => id !== one.id).map((id) => ({ id, n: 3 })),
    )
  }
  assert.is(writes, crowd.length)

  const [, bobby, carol, daisy] = ids as [string, string, string, string]
  for (const id of [bobby, carol]) sending.newest(room, id, moved(id, 4))
  // A message of somebody on another process.
  sending.newest(room, 'elsewhere', { ...moved('elsewhere', 4), isThere: () => true })
  await io.sockets.sockets.get(bobby)?.leave(room)
  const [, , , hers] = crowd
  await hers?.until('the others', () => hers.of('aframe-update').length === 5)
  assert.equal(
    hers
      ?.of('aframe-update')
      .slice(3)
      .map(({ id }) => id),
    [carol, 'elsewhere'],
  )
  assert.is(hers?.id, daisy)
})

test('given a client that stops reading, then it is closed before its news fills the memory, and the others go on', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  // By hand: a WebSocket that joins, and then never reads again.
  const { line: slow, send } = await dial(node.url, 'account:sloth')
  send(`42["join-space",${JSON.stringify(POST)}]`)
  await alice.until('the slow one', ({ payload }) => payload.userAccount === 'sloth')
  slow.pause()
  let isOver = false
  const talking = (async () => {
    const content = '😀'.repeat(1_999)
    while (!isOver)
      await Promise.all(Array.from({ length: 20 }, () => alice.ask('chat-message', { content })))
  })()
  const { payload } = await bobby.until('the slow one out', ({ event }) => event === 'user-left')
  isOver = true
  await talking
  assert.is(payload.userAccount, 'sloth')
  assert.is(node.sockets.state().sockets, 2)
  slow.destroy()
})

test('given texts of every length class, then a frame states its length as RFC 6455 requires, and a shared end is not copied', () => {
  for (const length of [0, 1, 100, 124, 125, 126, 65_533, 65_534, 65_535, 70_000]) {
    const frame = frameOf('x'.repeat(length))
    const size = length + 1
    const header = size < 126 ? 2 : size < 65_536 ? 4 : 10
    assert.is(frame.length, header + size)
    assert.is(frame[0], 0x81)
    const said =
      header === 2 ? frame[1] : header === 4 ? frame.readUInt16BE(2) : Number(frame.readBigUInt64BE(2))
    assert.is(said, size)
    assert.is(frame[header], 0x34)
    const tail = Buffer.from('end')
    const [first, second] = frameWithTail('x'.repeat(length), tail)
    assert.is(second, tail)
    assert.equal(Buffer.concat([first, second]), frameOf(`${'x'.repeat(length)}end`))
  }
})

test('given a rate limit, then a burst is sent at once and the rest at its rate', () => {
  const pace = { perSecond: 10, burst: 3 }
  const bucket = fullBucket(pace, 0)
  assert.equal(
    [0, 0, 0, 0].map((now) => take(bucket, pace, now)),
    [true, true, true, false],
  )
  assert.is(waitFor(bucket, pace), 100)
  assert.is(take(bucket, pace, 99), false)
  assert.is(take(bucket, pace, 100), true)
})

test('given endless signals, then the sender is slowed down, and the receiver stays', async ({ node }) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  const send = (size: number) =>
    bobby.ask('webrtc-offer', { targetSocketId: alice.id, offer: { sdp: 'x'.repeat(size) } })
  assert.is((await send(16_384)).code, 'too_large')
  assert.is((await send(65_536)).code, 'too_large')
  const answers = await Promise.all(Array.from({ length: 230 }, () => send(16_000)))
  const passed = answers.filter(({ ok }) => ok).length
  assert.ok(passed > 50 && passed < 160, `${passed} of 230 passed`)
  assert.ok(answers.every(({ ok, code }) => ok || code === 'slow_down'))
  assert.is((await alice.ask('chat-message', { content: 'still here' })).ok, true)
  assert.is(node.sockets.state().sockets, 2)
})

test('given a client that does not read its signals, then they are dropped, and the client stays', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const connection = connectionOf(node.sockets.io.sockets.sockets.get(alice.id) as never)
  const netSocket = connection.transport.socket?._socket as unknown as {
    cork: () => void
    uncork: () => void
  }
  netSocket.cork()
  const codes: unknown[] = []
  for (let guest = 0; guest < 3; guest += 1) {
    const one = await node.connect()
    await one.ask('join-space', POST)
    const offer = { sdp: 'x'.repeat(16_000) }
    for (let n = 0; n < 40; n += 1)
      codes.push((await one.ask('webrtc-offer', { targetSocketId: alice.id, offer })).code)
  }
  assert.ok(codes.includes('slow_down'))
  netSocket.uncork()
  assert.is((await alice.ask('chat-message', { content: 'still here' })).ok, true)
  assert.ok(alice.of('webrtc-offer').length < 40, `${alice.of('webrtc-offer').length} came`)
})

test('given a room’s budget, when more moves than it allows, then each sender’s newest update is sent when possible, small updates first, and those that only say where a body is are free', () => {
  const budget = createBudget({ perSecond: 1_000, burst: 1_000 }, { perSecond: 1e9, burst: 1e9 })
  const waiting = new Map([
    ['large', { bytes: 400 }],
    ['small', { bytes: 10 }],
    ['middle', { bytes: 90 }],
  ])
  const names = (now: number, room = 'a') => budget.affordable(room, waiting, 5, now).map(([name]) => name)
  assert.equal(names(0), ['small', 'middle', 'large'])
  // That used 2,500 of a budget of 1,000.
  assert.equal(names(1_000), [])
  assert.ok(budget.wait(['a']) > 400, `${budget.wait(['a'])} ms`)
  assert.equal(names(1_000, 'b'), ['small', 'middle', 'large'], 'each room has its own')
  assert.equal(names(1_600), ['small', 'middle'])
  const whole = createBudget({ perSecond: 1e9, burst: 1e9 }, { perSecond: 100, burst: 100 })
  assert.is(whole.affordable('a', waiting, 5, 0).length, 2)
  assert.equal(whole.affordable('b', waiting, 5, 0), [], 'and all have one together')
  const crowd = createBudget({ perSecond: 1_000, burst: 1_000 }, { perSecond: 1e9, burst: 1e9 }, 90)
  const going = () => crowd.affordable('a', waiting, 5, 0).map(([name]) => name)
  assert.equal(going(), ['small', 'middle', 'large'])
  assert.equal(going(), ['small', 'middle'], 'where somebody stands goes out whatever else is spent')
})

/** A relay by which the test plays another process. */
const byHand = () => {
  let bring: (room: string, message: unknown) => void = () => {}
  const relay: Relay = {
    ...localRelay(),
    onMessage: (handler) => {
      bring = handler as typeof bring
    },
  }
  return { relay, bring: (message: unknown) => bring('post:alice/my-post:main', message) }
}

test('given an update that comes late from another process, when its sender has left or moved on, then nobody hears it; when it is not yet known, then as soon as it is', async () => {
  const log = memoryLog()
  const { relay, bring } = byHand()
  const [here, there] = [await testNode(log, { relay }), await testNode(log, { name: 'node-2' })]
  try {
    const bobby = await here.connect('account:bobby')
    await bobby.ask('join-space', POST)
    for (const [go, reason] of [
      [(one: Client) => one.ask('leave-space'), 'left'],
      [(one: Client) => one.close(), 'disconnected'],
      [(one: Client) => one.ask('join-space', { ...POST, subspace: 'main-b' }), 'moved'],
    ] as const) {
      const alice = await there.connect('account:alice')
      const { id } = alice
      // It arrives before the news from the log, as Redis is faster than the log.
      bring({ kind: 'aframe', from: id, data: { early: reason } })
      await alice.ask('join-space', POST)
      await bobby.until('early', ({ payload }) => payload.entityData?.early === reason)
      await go(alice)
      await bobby.until('gone', ({ event, payload }) => event === 'user-left' && payload.socketId === id)
      bring({ kind: 'aframe', from: id, data: { late: reason } })
    }
    const carol = await there.connect('account:carol')
    await carol.ask('join-space', POST)
    await bobby.until('carol', ({ payload }) => payload.userAccount === 'carol')
    bring({ kind: 'aframe', from: carol.id, data: { last: true } })
    await bobby.until('the last', ({ payload }) => payload.entityData?.last === true)
    assert.equal(
      bobby.of('aframe-update').flatMap(({ entityData }) => entityData.late ?? []),
      [],
    )
  } finally {
    await here.stop()
    await there.stop()
  }
})

test('given an update that waits for a busy socket, when its sender leaves meanwhile, then it is not sent any more', async ({
  node,
}) => {
  const [alice, bobby] = [await node.connect('account:alice'), await node.connect('account:bobby')]
  await alice.ask('join-space', POST)
  await bobby.ask('join-space', POST)
  const connection = connectionOf(node.sockets.io.sockets.sockets.get(bobby.id) as never)
  const transport = connection.transport as unknown as { writable: boolean; emit: (name: string) => void }
  transport.writable = false
  await alice.ask('aframe-update', { late: 1 })
  await alice.ask('leave-space')
  transport.writable = true
  transport.emit('ready')
  await bobby.until('alice gone', ({ event }) => event === 'user-left')
  assert.equal(bobby.of('aframe-update'), [])
})

test.run()
