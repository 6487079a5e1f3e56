import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { olderSocket } from '../../../infra/testing/older-client.ts'
import { ALICES_POST, eachOnOneNode, type OneNode } from '../../../infra/testing/sockets.ts'
import { until } from '../../../infra/testing/until.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent
type Json = any
type Context = OneNode & { open: Array<{ disconnect: () => void }> }
const test = suite<Context>('languages')
eachOnOneNode(test, { iceServers: (id) => [{ urls: ['turn:turn.dlux.io'], username: id }] })
test.before.each((context) => {
  context.open = []
})
test.after.each(({ open }) => {
  for (const one of open) one.disconnect()
})

type Heard = {
  socket: Socket
  of: (event: string) => Json[]
  next: (event: string, wanted?: (p: Json) => boolean) => Promise<Json>
}
const listening = (
  socket: { on: (event: string, listener: (payload: Json) => void) => void },
  events: ReadonlyArray<string>,
) => {
  const heard: Array<{ event: string; payload: Json }> = []
  for (const event of events) socket.on(event, (payload: Json) => heard.push({ event, payload }))
  const of = (event: string) => heard.filter((one) => one.event === event).map(({ payload }) => payload)
  return {
    of,
    next: async (event: string, wanted: (p: Json) => boolean = () => true) => {
      await until(`${event} came`, () => of(event).some(wanted), 5_000)
      return of(event).find(wanted)
    },
  }
}
const EVENTS = [
  'connectSuccess',
  'occupantsChanged',
  'broadcast',
  'send',
  'easyrtcMsg',
  'easyrtcCmd',
  'space-error',
  'room-data',
  'kicked',
  'disconnect',
]
const connect = async ({ node, open }: Context, path = '/'): Promise<Heard> => {
  const socket = io(`${node.url}${path}`, { transports: ['websocket'], forceNew: true, reconnection: false })
  open.push(socket)
  const heard = listening(socket, EVENTS)
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined))
    socket.once('connect_error', reject)
  })
  return { socket, ...heard }
}
const ticket = ({ node }: Context, name: string, subspace = 'main') =>
  `?ticket=${node.ticketFor(name, 'alice/my-post', subspace)}`
const naf = async (context: Context, name: string, room = 'alice-my-post-main') => {
  const one = await connect(context, `/${ticket(context, name)}`)
  one.socket.emit('joinRoom', { room })
  await one.next('connectSuccess')
  return one
}
test('given two clients with networked-aframe’s socketio adapter, then each knows of the other, and data goes to the room or to one', async (context) => {
  const bob = await naf(context, 'bob')
  const carol = await naf(context, 'carol')
  const ids = [bob.socket.id, carol.socket.id].sort()
  for (const one of [bob, carol]) {
    const { occupants } = await one.next('occupantsChanged', (p) => Object.keys(p.occupants).length === 2)
    assert.equal(Object.keys(occupants).sort(), ids)
    assert.ok(Object.values(occupants).every((at) => typeof at === 'number' && at > 1_600_000_000_000))
  }
  bob.socket.emit('broadcast', { from: 'somebody', type: 'u', data: { networkId: 'a', isFirstSync: true } })
  assert.equal(await carol.next('broadcast'), {
    from: bob.socket.id,
    type: 'u',
    data: { networkId: 'a', isFirstSync: true },
  })
  carol.socket.emit('send', { from: 'x', to: bob.socket.id, type: 'r', data: { networkId: 'a' } })
  const sent = await bob.next('send')
  assert.equal([sent.from, sent.type, sent.data], [carol.socket.id, 'r', { networkId: 'a' }])
  assert.equal(bob.of('broadcast'), [])
  bob.socket.disconnect()
  const left = await carol.next('occupantsChanged', (p) => Object.keys(p.occupants).length === 1)
  assert.equal(Object.keys(left.occupants), [carol.socket.id])
})

