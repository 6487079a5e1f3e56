/** Tickets on the sockets of easyrtc and networked-aframe, newer and older: used twice, by another, late, or for another room,
 *  a ticket lets nobody in, and makes nobody a guest. */
import { io } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { olderSocket } from '../../../infra/testing/older-client.ts'
import { type TestNode, testNode } from '../../../infra/testing/sockets.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
type Socket = {
  readonly on: (event: string, listener: (payload: Json) => void) => unknown
  readonly emit: (event: string, ...rest: Json[]) => unknown
  readonly disconnect: () => unknown
}
type Context = {
  node: TestNode
  log: ReturnType<typeof memoryLog>
  clock: { ahead: number; now: () => number }
  open: Socket[]
}
const test = suite<Context>('tickets in other languages')
const ROOM = 'alice-my-post-main'

test.before.each(async (context) => {
  context.clock = {
    ahead: 0,
    now: () => Math.floor(performance.timeOrigin + performance.now()) + context.clock.ahead,
  }
  context.log = memoryLog()
  context.open = []
  context.node = await testNode(context.log, { clock: context.clock })
})
test.after.each(async ({ node, open }) => {
  for (const one of open) one.disconnect()
  await node.stop()
})

/** `agent`: what the client calls itself. */
type Open = (url: string, agent: string) => Socket
const newer: Open = (url, agent) =>
  io(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    extraHeaders: { 'user-agent': agent },
  })
const older: Open = (url) => olderSocket(url)
/** Asks for a room in the protocol; resolves to `in`, or to the code with which it was refused. */
type Enter = (socket: Socket, room: string) => Promise<string>
const asNaf: Enter = (socket, room) =>
  new Promise((resolve) => {
    socket.on('connectSuccess', () => resolve('in'))
    socket.on('space-error', ({ code }) => resolve(code))
    socket.emit('joinRoom', { room })
  })
const asEasyrtc: Enter = (socket, room) =>
  new Promise((resolve) => {
    const said = (answer: Json) =>
      resolve(answer.msgType === 'error' ? answer.msgData.errorCode.toLowerCase() : 'in')
    const asked = { msgType: 'authenticate', msgData: { roomJoin: { [room]: { roomName: room } } } }
    socket.emit('easyrtcAuth', asked, said)
  })
const LANGUAGES: ReadonlyArray<readonly [string, Open, Enter]> = [
  ['networked-aframe’s adapters', newer, asNaf],
  ['networked-aframe’s adapters over Engine.IO 3', older, asNaf],
  ['easyrtc', newer, asEasyrtc],
  ['easyrtc over Engine.IO 3', older, asEasyrtc],
]
/** `connected`, or the code with which the connection was refused: as data of the error, or as the error itself. */
const connected = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.on('connect', () => resolve('connected'))
    const refused = (error: Json) =>
      resolve(error?.data?.code ?? error?.code ?? String(error?.message ?? error))
    socket.on('connect_error', refused)
    socket.on('error', refused)
  })

for (const [language, open, enter] of LANGUAGES)
  test(`given ${language}, when a ticket is used twice, late, or for another room, then nobody is let in with it`, async (context) => {
    const { node, clock, log } = context
    const use = async (ticket: string, agent = 'Quest') => {
      const socket = open(`${node.url}/?ticket=${ticket}`, agent)
      context.open.push(socket)
      return { socket, how: await connected(socket) }
    }
    const first = await use(node.ticketFor('bob', 'alice/my-post'))
    assert.is(first.how, 'connected')
    assert.is(await enter(first.socket, ROOM), 'in')
    const ticket = node.ticketFor('carol', 'alice/my-post')
    const hers = await use(ticket)
    assert.is(await enter(hers.socket, ROOM), 'in')
    assert.match((await use(ticket)).how, /invalid_proof|proof|ticket/i)
    const wrong = await use(node.ticketFor('dave', 'alice/my-post'))
    assert.is(await enter(wrong.socket, 'post:alice/another-post:main'), 'invalid_room')
    const late = node.ticketFor('erin', 'alice/my-post')
    clock.ahead += 61_000
    assert.match((await use(late)).how, /invalid_proof|proof|ticket/i)
    const people = log
      .all()
      .filter(({ type }) => type === 'SessionJoined')
      .map(({ data }) => (data as { account: string | null }).account)
    assert.equal(people, ['bob', 'carol'])
  })

test('given a ticket whose connection has ended, when another client comes with it, then it is refused', async (context) => {
  const { node } = context
  const path = `${node.url}/?ticket=${node.ticketFor('bob', 'alice/my-post')}`
  const first = newer(path, 'Quest')
  assert.is(await connected(first), 'connected')
  assert.is(await asNaf(first, ROOM), 'in')
  first.disconnect()
  const other = newer(path, 'Curl')
  context.open.push(other)
  assert.is(await connected(other), 'invalid_proof')
})

test.run()
