// test: waits
/** A TURN server is probed with a request. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { probeTurn, watchTurn } from './stun-probe.ts'

const test = suite('the probe of TURN servers')

const server = async (answer: (request: Buffer) => Buffer | null) => {
  const socket = createSocket('udp4')
  let asked = 0
  socket.on('message', (request, { port, address }) => {
    asked += 1
    const reply = answer(request)
    if (reply !== null) socket.send(reply, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    host: { name: '127.0.0.1', port: socket.address().port },
    asked: () => asked,
    close: () => socket.close(),
  }
}
const success = (request: Buffer): Buffer => {
  const reply = Buffer.from(request)
  reply.writeUInt16BE(0x0101, 0)
  return reply
}

test('given a server that answers, then it counts as present', async () => {
  const one = await server(success)
  assert.is(await probeTurn(one.host), null)
  one.close()
})

test('given a server that says nothing, something else, or answers somebody else, then it does not count as present, and that is reported in time', async () => {
  const other = (request: Buffer) => {
    const reply = success(request)
    reply[12] = reply[12]! ^ 1
    return reply
  }
  for (const answer of [() => null, () => Buffer.from('hello'), other]) {
    const one = await server(answer)
    const began = performance.now()
    assert.match((await probeTurn(one.host, 500))!, 'does not answer over UDP')
    assert.ok(performance.now() - began < 2_000)
    one.close()
  }
  const gone = await server(() => null)
  gone.close()
  assert.match((await probeTurn(gone.host, 500))!, 'does not answer')
})

test('given a first answer that is lost, then the server is asked again', async () => {
  let first = true
  const one = await server((request) => {
    if (!first) return success(request)
    first = false
    return null
  })
  assert.is(await probeTurn(one.host), null)
  one.close()
})

test('given several servers, then each has to answer, and they are not asked again at once', async () => {
  const one = await server(success)
  const gone = await server(() => null)
  gone.close()
  const clock = { ms: 0 }
  const look = watchTurn([one.host, gone.host], () => clock.ms)
  assert.match((await look())!, `127.0.0.1:${gone.host.port} does not answer`)
  const asked = one.asked()
  await look()
  assert.is(one.asked(), asked)
  clock.ms = 20_000
  await look()
  assert.ok(one.asked() > asked)
  one.close()
})

test.run()
