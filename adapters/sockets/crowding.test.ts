import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { clientOf, type TestNode, testNode } from '../../infra/testing/sockets.ts'
import { until } from '../../infra/testing/until.ts'
import { createCrowding } from './crowding.ts'

const counting = suite('sockets of one address')

counting(
  'given a limit, then that many sockets of one network are admitted, and another one when one has gone',
  () => {
    const crowding = createCrowding(2)
    const visits = ['192.0.2.1', '::ffff:192.0.2.1', '192.0.2.1'].map(crowding.came)
    assert.equal(
      visits.map((visit) => visit.admit()),
      [true, true, false],
    )
    assert.is(crowding.came('192.0.2.2').admit(), true)
    assert.is(visits[0]!.admit(), true)
    visits[1]!.gone()
    assert.is(visits[2]!.admit(), true)
    assert.is(crowding.came('192.0.2.1').admit(), false)
  },
)

counting('given an IPv6 network, then it counts as one; given this machine, then it is not counted', () => {
  const crowding = createCrowding(1)
  assert.is(crowding.came('2001:db8::1').admit(), true)
  assert.is(crowding.came('2001:db8::2').admit(), false)
  assert.is(crowding.came('2001:db8:0:1::1').admit(), true)
  for (const ip of ['127.0.0.1', '::1', undefined])
    for (let n = 0; n < 3; n++) assert.is(crowding.came(ip).admit(), true)
})

counting('given no limit, then everything is admitted and nothing is counted', () => {
  const crowding = createCrowding(0)
  for (let n = 0; n < 1_000; n++) assert.is(crowding.came('192.0.2.1').admit(), true)
  assert.is(crowding.isFlood('192.0.2.1'), false)
  assert.is(crowding.networks(), 0)
})

counting('given refused connections that stay open, then they keep nobody out who may come in', () => {
  const crowding = createCrowding(1)
  const first = crowding.came('192.0.2.1')
  assert.is(first.admit(), true)
  const refused = Array.from({ length: 100 }, () => crowding.came('192.0.2.1'))
  assert.is(
    refused.some((visit) => visit.admit()),
    false,
  )
  assert.is(crowding.isFlood('192.0.2.1'), true)
  assert.is(crowding.isFlood('192.0.2.2'), false)
  first.gone()
  assert.is(crowding.isFlood('192.0.2.1'), false)
  assert.is(crowding.came('192.0.2.1').admit(), true)
  for (const visit of refused) visit.gone()
  assert.is(crowding.networks(), 1)
})

counting.run()

type Context = { node: TestNode; counts: Map<string, number> }
const test = suite<Context>('an address on a server')
test.before.each(async (context) => {
  const counts = new Map<string, number>()
  context.counts = counts
  context.node = await testNode(memoryLog(), {
    trustProxy: ['loopback'],
    limits: { perAddress: 2, packetsOfNetwork: { perSecond: 1, burst: 10 } },
    metrics: { count: (name, value) => counts.set(name, (counts.get(name) ?? 0) + value) },
  })
})
test.after.each(async ({ node }) => {
  await node.stop()
})

/** As if through our proxy, which adds the client's address. */
const from = (ip: string) => ({ extraHeaders: { 'x-forwarded-for': ip } })
type Refused = Error & { readonly passing?: string }
const refusal = async (connecting: Promise<unknown>): Promise<Refused> => {
  try {
    await connecting
  } catch (error) {
    return error as Refused
  }
  throw new Error('it was let in')
}

test('given an address with all its sockets in use, when one more comes, then its connection is closed with slow_down, which is temporary, and counted; others come in', async ({
  node,
  counts,
}) => {
  const first = await node.connect(null, from('192.0.2.1'))
  await node.connect(null, from('192.0.2.1'))
  const error = await refusal(node.connect(null, from('192.0.2.1')))
  assert.is(error.passing, 'slow_down')
  assert.is(counts.get('presence_sockets_refused'), 1)
  await node.connect(null, from('192.0.2.2'))
  // An address that the client writes there itself is not believed.
  await refusal(node.connect(null, from('198.51.100.7, 192.0.2.1')))
  first.close()
  await until('the first is gone', () => node.sockets.io.engine.clientsCount === 2)
  const again = await node.connect(null, { ...from('192.0.2.1'), transports: ['polling', 'websocket'] })
  assert.is((await again.ask('join-space', { spaceType: 'post', spaceId: 'alice/x' })).ok, true)
})

test('given an address whose sockets together send more than allowed, then all of them are told slow_down, and no others', async ({
  node,
}) => {
  const clients = await Promise.all([1, 2].map(() => node.connect(null, from('192.0.2.1'))))
  const other = await node.connect(null, from('192.0.2.2'))
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) => clients[n % 2]!.ask('leave-space', {})),
  )
  const refused = answers.filter(({ code }) => code === 'slow_down').length
  assert.ok(refused >= 18 && refused < 30, `${refused} of 30`)
  assert.is((await other.ask('leave-space', {})).ok, true)
})

test('given no proxy in between, then this machine’s own sockets are not counted', async ({ node }) => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => clientOf(node.url, {})))
  assert.is(node.sockets.state().sockets, 4)
  for (const client of clients) client.close()
})

test.run()
