import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../../infra/testing/until.ts'
import { writePastStream } from './past-stream.ts'

const test = suite('writing past the stream')

type World = { readonly net: Socket; readonly client: Socket; readonly end: () => void }
const open = async (): Promise<World> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect({ port, host: '127.0.0.1' })
  const [net] = (await once(server, 'connection')) as [Socket]
  const end = () => {
    client.destroy()
    net.destroy()
    server.close()
  }
  return { net, client, end }
}
/** How often the stream writes from now on. */
const counted = (net: Socket): { count: number } => {
  const seen = { count: 0 }
  const write = net.write.bind(net) as (bytes: Buffer) => boolean
  net.write = ((bytes: Buffer) => {
    seen.count += 1
    return write(bytes)
  }) as Socket['write']
  return seen
}

test('given a socket, when it is written to, then nothing goes through its stream but the first of all', async () => {
  const { net, client, end } = await open()
  try {
    let heard = ''
    client.on('data', (bytes) => {
      heard += bytes
    })
    writePastStream(net, Buffer.from('one '))
    const stream = counted(net)
    for (const word of ['two ', 'three ', 'four']) writePastStream(net, Buffer.from(word))
    await until('all came', () => heard === 'one two three four')
    assert.is(stream.count, 0)
    assert.is(net.bytesWritten, 'one two three four'.length)
  } finally {
    end()
  }
})

test('given a client that does not read, when it is written to in both ways, then what waits is counted, and it gets everything in order', async () => {
  const { net, client, end } = await open()
  try {
    client.pause()
    let count = 0
    const numbered = () => {
      count += 1
      return Buffer.alloc(4_096, `${String(count).padStart(7)} `)
    }
    while (net.writableLength < 1_000_000) {
      writePastStream(net, numbered())
      net.write(numbered())
      net.cork()
      writePastStream(net, numbered())
      net.uncork()
    }
    const parts: Buffer[] = []
    let length = 0
    client.on('data', (bytes: Buffer) => {
      parts.push(bytes)
      length += bytes.length
    })
    client.resume()
    await until('all came', () => length === count * 4_096)
    const all = Buffer.concat(parts)
    for (let n = 0; n < count; n += 1)
      assert.ok(
        all.subarray(n * 4_096, (n + 1) * 4_096).equals(Buffer.alloc(4_096, `${String(n + 1).padStart(7)} `)),
      )
    assert.is(net.writableLength, 0)
    const stream = counted(net)
    writePastStream(net, Buffer.from('once more'))
    assert.is(stream.count, 0, 'past it again')
  } finally {
    end()
  }
})

test('given a client that reads nothing of one frame, when it reads, then the frame is whole', async () => {
  const { net, client, end } = await open()
  try {
    client.pause()
    // Until the system takes only a part of one.
    let count = 0
    const waits = () => (net as unknown as { _handle: { writeQueueSize: number } })._handle.writeQueueSize
    while (waits() === 0) {
      writePastStream(net, Buffer.alloc(16_000, 65 + (count % 26)))
      count += 1
    }
    const stream = counted(net)
    writePastStream(net, Buffer.from('.'))
    assert.is(stream.count, 1, 'what comes after it is counted by the stream')
    let [heard, letters] = [0, 0]
    client.on('data', (bytes: Buffer) => {
      for (const byte of bytes) {
        if (byte === 46) continue
        if (byte === 65 + (Math.floor(heard / 16_000) % 26)) letters += 1
        heard += 1
      }
    })
    client.resume()
    await until('all came', () => heard === count * 16_000)
    assert.is(letters, heard)
  } finally {
    end()
  }
})

test('given a connection that is cut, when it is written to, then the socket ends as with its stream', async () => {
  const { net, client, end } = await open()
  try {
    const errors: string[] = []
    net.on('error', ({ message }) => errors.push(message))
    writePastStream(net, Buffer.from('one'))
    client.resetAndDestroy()
    const closed = new Promise<void>((resolve) => net.once('close', () => resolve()))
    // Before the news that it is cut has been read.
    while (!net.destroyed) {
      writePastStream(net, Buffer.from('two'))
      await new Promise(setImmediate)
    }
    await closed
    writePastStream(net, Buffer.from('three'))
    assert.match(errors[0] ?? '', /^(write|read) (EPIPE|ECONNRESET)$/)
  } finally {
    end()
  }
})

test.run()
