/** A full room with a queue, for people who speak other protocols: each is told that they wait, keeps their place, and gets in
 *  when it is their turn. */
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonSocket } from '../../../infra/testing/json-socket.ts'
import {
  type Client,
  eachOnOneNode,
  type OneNode,
  ALICES_POST as POST,
} from '../../../infra/testing/sockets.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
type Context = OneNode & { open: Socket[]; alice: Client }
const test = suite<Context>('the queue in other languages')
eachOnOneNode(test)
test.before.each(async (context) => {
  context.open = []
  context.alice = await context.node.connect('account:alice')
  assert.is((await context.alice.ask('join-space', POST)).ok, true)
  assert.is((await context.alice.ask('settings-change', { queue: true, max_users: 1 })).ok, true)
})
test.after.each(({ open }) => {
  for (const one of open) one.disconnect()
})

const path = ({ node }: Context, name: string) => `/?ticket=${node.ticketFor(name, 'alice/my-post')}`
const connect = async (context: Context, name: string): Promise<Socket> => {
  const socket = io(`${context.node.url}${path(context, name)}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
  })
  context.open.push(socket)
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)))
  return socket
}
const next = (socket: Socket, event: string): Promise<Json> =>
  new Promise((resolve) => socket.once(event, resolve))
const waiting = ({ log }: Context) => log.all().filter(({ type }) => type === 'PlaceTaken').length
/** For how long (s) the seat is held. */
const heldFor = (expiresAt: string) => (Date.parse(expiresAt) - Date.now()) / 1_000

test('given a JSON socket, when it joins a full room, then it is told its place and its turn, the seat is held for a minute, and it gets in', async (context) => {
  const { node, alice } = context
  const dave = await jsonSocket(node.url, path(context, 'dave'))
  const join = { type: 'join-space', ...POST, room_data: true }
  dave.send({ ...join, request_id: 'one' })
  const queued = await dave.until('answer', ({ request_id }) => request_id === 'one')
  assert.equal([queued.ok, queued.code, queued.queue.position, queued.queue.waiting], [false, 'queued', 1, 1])
  await dave.until('queue-place', ({ position }) => position === 1)
  await alice.ask('leave-space', {})
  const { expires_at } = await dave.until('queue-turn')
  assert.ok(heldFor(expires_at) > 50 && heldFor(expires_at) <= 60, expires_at)
  dave.send({ ...join, request_id: 'two' })
  assert.is((await dave.until('answer', ({ request_id }) => request_id === 'two')).ok, true)
  const { users } = await dave.until('space-joined')
  assert.equal(
    users.map((user: Json) => user.userAccount),
    ['dave'],
  )
  await dave.close()
})

test('given easyrtc’s client, when it joins a full room, then it is refused in its own form, keeps its place, and gets in at its turn', async (context) => {
  const dave = await connect(context, 'dave')
  const ask = (event: string, payload: object): Promise<Json> =>
    dave.timeout(5_000).emitWithAck(event, payload)
  const token = await ask('easyrtcAuth', {
    msgType: 'authenticate',
    msgData: { apiVersion: '1.1.1-beta', applicationName: 'dlux-vr' },
  })
  assert.is(token.msgType, 'token')
  const room = 'alice-my-post-main'
  const enter = () =>
    ask('easyrtcCmd', { msgType: 'roomJoin', msgData: { roomJoin: { [room]: { roomName: room } } } })
  const refused = await enter()
  assert.equal([refused.msgType, refused.msgData.errorCode], ['error', 'QUEUED'])
  assert.match(refused.msgData.errorText, /^[A-Z].+\.$/)
  assert.is(waiting(context), 1)
  await context.alice.ask('leave-space', {})
  const entered = await enter()
  assert.is(entered.msgType, 'roomData')
  assert.is(Object.keys(entered.msgData.roomData[room].clientList).length, 1)
})

for (const adapter of ['socketio', 'webrtc'])
  test(`given networked-aframe’s ${adapter} adapter, when it joins a full room, then it is told that it waits and is disconnected, keeps its place, and gets in at its turn`, async (context) => {
    const dave = await connect(context, 'dave')
    const [told, gone] = [next(dave, 'space-error'), next(dave, 'disconnect')]
    dave.emit('joinRoom', { room: 'alice-my-post-main' })
    const { code, queue } = await told
    assert.equal([code, queue.position], ['queued', 1])
    await gone
    assert.is(waiting(context), 1)
    await context.alice.ask('leave-space', {})
    // Whoever comes in the meantime gets no seat.
    const frank = await context.node.connect('account:frank')
    assert.is((await frank.ask('join-space', POST)).code, 'queued')
    const again = await connect(context, 'dave')
    const entered = next(again, 'connectSuccess')
    again.emit('joinRoom', { room: 'alice-my-post-main' })
    assert.type((await entered).joinedTime, 'number')
  })

test.run()
