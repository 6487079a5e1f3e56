import { randomUUID } from 'node:crypto'
import { binaryEvent, EventStoreDBClient } from '@eventstore/db-client'
import * as t from 'io-ts'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { startProxy } from '../../infra/testing/proxy.ts'
import { connectEventLog, type EventStoreLog } from './index.ts'
import { collect, failure, fakeServer, must, someEvents, until } from './testing/helpers.ts'

type Context = { node: TestEventStore; log: EventStoreLog; client: EventStoreDBClient }
const reads = suite<Context>('reads')
reads.before(async (context) => {
  context.node = await testEventStore()
  context.log = connectEventLog({ url: context.node.url })
  context.client = EventStoreDBClient.connectionString(context.node.url)
})
reads.after(async ({ node, log, client }) => {
  await log.close()
  await client.dispose()
  await node.stop()
})
const numbers = (events: ReadonlyArray<{ data: unknown }>) =>
  events.map((event) => (event.data as { n: number }).n)
const aStream = () => `chat-${randomUUID()}`

reads(
  'given a stream, then it can be read from either end, from any revision, as far as requested',
  async ({ log }) => {
    const stream = aStream()
    must(await log.append(stream, 'none', someEvents(5))())
    const read = async (request: Parameters<EventStoreLog['readStream']>[1]) =>
      numbers(must(await log.readStream(stream, request)()))
    assert.equal(await read({ limit: 10 }), [0, 1, 2, 3, 4])
    assert.equal(await read({ from: 3n, limit: 10 }), [3, 4])
    assert.equal(await read({ from: 9n, limit: 10 }), [])
    assert.equal(await read({ from: 1n, limit: 2 }), [1, 2])
    assert.equal(await read({ limit: 0 }), [])
    assert.equal(await read({ direction: 'backwards', limit: 2 }), [4, 3])
    assert.equal(await read({ direction: 'backwards', from: 1n, limit: 10 }), [1, 0])
  },
)

reads('given no stream, then a read returns nothing', async ({ log }) => {
  assert.equal(must(await log.readStream(aStream(), { limit: 10 })()), [])
  assert.equal(must(await log.readStream(aStream(), { direction: 'backwards', limit: 1 })()), [])
})

reads('given a tombstoned stream, then StreamDeleted, for reads and for appends', async ({ log, client }) => {
  const stream = aStream()
  must(await log.append(stream, 'none', someEvents(1))())
  await client.tombstoneStream(stream)
  assert.equal(failure(await log.readStream(stream, { limit: 1 })()), { _tag: 'StreamDeleted' })
  assert.equal(failure(await log.append(stream, 'any', someEvents(1))()), { _tag: 'StreamDeleted' })
})

reads(
  'given the log, then it can be read by prefixes, after any position, in both directions, without repeats',
  async ({ log }) => {
    const prefix = aStream()
    for (let n = 0; n < 6; n += 1) {
      must(await log.append(`${prefix}-${n % 2}`, 'any', [{ ...someEvents(1)[0]!, data: { n } }])())
      must(await log.append(aStream(), 'any', someEvents(1))())
    }
    const prefixes = [prefix]
    const all = must(await log.readAll({ limit: 100, prefixes })())
    assert.equal(numbers(all), [0, 1, 2, 3, 4, 5])
    assert.equal(numbers(must(await log.readAll({ limit: 100, prefixes: [`${prefix}-1`] })())), [1, 3, 5])
    assert.equal(numbers(must(await log.readAll({ direction: 'backwards', limit: 2, prefixes })())), [5, 4])
    for (const [index, { position }] of all.entries()) {
      assert.equal(
        numbers(must(await log.readAll({ after: position, limit: 2, prefixes })())),
        [0, 1, 2, 3, 4, 5].slice(index + 1, index + 3),
      )
      assert.equal(
        numbers(must(await log.readAll({ direction: 'backwards', after: position, limit: 100, prefixes })())),
        [0, 1, 2, 3, 4, 5].slice(0, index).reverse(),
      )
    }
  },
)

reads(
  'given an event that is not JSON, then reads and subscriptions deliver something that no codec takes for an object',
  async ({ log, client }) => {
    const stream = aStream()
    await client.appendToStream(stream, binaryEvent({ type: 'Odd', data: Buffer.from([0, 255, 7]) }))
    const [read] = must(await log.readStream(stream, { limit: 1 })())
    const subscription = log.subscribe({ after: 'start', prefixes: [stream] })
    const { events } = collect(subscription)
    await until('the event', () => events.length === 1)
    await subscription.stop()
    for (const event of [read!, events[0]!]) {
      assert.is(event.data, 'data:application/octet-stream;base64,AP8H')
      assert.is(t.type({}).decode(event.data)._tag, 'Left')
      assert.is(t.UnknownRecord.is(event.data), false)
      assert.is(t.UnknownRecord.is(event.metadata), false)
    }
  },
)

reads(
  'given a connection that is lost during a read, then the read is repeated over the next one',
  async ({ node, log: direct }) => {
    const stream = aStream()
    must(await direct.append(stream, 'none', someEvents(300))())
    const proxy = await startProxy({ targetPort: node.port })
    const log = connectEventLog({ url: proxy.url, readTimeoutMs: 3_000 })
    assert.is(must(await log.readStream(stream, { limit: 1_000 })()).length, 300)
    proxy.cutAfter(20_000)
    assert.is(must(await log.readStream(stream, { limit: 1_000 })()).length, 300)
    assert.is(log.stats().retriedReads, 1)
    await log.close()
    await proxy.close()
  },
)

reads('given a server that does not answer a read, then it is LogUnavailable in the end', async () => {
  const server = await fakeServer({ read: () => {} })
  const log = connectEventLog({ url: server.url, readTimeoutMs: 100, heartbeatMs: 5_000 })
  const error = failure(await log.readStream('chat-x', { limit: 1 })())
  assert.is(error._tag, 'LogUnavailable')
  await log.close()
  server.stop()
})

reads.run()
