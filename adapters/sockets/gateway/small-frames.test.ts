import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type WebSocket, WebSocketServer } from 'ws'
import { until } from '../../../infra/testing/until.ts'
import { readSmallFrames } from './small-frames.ts'

const test = suite('small frames')

const MASK = [1, 2, 3, 4]
/** A client's frame; `first`: its first byte. */
const frameOf = (first: number, bytes: Buffer): Buffer => {
  const head = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 255]
  const masked = bytes.map((byte, i) => byte ^ MASK[i & 3]!)
  return Buffer.concat([Buffer.from([first, 0x80 | head[0]!, ...head.slice(1), ...MASK]), masked])
}
const text = (words: string) => frameOf(0x81, Buffer.from(words))
const binary = (bytes: string) => frameOf(0x82, Buffer.from(bytes))
const PART = 0x02
const LAST = 0x80

type World = {
  readonly heard: string[]
  readonly client: Socket
  readonly ws: WebSocket
  readonly direct: () => number
  /** How often the stream gave something. */
  readonly streamed: () => number
  readonly end: () => void
}
const open = async (): Promise<World> => {
  const heard: string[] = []
  let [direct, streamed] = [0, 0]
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new WebSocketServer({ server })
  const { port } = server.address() as { port: number }
  const client = connect({ port, host: '127.0.0.1', noDelay: true })
  client.write(
    'GET / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  const [ws] = (await once(sockets, 'connection')) as [WebSocket]
  ws.on('message', (data, isBinary) => heard.push(`${isBinary ? 'binary' : 'text'} ${data}`))
  ws.on('ping', (data) => heard.push(`ping ${data}`))
  ws.on('error', (error) => heard.push(error.message))
  ws.on('close', (code) => heard.push(`closed ${code}`))
  readSmallFrames(ws, (bytes, start, end) => {
    direct += 1
    heard.push(`binary ${bytes.subarray(start, end)}`)
  })
  const { _socket: net } = ws as unknown as { readonly _socket: Socket }
  net.on('data', () => {
    streamed += 1
  })
  client.resume()
  return {
    heard,
    client,
    ws,
    direct: () => direct,
    streamed: () => streamed,
    end: () => {
      client.destroy()
      server.close()
    },
  }
}

const frames = [
  text('one'),
  binary('two'),
  binary('three'),
  frameOf(0x89, Buffer.from('four')),
  binary('five'),
  binary('6'.repeat(300)),
  binary(''),
  frameOf(PART, Buffer.from('se')),
  frameOf(0x89, Buffer.from('between')),
  frameOf(LAST, Buffer.from('ven')),
  binary('eight'),
]
const said = [
  'text one',
  'binary two',
  'binary three',
  'ping four',
  'binary five',
  `binary ${'6'.repeat(300)}`,
  'binary ',
  'ping between',
  'binary seven',
  'binary eight',
]

test('given frames of all kinds, when they come in pieces of any length, then each is heard once and in order', async () => {
  const all = Buffer.concat(frames)
  for (const length of [1, 2, 3, 5, 7, 11, 64, all.length]) {
    const world = await open()
    try {
      for (let from = 0; from < all.length; from += length) {
        world.client.write(all.subarray(from, from + length))
        // Each piece in a packet of its own, as far as the system does that.
        await new Promise(setImmediate)
      }
      await until('all came', () => world.heard.length >= said.length)
      assert.equal(world.heard, said, `pieces of ${length}`)
      const before = world.direct()
      world.client.write(Buffer.concat([binary('nine'), binary('ten')]))
      await until('two more came', () => world.heard.length === said.length + 2)
      assert.is(world.direct(), before + 2, 'past the library')
      const streamed = world.streamed()
      world.client.write(binary('eleven'))
      await until('the last came', () => world.heard.length === said.length + 3)
      assert.is(world.streamed(), streamed, 'past the stream')
    } finally {
      world.end()
    }
  }
})

test('given a binary frame in the middle of a message, when it comes, then the library refuses it as before', async () => {
  const world = await open()
  try {
    world.client.write(Buffer.concat([frameOf(PART, Buffer.from('se')), binary('two')]))
    await until('it is closed', () => world.heard.some((line) => line.startsWith('closed')))
    assert.is(world.direct(), 0)
    assert.match(world.heard[0]!, /Invalid WebSocket frame/)
  } finally {
    world.end()
  }
})

test('given a socket that is closed at the first of many frames, then no more of them is heard', async () => {
  const world = await open()
  try {
    world.ws.once('message', () => world.ws.terminate())
    world.client.write(Buffer.concat([text('one'), binary('two'), binary('three')]))
    await until('it is closed', () => world.heard.some((line) => line.startsWith('closed')))
    assert.is(world.direct(), 0)
  } finally {
    world.end()
  }
})

test('given a socket that is paused, when it is resumed, then what was sent meanwhile is heard', async () => {
  const world = await open()
  try {
    world.client.write(binary('one'))
    await until('the first came', () => world.heard.length === 1)
    world.ws.pause()
    world.client.write(Buffer.concat([binary('two'), text('three')]))
    const other = await open()
    other.client.write(binary('in the same memory'))
    await until('another is heard', () => other.heard.length === 1)
    other.end()
    assert.is(world.heard.length, 1)
    world.ws.resume()
    await until('it is heard', () => world.heard.length === 3)
    assert.equal(world.heard, ['binary one', 'binary two', 'text three'])
  } finally {
    world.end()
  }
})

test('given messages that come half in one piece and half in the next, when others come in between, then none has the bytes of another', async () => {
  const worlds = [await open(), await open()] as const
  try {
    for (const { client } of worlds) client.write(binary('begin'))
    await until('they are read directly', () => worlds.every(({ heard }) => heard.length === 1))
    const said = worlds.map((_, n) => frameOf(0x81, Buffer.from(`${n}`.repeat(400))))
    for (const [n, { client }] of worlds.entries()) client.write(said[n]!.subarray(0, 200))
    await until('each has a half', () => worlds.every(({ streamed }) => streamed() === 2))
    for (const [n, { client }] of worlds.entries()) client.write(said[n]!.subarray(200))
    await until('all came', () => worlds.every(({ heard }) => heard.length === 2))
    for (const [n, { heard }] of worlds.entries()) assert.is(heard[1], `text ${`${n}`.repeat(400)}`)
  } finally {
    for (const { end } of worlds) end()
  }
})

test('given a client that ends its connection, or whose connection is cut, then the socket is closed', async () => {
  for (const how of ['end', 'resetAndDestroy'] as const) {
    const world = await open()
    try {
      world.client.write(binary('one'))
      await until('it is heard', () => world.heard.length === 1)
      world.client[how]()
      await until('it is closed', () => world.heard.includes('closed 1006'))
    } finally {
      world.end()
    }
  }
})

test.run()
