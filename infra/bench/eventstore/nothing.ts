/** A node that stores nothing, in a process of its own: no store can make a client faster than this node does. With a file as its second
 *  argument it writes the bytes of each append there, and answers once an fdatasync has put them on the disk. Whatever came meanwhile goes
 *  into the next: no store that keeps what it acknowledges can do less. */
import { fdatasync, openSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { caughtUpFrame, eventFrame, writeEvent } from '../../eventstore/protocol/frames.ts'
import { parseReadOptions } from '../../eventstore/protocol/read-options.ts'
import { decodeBody, encodeBody } from '../../eventstore/protocol/record.ts'
import { correlationOf, parseBatchRequest } from '../../eventstore/protocol/requests.ts'
import { batchResponse } from '../../eventstore/protocol/responses.ts'
import { ServerFeaturesService, StreamsService } from '../../eventstore/protocol/stubs.ts'
import { putVarint, Reader } from '../../eventstore/protocol/wire.ts'
import { supportedMethods } from '../../eventstore/server/cluster.ts'
import {
  breathe,
  type Call,
  createGrpcServer,
  type Definition,
  type Handler,
  unary,
} from '../../eventstore/server/grpc.ts'

/** The `ReadResp` that every read returns, over and over, in base64. */
const frame = Buffer.from(process.argv[2] ?? '', 'base64')

/** The event's own bytes in that response, inside two messages of one field each. */
const bodyOf = (read: Buffer): Buffer => {
  const outer = new Reader(read)
  outer.varint()
  const inner = outer.message()
  inner.varint()
  return inner.bytes()
}

/** The same with a different position, because a subscription delivers none twice. `n` is below 2^28. */
const numbered = (() => {
  const { id, type, contentType, stream, revision, created, data, metadata } = decodeBody(bodyOf(frame))
  const proposed = { id, type, contentType, data, metadata }
  const least = 2 ** 28
  const body = encodeBody(proposed, Buffer.from(stream), {
    revision: Number(revision),
    position: least,
    ticks: `${created}`,
  })
  const whole = eventFrame({ position: least, stream: 1, revision: 0, body, head: undefined }, 'string')
  // It always takes five bytes, whatever its value.
  const mark = Buffer.alloc(5)
  putVarint(mark, 0, least)
  const places: number[] = []
  for (let at = whole.indexOf(mark); at >= 0; at = whole.indexOf(mark, at + 1)) places.push(at)
  return (n: number): Buffer => {
    const copy = Buffer.from(whole)
    for (const at of places) putVarint(copy, at, least + n)
    return copy
  }
})()

/** Who is told of each append as soon as it comes. */
const followers = new Set<Call>()
/** After any event that a client knows of. */
let position = 2 ** 40
const tell = (message: Buffer): void => {
  const { options, events } = parseBatchRequest(message, Date.now())
  const name = Buffer.from(options?.stream ?? '')
  for (const event of events) {
    position += 1
    const body = encodeBody(event, name, { revision: position, position, ticks: `${Date.now()}0000` })
    const told = { position, stream: 1, revision: position, body, head: undefined }
    for (const call of followers) writeEvent(call, told, 'string')
  }
}

let revision = 0
const answer = (call: Call, message: Buffer): void => {
  revision += 1
  call.write(
    batchResponse(correlationOf(message), undefined, { tag: 'appended', revision, position: revision }),
  )
  if (followers.size > 0) tell(message)
}

/** A file that is written to from the beginning again and again, as a write-ahead log is. */
const MOST_BYTES = 8 * 1024 * 1024
const onDisk = (path: string): typeof answer => {
  const file = openSync(path, 'w')
  let at = 0
  let waiting: Array<readonly [Call, Buffer]> = []
  let isBusy = false
  const sync = (): void => {
    const group = waiting
    waiting = []
    isBusy = group.length > 0
    if (!isBusy) return
    const bytes = Buffer.concat(group.map(([, message]) => message))
    if (at + bytes.length > MOST_BYTES) at = 0
    writeSync(file, bytes, 0, bytes.length, at)
    at += bytes.length
    fdatasync(file, (error) => {
      if (error !== null) throw error
      for (const [call, message] of group) answer(call, message)
      // After what has come meanwhile was read.
      setImmediate(sync)
    })
  }
  return (call, message) => {
    waiting.push([call, message])
    if (isBusy) return
    isBusy = true
    setImmediate(sync)
  }
}
const take = process.argv[3] === undefined ? answer : onDisk(process.argv[3])

const append: Handler = (call) => {
  call.onMessage = (message) => take(call, message)
  call.onEnd = () => call.end()
}

const read: Handler = (call) => {
  call.onMessage = async (message) => {
    const options = parseReadOptions(StreamsService.read.requestDeserialize(message))
    if (options.subscribe && options.from !== 'start') {
      call.write(caughtUpFrame)
      followers.add(call)
      call.onClose = () => followers.delete(call)
      return
    }
    const count = options.subscribe ? Number.POSITIVE_INFINITY : options.count
    for (let sent = 0; sent < count && call.open(); ) {
      for (let n = 0; n < 512 && sent < count; n += 1, sent += 1)
        call.write(options.subscribe ? numbered(sent) : frame)
      if (call.blocked()) await call.ready()
      else await breathe()
    }
    call.end()
  }
}

const handlers = new Map<string, Handler>([
  [StreamsService.batchAppend.path, append],
  [StreamsService.read.path, read],
])
handlers.set(
  ServerFeaturesService.getSupportedMethods.path,
  unary(
    ServerFeaturesService.getSupportedMethods as unknown as Definition<unknown, unknown>,
    supportedMethods([...handlers.keys()]) as () => unknown,
  ),
)
const { http2 } = createGrpcServer(handlers)
const server = createServer((socket) => {
  socket.setNoDelay(true)
  http2.emit('connection', socket)
})
server.listen(0, '127.0.0.1', () => console.log(`ready ${(server.address() as { port: number }).port}`))
