import { request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSocket } from '../../../infra/testing/json-socket.ts'
import { ALICES_POST, eachOnOneNode, type OneNode } from '../../../infra/testing/sockets.ts'

const test = suite<OneNode>('JSON sockets')
eachOnOneNode(test)

const ROOM = 'alice/my-post:main'
const JOIN = { type: 'join-space', ...ALICES_POST, subspace: 'main', room: ROOM }

test('given a join’s ticket, when the wallet’s room API connects, then it is in the room as whoever joined', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  const bob = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  bob.send(JOIN)
  const joined = await bob.until('space-joined')
  assert.is(joined.success, true)
  assert.is(joined.room, ROOM)
  assert.equal(joined.identity, { kind: 'account', id: 'bob', verified: true })
  assert.is(joined.permission, 'access')
  assert.is(joined.users.length, 2)
  assert.is('session_token' in joined, false)
  await alice.until('bob', ({ event, payload }) => event === 'user-joined' && payload.userAccount === 'bob')

  bob.send({ type: 'chat-message', content: 'hi', room: ROOM })
  const said = await bob.until('chat-message')
  assert.is(said.content, 'hi')
  assert.is(said.user_account, 'bob')
  const heard = await alice.until('hi', ({ event }) => event === 'chat-message')
  assert.is(heard.payload.message_id, said.message_id)

  await alice.ask('chat-reaction', { message_id: said.message_id, emoji: '👍' })
  assert.is((await bob.until('chat-reaction')).emoji, '👍')
  assert.is(await bob.close(), 1005)
  await alice.until(
    'gone',
    ({ event, payload }) => event === 'user-left' && payload.reason === 'disconnected',
  )
})

test('given a message of an app’s own type, then the others get it with its sender, and nobody can pretend to be somebody else', async ({
  node,
}) => {
  const [bob, carol] = await Promise.all(
    ['bob', 'carol'].map((name) => jsonSocket(node.url, `/?ticket=${node.ticketFor(name, 'alice/my-post')}`)),
  )
  assert.ok(bob && carol)
  for (const one of [bob, carol]) {
    one.send(JOIN)
    await one.until('space-joined')
  }
  const move = { type: 'chess-move', move: 'e2-e4', player: 'mallory', timestamp: 7, room: ROOM }
  bob.send({ ...move, from: { id: 'alice', verified: true } })
  const heard = await carol.until('chess-move')
  assert.equal(heard, { ...move, from: { id: 'bob', verified: true } })
  for (const type of [
    'user-joined',
    'kicked',
    'space-joined',
    'settings-changed',
    'room-data',
    'nothing\u0000'.slice(0, 0),
  ]) {
    bob.send({ type, room: ROOM })
  }
  carol.send({ type: 'chess-move', move: 'e7-e5', room: ROOM })
  await bob.until('chess-move')
  assert.is(
    bob.heard.filter(({ type, code }) => type === 'space-error' && code === 'invalid_event').length,
    5,
  )
  assert.not(bob.heard.some(({ type, move: own }) => type === 'chess-move' && own === 'e2-e4'))
  assert.equal(
    carol.heard.map(({ type }) => type),
    ['space-joined', 'chess-move'],
  )
})

test('given a client that asks for room-data, then it hears which socket a message is from, and can address a single one', async ({
  node,
}) => {
  const clients = await Promise.all(
    ['bob', 'carol', 'dave'].map((name) =>
      jsonSocket(node.url, `/?ticket=${node.ticketFor(name, 'alice/my-post')}`),
    ),
  )
  const [bob, carol, dave] = clients
  assert.ok(bob && carol && dave)
  for (const one of clients) {
    one.send({ type: 'join-space', room_data: one !== dave })
    await one.until('space-joined')
  }
  const { users } = await dave.until('space-joined')
  const idOf = (name: string) =>
    users.find((user: { userAccount: string }) => user.userAccount === name).socketId
  bob.send({
    type: 'room-data',
    data_type: 'dice',
    data: { type: 'six' },
    fromSocketId: 'forged',
    request_id: '1',
  })
  assert.is((await bob.until('answer')).ok, true)
  const heard = await carol.until('room-data')
  assert.is(heard.data_type, 'dice')
  assert.equal(heard.data, { type: 'six' })
  assert.is(heard.fromSocketId, idOf('bob'))
  assert.equal(heard.from, { id: 'bob', verified: true })
  assert.equal(await dave.until('dice'), { type: 'dice', from: { id: 'bob', verified: true } })
  carol.send({ type: 'room-data', data_type: 'whisper', data: 7, to: idOf('bob') })
  assert.is((await bob.until('room-data')).data, 7)
  for (const data_type of ['kicked', 'hand-state', '', undefined])
    bob.send({ type: 'room-data', data_type, data: 1, request_id: `refused ${data_type}` })
  const last = await bob.until('answer', ({ request_id }) => request_id === 'refused undefined')
  assert.is(last.code, 'invalid_type')
  assert.is(bob.heard.filter(({ type, ok }) => type === 'answer' && ok === false).length, 4)
  assert.not(dave.heard.some(({ type }) => type === 'whisper' || type === 'kicked'))
})

