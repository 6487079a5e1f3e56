import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eachOnOneNode, type OneNode, ALICES_POST as POST } from '../../infra/testing/sockets.ts'
import { frameOf, frameWithTail, packetOf } from './frames.ts'
import { connectionOf, createSending } from './sending.ts'
import { fullBucket, take, waitFor } from './token-bucket.ts'

const test = suite<OneNode>('what is not in the log')

eachOnOneNode(test, {
  limits: { packets: { perSecond: 1e9, burst: 1e9 }, maxWaiting: 256 * 1024 },
})

test('given two in a room on one node, when one signals the other, then only that one hears it', async ({
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
  // A null candidate ends the candidates: it is a value like any other. None at all is not.
  assert.is((await alice.ask('webrtc-ice-candidate', { targetSocketId: bobby.id, candidate: null })).ok, true)
  assert.is((await alice.ask('webrtc-offer', { targetSocketId: bobby.id })).code, 'invalid_offer')
})

test('given one who left the room, when it signals or is signalled, then there is nobody', async ({
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

test('given a crowd that moves at once, then each hears the newest of every other, in one write, and nothing of one who left', async ({
  node,
}) => {
  const room = 'post:alice/my-post:main'
  const crowd = await Promise.all(
    ['alice', 'bobby', 'carol', 'daisy'].map((name) => node.connect(`account:${name}`)),
  )
  for (const one of crowd) await one.ask('join-space', POST)
  const ids = crowd.map(({ id }) => id)
  const { io } = node.sockets
  const sending = createSending({ io, metrics: {}, maxWaiting: 1 << 20, onSlow: () => {} })
  let writes = 0
  for (const id of ids) {
    const sender = connectionOf(io.sockets.sockets.get(id) as never).transport.socket?._sender as {
      sendFrame: (...given: unknown[]) => void
    }
    const { sendFrame } = sender
    sender.sendFrame = (...given) => {
      writes += 1
      sendFrame.apply(sender, given)
    }
  }
  for (let n = 1; n <= 3; n += 1)
    for (const id of ids) sending.newest(room, id, packetOf('aframe-update', { id, n }), true)
  for (const one of crowd) {
    await one.until('the others', () => one.of('aframe-update').length === 3)
    assert.equal(
      one.of('aframe-update'),
      ids.filter((id) => id !== one.id).map((id) => ({ id, n: 3 })),
    )
  }
  assert.is(writes, crowd.length)

  const [, bobby, carol, daisy] = ids as [string, string, string, string]
  for (const id of [bobby, carol]) sending.newest(room, id, packetOf('aframe-update', { id, n: 4 }), true)
  // Of one on another process it is not known here.
  sending.newest(room, 'elsewhere', packetOf('aframe-update', { id: 'elsewhere', n: 4 }), false)
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
  const { hostname, port } = new URL(node.url)
  const slow = dial(Number(port), hostname)
  const send = (text: string) => {
    const data = Buffer.from(text)
    const head =
      data.length < 126
        ? Buffer.from([0x81, 0x80 | data.length])
        : Buffer.from([0x81, 0xfe, data.length >> 8, data.length & 255])
    slow.write(Buffer.concat([head, Buffer.alloc(4), data]))
  }
  slow.write(
    `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  )
  await once(slow, 'data')
  send('40{"token":"account:sloth"}')
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

test('given texts of every length class, then a frame says its length as RFC 6455 does, and a shared end is not copied', () => {
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

test('given a pace, then a burst goes at once and the rest at its rate', () => {
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

test.run()