test('given the webrtc adapter’s signalling, then it reaches its target, with its sender', async (context) => {
  const bob = await naf(context, 'bob')
  const carol = await naf(context, 'carol')
  const offer = { from: 'forged', to: carol.socket.id, type: 'offer', sdp: 'v=0' }
  bob.socket.emit('send', { to: carol.socket.id, type: 'ice-candidate', data: offer })
  const { from, type, data } = await carol.next('send')
  assert.equal([from, type], [bob.socket.id, 'ice-candidate'])
  assert.equal(data, { ...offer, from: bob.socket.id })
})

test('given a full room, when somebody sends joinRoom, then they get space_full and are disconnected', async (context) => {
  const alice = await context.node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  assert.ok((await alice.ask('settings-change', { max_users: 1 })).ok)
  const bob = await connect(context, `/${ticket(context, 'bob')}`)
  bob.socket.emit('joinRoom', { room: 'alice-my-post-main' })
  assert.is((await bob.next('space-error')).code, 'space_full')
  await bob.next('disconnect')
})

test('given easyrtc’s newer client, then it gets a token with ICE servers, the room’s clients, and news of them', async (context) => {
  const { node } = context
  const bob = await connect(context, `/${ticket(context, 'bob')}`)
  const token = await bob.socket.emitWithAck('easyrtcAuth', {
    msgType: 'authenticate',
    msgData: { applicationName: 'dlux-vr' },
  })
  assert.is(token.msgType, 'token')
  const { easyrtcid, iceConfig, application, roomData } = token.msgData
  assert.match(easyrtcid, /^[A-Za-z0-9]{16}$/)
  assert.equal(iceConfig, { iceServers: [{ urls: ['turn:turn.dlux.io'], username: 'bob' }] })
  assert.equal(application, { applicationName: 'dlux-vr' })
  assert.equal(roomData, {})
  const R = 'alice/my-post:main'
  const wrong = await bob.socket.emitWithAck('easyrtcCmd', {
    msgType: 'roomJoin',
    msgData: { roomJoin: { elsewhere: { roomName: 'elsewhere' } } },
  })
  assert.equal([wrong.msgType, wrong.msgData.errorCode], ['error', 'INVALID_ROOM'])
  const joined = await bob.socket.emitWithAck('easyrtcCmd', {
    msgType: 'roomJoin',
    msgData: { roomJoin: { [R]: { roomName: R } } },
  })
  assert.is(joined.msgType, 'roomData')
  const room = joined.msgData.roomData[R]
  assert.equal([room.roomName, room.roomStatus, Object.keys(room.clientList)], [R, 'join', [easyrtcid]])
  assert.equal(room.clientList[easyrtcid].presence, { show: 'chat', status: null })

  const older = olderSocket(`${node.url}/${ticket(context, 'carol')}`)
  context.open.push(older)
  const carol = listening(older, EVENTS)
  await new Promise((resolve) => older.on('connect', () => resolve(undefined)))
  const hers: Json = await new Promise((resolve) =>
    older.emit(
      'easyrtcAuth',
      { msgType: 'authenticate', msgData: { roomJoin: { [R]: { roomName: R } } } },
      resolve,
    ),
  )
  assert.is(hers.msgType, 'token')
  const carolId = hers.msgData.easyrtcid
  assert.equal(Object.keys(hers.msgData.roomData[R].clientList).sort(), [easyrtcid, carolId].sort())
  const came = await bob.next('easyrtcCmd', ({ msgType }) => msgType === 'roomData')
  const update = came.msgData.roomData[R]
  assert.equal([came.easyrtcid, update.roomStatus], [easyrtcid, 'update'])
  assert.is(update.clientListDelta.updateClient[carolId].easyrtcid, carolId)

  older.emit('easyrtcMsg', { msgType: 'u', msgData: { networkId: 'a' }, targetRoom: R })
  const message = await bob.next('easyrtcMsg')
  assert.equal(
    { ...message, serverTime: 0 },
    {
      senderEasyrtcid: carolId,
      targetRoom: R,
      msgType: 'u',
      msgData: { networkId: 'a' },
      easyrtcid,
      serverTime: 0,
    },
  )
  const sent = await bob.socket.emitWithAck('easyrtcMsg', {
    msgType: 'r',
    msgData: 1,
    targetEasyrtcid: carolId,
  })
  assert.equal(sent, { msgType: 'ack' })
  assert.is((await carol.next('easyrtcMsg')).targetEasyrtcid, carolId)
  const nobody = await bob.socket.emitWithAck('easyrtcMsg', {
    msgType: 'r',
    msgData: 1,
    targetEasyrtcid: 'x',
  })
  assert.is(nobody.msgType, 'error')

  const offer = { type: 'offer', sdp: 'v=0' }
  assert.equal(
    await bob.socket.emitWithAck('easyrtcCmd', {
      msgType: 'offer',
      targetEasyrtcid: carolId,
      msgData: offer,
    }),
    { msgType: 'ack' },
  )
  const offered = await carol.next('easyrtcCmd', ({ msgType }) => msgType === 'offer')
  assert.equal([offered.senderEasyrtcid, offered.msgData], [easyrtcid, offer])
  assert.equal(await bob.socket.emitWithAck('easyrtcCmd', { msgType: 'hangup', targetEasyrtcid: carolId }), {
    msgType: 'ack',
  })
  assert.is(
    (await carol.next('easyrtcCmd', ({ msgType }) => msgType === 'hangup')).senderEasyrtcid,
    easyrtcid,
  )

  const field = { mediaIds: { fieldName: 'mediaIds', fieldValue: { default: 'm1' } } }
  const own = await bob.socket.emitWithAck('easyrtcCmd', {
    msgType: 'setRoomApiField',
    msgData: { setRoomApiField: { roomName: R, field } },
  })
  assert.equal(own.msgData.roomData[R].clientListDelta.updateClient[easyrtcid].apiField, field)
  const told = await carol.next(
    'easyrtcCmd',
    ({ msgData }) => msgData?.roomData?.[R].clientListDelta?.updateClient?.[easyrtcid] !== undefined,
  )
  assert.equal(told.msgData.roomData[R].clientListDelta.updateClient[easyrtcid].apiField, field)
  for (const msgType of ['setUserCfg', 'setPresence'])
    assert.equal(
      await bob.socket.emitWithAck('easyrtcCmd', { msgType, msgData: { setPresence: { show: 'away' } } }),
      { msgType: 'ack' },
    )
  const ice = await bob.socket.emitWithAck('easyrtcCmd', { msgType: 'getIceConfig', msgData: {} })
  assert.equal([ice.msgType, ice.msgData.iceConfig.iceServers.length], ['iceConfig', 1])

  const left = await bob.socket.emitWithAck('easyrtcCmd', {
    msgType: 'roomLeave',
    msgData: { roomLeave: { [R]: { roomName: R } } },
  })
  assert.is(left.msgData.roomData[R].roomStatus, 'leave')
  const gone = await carol.next(
    'easyrtcCmd',
    ({ msgData }) => msgData?.roomData?.[R]?.clientListDelta?.removeClient !== undefined,
  )
  assert.equal(gone.msgData.roomData[R].clientListDelta.removeClient, { [easyrtcid]: { easyrtcid } })
})