test('given no ticket, then the client is a guest, if guests may enter; given a wrong one, then it is refused', async ({
  node,
  log,
}) => {
  const guest = await jsonSocket(node.url)
  guest.send({ type: 'join-space', room: ROOM })
  const joined = await guest.until('space-joined')
  assert.is(joined.identity.kind, 'guest')
  assert.is('session_token' in joined, false)
  const before = log.all().length
  const good = node.ticketFor('bob', 'alice/my-post')
  for (const wrong of ['', 'x', `${good}x`, good.slice(1), `${good}&ticket=${good}`, 'a'.repeat(5_000)]) {
    const one = await jsonSocket(node.url, `/?ticket=${wrong}`)
    assert.is((await one.until('space-error')).code, 'invalid_proof')
    assert.is(await one.closed, 4403)
  }
  assert.is(log.all().length, before)
})

test('given a ticket, when it is used twice, by somebody else, late, or for another room, then it is refused; after its connection is lost, it can be used again', async ({
  node,
}) => {
  const options = { headers: { 'user-agent': 'Quest' } }
  const path = `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`
  const first = await jsonSocket(node.url, path, options)
  first.send(JOIN)
  await first.until('space-joined')
  const second = await jsonSocket(node.url, path, options)
  assert.is((await second.until('space-error')).code, 'invalid_proof')
  assert.is(await second.closed, 4403)
  await first.close()
  const another = await jsonSocket(node.url, path, { headers: { 'user-agent': 'Curl' } })
  assert.is((await another.until('space-error')).code, 'invalid_proof')
  const again = await jsonSocket(node.url, path, options)
  again.send({ ...JOIN, subspace: 'main-chess', room: 'alice/my-post:main-chess' })
  assert.is((await again.until('space-error')).code, 'invalid_room')
  assert.is(await again.closed, 4403)
  const later = await jsonSocket(node.url, path, options)
  for (const room of ['alice-my-post-main', undefined, 'post:alice/my-post:main', 'alice-my-post']) {
    later.send({ type: 'join-space', room })
  }
  assert.is((await later.until('space-joined')).identity.id, 'bob')
  later.send({ type: 'join-space', room: 'alice/another-post:main' })
  assert.is((await later.until('space-error')).code, 'invalid_room')
  await later.close()
})

test('given somebody who is banned, when they join, then they are told why and closed; somebody who is kicked, likewise', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  const bob = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  bob.send(JOIN)
  const { sessionId } = await bob.until('space-joined')
  assert.ok((await alice.ask('kick', { session_id: sessionId, reason: 'noise' })).ok)
  assert.is((await bob.until('kicked')).reason, 'noise')
  assert.is(await bob.closed, 4403)
  assert.ok((await alice.ask('ban', { account: 'carol' })).ok)
  const carol = await jsonSocket(node.url, `/?ticket=${node.ticketFor('carol', 'alice/my-post')}`)
  carol.send(JOIN)
  const refused = await carol.until('space-error')
  assert.is(refused.code, 'banned')
  assert.is(refused.ok, false)
  assert.is(await carol.closed, 4403)
})

test('given news of each kind, then a JSON socket gets it with the payload of Socket.IO’s', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  const carol = await node.connect('account:carol')
  await alice.ask('join-space', ALICES_POST)
  const bob = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  bob.send(JOIN)
  const { settings, permission } = await bob.until('space-joined')
  assert.equal([settings.chat_enabled, settings.max_users > 0, permission], [true, true, 'access'])
  await carol.ask('join-space', ALICES_POST)
  await carol.ask('voice-state', { enabled: true })
  const { message_id } = await carol.ask('chat-message', { content: 'hi' })
  await carol.ask('chat-edit', { message_id, content: 'hello' })
  await carol.ask('chat-reaction', { message_id, emoji: '👍' })
  await carol.ask('chat-delete', { message_id })
  await alice.ask('mute', { account: 'carol' })
  await alice.ask('settings-change', { slow_mode_seconds: 3 })
  await carol.ask('leave-space')
  await bob.until('user-left')
  for (const type of [
    'user-joined',
    'voice-state',
    'chat-message',
    'chat-edited',
    'chat-reaction',
    'chat-deleted',
    'permission-changed',
    'settings-changed',
    'user-left',
  ]) {
    await alice.until(type, ({ event, payload }) => event === type && payload.userAccount !== 'bob')
    const asSocketIo = alice.of(type).at(-1)
    const { type: _, ...asJson } = bob.heard.findLast((one) => one.type === type) ?? { type: 'none' }
    assert.equal(asJson, asSocketIo, type)
  }
})

