/** Clients that do not read: how much memory they may cost, and when they are disconnected. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dial } from '../../infra/testing/dialled.ts'
import { eachOnOneNode, type OneNode, ALICES_POST as POST } from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'
import type { SocketConnection } from './connection.ts'
import { sendInPages } from './pages.ts'
import { createUnread } from './unread.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const test = suite<OneNode>('what is not read')
eachOnOneNode(test, { limits: { packets: { perSecond: 1e9, burst: 1e9 } } })

/** A hand-made WebSocket that sends, and never reads once it has joined. */
const deaf = async (url: string, name: string) => {
  const { line, send } = await dial(url, `account:${name}`)
  line.pause()
  return { send, close: () => line.destroy() }
}

test('given ten clients that never read and ask three times for everything that was said, then each costs only a page', async ({
  node,
}) => {
  const alice = await node.connect('account:alice')
  await alice.ask('join-space', POST)
  const content = '😀'.repeat(999)
  for (let n = 0; n < 2; n += 1)
    await Promise.all(Array.from({ length: 250 }, () => alice.ask('chat-message', { content })))
  collectGarbage()
  const before = process.memoryUsage().arrayBuffers
  const lines = await Promise.all(Array.from({ length: 10 }, (_, n) => deaf(node.url, `deaf-${n}`)))
  await until('all are connected', () => node.sockets.state().sockets === 11)
  const join = `42["join-space",${JSON.stringify({ ...POST, since: { space: '0', chat: '-1' } })}]`
  for (const { send } of lines) for (let n = 0; n < 3; n += 1) send(join)
  await until('all are in', () => alice.of('user-joined').length === 10)
  const sockets = [...node.sockets.io.sockets.sockets.values()].filter(({ id }) => id !== alice.id)
  const waiting = () =>
    sockets.map(({ client }) => {
      const { transport } = client.conn as unknown as SocketConnection
      return transport.socket?._socket?.writableLength ?? 0
    })
  await until('some wait', () => waiting().some((bytes) => bytes > 0) || sockets.every((s) => !s.connected))
  assert.ok(Math.max(...waiting()) < 1 << 20, `${waiting()} bytes wait`)
  // Garbage is not held.
  collectGarbage()
  const more = process.memoryUsage().arrayBuffers - before
  assert.ok(more < 32 << 20, `${more} bytes of buffers more`)
  assert.is((await alice.ask('chat-message', { content: 'and the others go on' })).ok, true)
  for (const { close } of lines) close()
  await until('they are gone', () => node.sockets.state().sockets === 1)
})

/** A connection, as far as this code looks at it, that the test controls. */
const connection = () => {
  const net = { writableLength: 0, bytesWritten: 0, destroyed: false }
  let flush: () => void = () => {}
  const one = {
    readyState: 'open',
    transport: { name: 'websocket', socket: { _socket: net } },
    on: (_: string, listener: () => void) => {
      flush = () => listener.call(one)
    },
  }
  return { one: one as unknown as SocketConnection, net, flush: () => flush() }
}

test('given data waiting in Engine.IO, in the system and for polls, then all of it is counted', () => {
  const unread = createUnread({ maxWaiting: 1_000, maxBuffers: 1e12, patience: 1e9, cut: () => {} })
  const { one, net, flush } = connection()
  unread.watch(one)
  unread.handed(one, 300)
  net.writableLength = 500
  assert.is(unread.bytes(one), 800)
  assert.is(unread.isTooMuch(one), false)
  unread.handed(one, 300)
  assert.is(unread.isTooMuch(one), true)
  flush()
  assert.is(unread.bytes(one), 500)
  // A room's state may exceed what may wait otherwise, until it has been read.
  unread.credit(one, 5_000)
  net.writableLength = 5_500
  assert.is(unread.isTooMuch(one), false)
  net.writableLength = 0
  assert.is(unread.isTooMuch(one), false)
  net.writableLength = 5_500
  assert.is(unread.isTooMuch(one), true)
  const poll = { writableLength: 700, bytesWritten: 700, destroyed: false }
  Object.assign(one.transport, { res: { socket: poll } })
  net.writableLength = 0
  flush()
  assert.is(unread.bytes(one), 700)
  poll.destroyed = true
  assert.is(unread.bytes(one), 0)
})

test('given a client with much waiting data, when it reads nothing for long, then it is disconnected, and one that reads is not', async () => {
  const cut: SocketConnection[] = []
  const unread = createUnread({
    maxWaiting: 1e9,
    maxBuffers: 1e12,
    patience: 600,
    cut: (one) => cut.push(one),
  })
  const [idle, reader] = [connection(), connection()]
  for (const { one, net } of [idle, reader]) {
    unread.watch(one)
    net.writableLength = 1 << 20
    net.bytesWritten = 1 << 20
    unread.isTooMuch(one)
  }
  const reading = setInterval(() => {
    reader.net.writableLength -= 1_000
  }, 20)
  await until('one is cut', () => cut.length > 0)
  clearInterval(reading)
  unread.stop()
  assert.equal(
    cut.map((one) => one === idle.one),
    [true],
  )
})

test('given pages, then each waits for the one before, and a client that stops reading is sent nothing more', async () => {
  let waiting = 0
  const sent: number[] = []
  const line = {
    waiting: () => waiting,
    packets: (packets: ReadonlyArray<string>) => {
      sent.push(packets.length)
      waiting = packets.reduce((sum, { length }) => sum + length, 0)
    },
    sendElsewhere: () => {},
  }
  const news = Array.from({ length: 10 }, () => ({
    event: 'chat-message',
    payload: { content: 'x'.repeat(50_000) },
  }))
  let isIn = 0
  let goes = true
  const sending = sendInPages(line, news, { goesOn: () => goes, onWait: () => (isIn += 1) })
  await until('the first page', () => isIn > 0)
  assert.equal(sent, [3])
  waiting = 0
  await until('the second page', () => sent.length === 2)
  goes = false
  assert.is(await sending, false)
  assert.equal(sent, [3, 3])
})

test.run()