test('given a namespace other than the default, then its sockets are members too, in any protocol', async (context) => {
  const alice = await context.node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  const bob = await connect(context, `/api/naf${ticket(context, 'bob')}`)
  const joined = await bob.socket.emitWithAck('join-space', ALICES_POST)
  assert.ok(joined.ok)
  await alice.ask('room-data', { type: 'u', data: { a: 1 } })
  assert.equal((await bob.next('room-data')).data, { a: 1 })
  // The ancestor's websocket_url, which names Socket.IO's own path.
  const older = olderSocket(`${context.node.url}/socket.io/${ticket(context, 'carol')}`)
  context.open.push(older)
  const carol = listening(older, EVENTS)
  await new Promise((resolve) => older.on('connect', () => resolve(undefined)))
  older.emit('joinRoom', { room: 'post:alice/my-post:main' })
  const { occupants } = await carol.next('occupantsChanged')
  assert.is(Object.keys(occupants).length, 3)
  older.emit('broadcast', { type: 'um', data: { d: [] } })
  assert.is((await bob.next('room-data', ({ type }) => type === 'um')).from.id, 'carol')
})

test('given a client of another protocol, when a moderator kicks it, then it is told and disconnected', async (context) => {
  const alice = await context.node.connect('account:alice')
  await alice.ask('join-space', ALICES_POST)
  const bob = await naf(context, 'bob')
  const { payload } = await alice.until(
    'bob',
    ({ event, payload: who }) => event === 'user-joined' && who.userAccount === 'bob',
  )
  assert.is(payload.socketId, bob.socket.id)
  await alice.ask('kick', { session_id: payload.sessionId })
  await bob.next('kicked')
  await bob.next('disconnect')
  bob.socket.emit('broadcast', { type: 'u', data: {} })
  assert.equal(alice.of('room-data'), [])
})