test('given signals and a request_id, then a signal reaches the other, and the answer reaches the asker', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  const bob = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  bob.send(JOIN)
  await bob.until('space-joined')
  bob.send({
    type: 'webrtc-offer',
    targetSocketId: alice.id,
    offer: { type: 'offer', sdp: 'v=0' },
    room: ROOM,
  })
  const { payload } = await alice.until('the offer', ({ event }) => event === 'webrtc-offer')
  await alice.ask('webrtc-answer', {
    targetSocketId: payload.fromSocketId,
    answer: { type: 'answer', sdp: 'v=0' },
  })
  assert.is((await bob.until('webrtc-answer')).fromUser, 'alice')
  bob.send({ type: 'aframe-update', position: { x: 1, y: 2, z: 3 }, request_id: '7', room: ROOM })
  assert.equal(await bob.until('answer'), { type: 'answer', request_id: '7', ok: true })
  const moved = await alice.until('a move', ({ event }) => event === 'aframe-update')
  assert.equal(moved.payload.entityData, { position: { x: 1, y: 2, z: 3 } })
})

const upgrade = (
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ status?: number; body: string }> =>
  new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { headers: { connection: 'Upgrade', ...headers } })
    asked.on('response', (response) => {
      let body = ''
      response.on('data', (piece) => {
        body += piece
      })
      response.on('end', () =>
        resolve({ ...(response.statusCode ? { status: response.statusCode } : {}), body }),
      )
    })
    asked.on('upgrade', (_, socket) => {
      socket.destroy()
      resolve({ status: 101, body: '' })
    })
    asked.on('error', reject)
    asked.end()
  })

test('given a request for a protocol that nobody here speaks, then the answer is a sentence, never a bare hang-up', async ({
  node,
}) => {
  const good = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  for (const [path, headers, status] of [
    ['/socket.io/', good, 400],
    ['/socket.io/?transport=websocket', good, 400],
    ['/socket.io/?EIO=9&transport=websocket', good, 400],
    ['/?EIO=4&transport=websocket', good, 400],
    ['/api/naf?EIO=3', good, 400],
    ['/api/collab/invr?room=R', good, 404],
    ['/api/collab/invr/R', good, 404],
    ['/', { ...good, 'sec-websocket-version': '7' }, 426],
    ['/', { ...good, 'sec-websocket-key': 'x' }, 400],
    ['/', { upgrade: 'websocket' }, 426],
    ['/', { upgrade: 'h3' }, 400],
    ['/', { ...good, origin: 'https://elsewhere.example' }, 403],
    // Refused by Engine.IO itself, which hangs up as soon as it has answered.
    ['/socket.io/?EIO=4&transport=websocket', { ...good, origin: 'https://elsewhere.example' }, 400],
    ['/socket.io/?EIO=4&transport=pigeon', good, 400],
    ['/any/path', good, 101],
  ] as const) {
    const answer = await upgrade(node.url, path, headers)
    assert.is(answer.status, status, path)
    if (status !== 101) assert.match(answer.body, /\w+ \w+/, path)
  }
})

test('given a frame over the limit, before or after joining, then the client is told so and the connection stays', async ({
  node,
}) => {
  const bob = await jsonSocket(node.url, `/?ticket=${node.ticketFor('bob', 'alice/my-post')}`)
  bob.send({ type: 'chess-move', move: 'x'.repeat(300_000) })
  assert.is((await bob.until('space-error')).code, 'too_large')
  bob.send(JOIN)
  await bob.until('space-joined')
  bob.send({ type: 'chat-message', content: '€'.repeat(100_000), room: ROOM })
  bob.send({ type: 'chat-message', content: 'hi', room: ROOM })
  assert.is((await bob.until('chat-message')).content, 'hi')
})

test.run()
