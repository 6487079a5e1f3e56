/** What the server keeps of a socket that does nothing. */
import type { IncomingMessage } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { type TestNode, testNode } from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const test = suite<{ node: TestNode }>('an idle socket')
test.before.each(async (context) => {
  context.node = await testNode(memoryLog())
})
test.after.each(async ({ node }) => {
  await node.stop()
})

for (const transports of [['websocket'], ['polling', 'websocket']])
  test(`given a socket that connected by ${transports.join(', then ')}, when it is in a room, then nothing keeps the requests that it came with`, async ({
    node,
  }) => {
    const requests: WeakRef<IncomingMessage>[] = []
    node.sockets.io.engine.use((request: IncomingMessage, _: unknown, next: () => void) => {
      requests.push(new WeakRef(request))
      next()
    })
    const client = await node.connect(null, { transports })
    await client.ask('join-space', { spaceType: 'post', spaceId: 'alice/x' })
    const connection = () => client.socket.io.engine.transport.name
    await until('it is a WebSocket', () => connection() === 'websocket')
    await until('its requests are gone', () => {
      collectGarbage()
      return requests.length > 0 && requests.every((request) => request.deref() === undefined)
    })
  })

test('given a socket in a room, then it listens to errors of its WebSocket, and survives them', async ({
  node,
}) => {
  const client = await node.connect()
  await client.ask('join-space', { spaceType: 'post', spaceId: 'alice/x' })
  const [socket] = node.sockets.io.of('/').sockets.values()
  const { transport } = socket!.conn as unknown as {
    readonly transport: { readonly socket: NodeJS.EventEmitter }
  }
  transport.socket.emit('error', new Error('a frame that is none'))
  assert.is(await client.disconnected, 'transport close')
  await until('its session has ended', () => node.sockets.state().sockets === 0)
})

test.run()