test('given no ticket, then a room’s name is read as authors write it, and one that fits two posts or none is refused with how to name a room', async (context) => {
  for (const room of [
    'post:alice/my-post:main',
    'alice/my-post',
    'global:lobby',
    'alice/my-post:main-chess',
  ]) {
    const guest = await connect(context)
    guest.socket.emit('joinRoom', { room })
    await guest.next('connectSuccess')
  }
  for (const room of ['naf-nowhere', 'custom_room', 'alice-my-post-main', 'x', '', 'a-'.repeat(150)]) {
    const guest = await connect(context)
    guest.socket.emit('joinRoom', { room })
    const { code, error } = await guest.next('space-error')
    assert.is(code, 'space_not_found')
    assert.match(error, /post:alice\/my-post:main/)
    await guest.next('disconnect')
  }
})

test('given room-data, then each sender’s arrives whole and in order, in the room or at one socket, and never too large or too often', async (context) => {
  const { node, log } = context
  const [alice, bob, carol] = await Promise.all(
    ['alice', 'bob', 'carol'].map((name) => node.connect(`account:${name}`)),
  )
  assert.ok(alice && bob && carol)
  for (const one of [alice, bob, carol]) await one.ask('join-space', ALICES_POST)
  const before = log.all().length
  for (let i = 0; i < 300; i += 1)
    alice.socket.emit('room-data', i % 3 === 0 ? { to: bob.id, type: 't', data: i } : { type: 't', data: i })
  assert.ok((await alice.ask('room-data', { type: 'last', data: null })).ok)
  await bob.until('last', ({ event, payload }) => event === 'room-data' && payload.type === 'last')
  await carol.until('last', ({ event, payload }) => event === 'room-data' && payload.type === 'last')
  const numbers = (client: typeof bob) =>
    client
      .of('room-data')
      .filter(({ type }) => type === 't')
      .map(({ data }) => data)
  assert.equal(
    numbers(bob),
    Array.from({ length: 300 }, (_, i) => i),
  )
  assert.equal(
    numbers(carol),
    Array.from({ length: 300 }, (_, i) => i).filter((i) => i % 3 !== 0),
  )
  assert.equal(alice.of('room-data'), [])
  const { fromSocketId, fromUser, from } = bob.of('room-data')[0]
  assert.equal([fromSocketId, fromUser, from], [alice.id, 'alice', { id: 'alice', verified: true }])
  const codes = async (asked: object) => (await alice.ask('room-data', asked)).code
  assert.is(await codes({ type: 'x', data: 'é'.repeat(33_000) }), 'too_large')
  assert.is(await codes({ type: 'x' }), 'invalid_data')
  for (const type of ['kicked', 'space-joined', '', 'x'.repeat(65), 7, null])
    assert.is(await codes({ type, data: 1 }), 'invalid_type')
  assert.is(await codes({ to: 'nobody', type: 'x', data: 1 }), 'session_not_found')
  const large = { type: 'x', data: 'x'.repeat(60_000) }
  const given = await Promise.all(Array.from({ length: 40 }, () => alice.ask('room-data', large)))
  assert.ok(given.some(({ ok }) => ok) && given.some(({ code }) => code === 'slow_down'))
  assert.is(log.all().length, before)
})

test.run()
