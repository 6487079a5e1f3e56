/** A node that stores nothing: what a client reaches against it, no store behind it can better. A process of its own. */
import { createServer } from 'node:net'
import { supportedMethods } from '../../eventstore/cluster.ts'
import { breathe, createGrpcServer, type Definition, type Handler, unary } from '../../eventstore/grpc.ts'
import { parseReadOptions } from '../../eventstore/read-options.ts'
import { correlationOf } from '../../eventstore/requests.ts'
import { batchResponse } from '../../eventstore/responses.ts'
import { ServerFeaturesService, StreamsService } from '../../eventstore/stubs.ts'

/** The `ReadResp` that every read gives, over and over, in base64. */
const frame = Buffer.from(process.argv[2] ?? '', 'base64')

let revision = 0
const append: Handler = (call) => {
  call.onMessage = (message) => {
    revision += 1
    call.write(
      batchResponse(correlationOf(message), undefined, { tag: 'appended', revision, position: revision }),
    )
  }
  call.onEnd = () => call.end()
}

const read: Handler = (call) => {
  call.onMessage = async (message) => {
    const { count } = parseReadOptions(StreamsService.read.requestDeserialize(message))
    for (let sent = 0; sent < count && call.open(); ) {
      for (let n = 0; n < 512 && sent < count; n += 1, sent += 1) call.write(frame)
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
