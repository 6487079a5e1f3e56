// test: waits
import { randomUUID } from 'node:crypto'
import messages from '@eventstore/db-client/generated/streams_pb.js'
import type * as grpc from '@grpc/grpc-js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { type FaultProxy, startProxy } from '../../infra/testing/proxy.ts'
import { appendSettled, connectEventLog, type EventStoreLog } from './index.ts'
import { AllSubscription } from './subscription.ts'
import { collect, fakeServer, must, notLeader, someEvents, until } from './testing/helpers.ts'

type Context = { node: TestEventStore; proxy: FaultProxy; direct: EventStoreLog; log: EventStoreLog }
const subscriptions = suite<Context>('subscriptions')
const quick = { appendTimeoutMs: 300, readTimeoutMs: 300, connectTimeoutMs: 1_500, heartbeatMs: 400 }

subscriptions.before(async (context) => {
  context.node = await testEventStore()
  context.direct = connectEventLog({ url: context.node.url })
})
subscriptions.before.each(async (context) => {
  context.proxy = await startProxy({ targetPort: context.node.port })
  context.log = connectEventLog({ url: context.proxy.url, ...quick })
})
subscriptions.after.each(async (context) => {
  await context.log.close()
  await context.proxy.close()
})
subscriptions.after(async (context) => {
  await context.direct.close()
  await context.node.stop()
})

/** A prefix that no other test writes under. */
const aPrefix = () => `chat-${randomUUID()}-`
const numbers = (events: ReadonlyArray<{ data: unknown }>) =>
  events.map((event) => (event.data as { n: number }).n)
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const write = async (log: EventStoreLog, prefix: string, count: number, from = 0) => {
  for (let n = from; n < from + count; n += 1)
    must(
      await appendSettled(log)(`${prefix}${n % 3}`, 'any', [
        { id: randomUUID(), type: 'Happened', data: { n }, metadata: {} },
      ])(),
    )
}

subscriptions(
  'given existing events and later ones, then all come in order, with a caught-up notice between them',
  async ({ log, direct }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 5)
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
    const { events, seen, done } = collect(subscription)
    await until('caught up', () => seen.caughtUp === 1)
    assert.equal(numbers(events), upTo(5))
    assert.is(subscription.state().state, 'live')
    assert.is(subscription.state().position, events[4]!.position)
    await write(direct, prefix, 5, 5)
    await until('all events', () => events.length === 10)
    assert.equal(numbers(events), upTo(10))
    await subscription.stop()
    await done
    assert.is(subscription.state().state, 'stopped')
  },
)

subscriptions(
  'given a subscriber that lets the log gather, when many events are appended at once, then all come once, each stream’s in order',
  async ({ log, direct }) => {
    const prefix = aPrefix()
    const subscription = log.subscribe({ after: 'end', prefixes: [prefix], gatherMs: 20 })
    const { events, seen, done } = collect(subscription)
    await until('caught up', () => seen.caughtUp === 1)
    const writers = Array.from({ length: 8 }, (_, i) => write(direct, `${prefix}${i}-`, 60))
    await Promise.all(writers)
    await until('all events', () => events.length >= 480)
    assert.is(new Set(events.map(({ id }) => id)).size, 480)
    for (let i = 0; i < 8; i += 1)
      assert.equal(numbers(events.filter(({ stream }) => stream.startsWith(`${prefix}${i}-`))), upTo(60))
    await subscription.stop()
    await done
  },
)

subscriptions(
  'given a subscriber that gathers, then the server is told, and one that does not says nothing',
  async () => {
    const asked: unknown[] = []
    const server = await fakeServer({
      read: (call) => {
        if (optionsOf(call).hasSubscription()) asked.push(call.metadata.get('dlux-gather-ms'))
        else call.end()
      },
    })
    const log = connectEventLog({ url: server.url, ...quick })
    log.subscribe({ after: 'start', prefixes: ['chat-'], gatherMs: 20 })
    await until('the first', () => asked.length === 1)
    log.subscribe({ after: 'start', prefixes: ['chat-'] })
    await until('the second', () => asked.length === 2)
    assert.equal(asked, [['20'], []])
    await log.close()
    server.stop()
  },
)

subscriptions('given a position, then exactly what comes after it is delivered', async ({ log, direct }) => {
  const prefix = aPrefix()
  await write(direct, prefix, 6)
  const all = must(await direct.readAll({ limit: 100_000, prefixes: [prefix] })())
  for (const [index, { position }] of all.entries()) {
    const subscription = log.subscribe({ after: position, prefixes: [prefix] })
    const { events, seen } = collect(subscription)
    await until('caught up', () => seen.caughtUp === 1)
    assert.equal(numbers(events), upTo(6).slice(index + 1))
    await subscription.stop()
  }
})

subscriptions(
  'given a subscription from the end that loses its connection before its first event, then nothing since its start is missed',
  async ({ log, direct, proxy }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 3)
    const subscription = log.subscribe({ after: 'end', prefixes: [prefix] })
    const { events, seen } = collect(subscription)
    await until('caught up', () => seen.caughtUp === 1)
    proxy.refuse()
    proxy.reset()
    await until('it noticed', () => subscription.state().state === 'connecting')
    await write(direct, prefix, 4, 3)
    proxy.heal()
    await until('the events', () => events.length >= 4)
    assert.equal(numbers(events), [3, 4, 5, 6])
  },
)

subscriptions(
  'given a connection that is lost again and again while events come, then each event comes once and in order',
  async ({ log, direct, proxy }) => {
    const prefix = aPrefix()
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
    const { events } = collect(subscription)
    // Written piece by piece, so that however fast the log is, some come after each cut.
    for (let cut = 1; cut <= 8; cut += 1) {
      const seen = events.length
      const writing = write(direct, prefix, 40, 40 * (cut - 1))
      await until('more events', () => events.length > seen)
      if (cut % 2 === 0) proxy.cutAfter(500 * cut)
      else proxy.reset()
      await writing
    }
    await until('all events', () => events.length >= 320)
    proxy.heal()
    await write(direct, prefix, 1, 320)
    await until('the last', () => numbers(events).includes(320))
    assert.equal(numbers(events), upTo(321))
    assert.ok(subscription.state().reconnects >= 4)
    assert.ok(subscription.state().lastError !== null)
  },
)

subscriptions(
  'given a node that is killed and restarted in the middle, then the subscription continues with the exact next event',
  async ({ node, log, direct }) => {
    const prefix = aPrefix()
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
    const { events } = collect(subscription)
    await write(direct, prefix, 20)
    await until('events', () => events.length === 20)
    await node.kill()
    await until('it noticed', () => subscription.state().state === 'connecting')
    await node.restart()
    await until('the log is up', () => direct.health().state === 'up')
    await write(direct, prefix, 20, 20)
    await until('events', () => events.length >= 40)
    assert.equal(numbers(events), upTo(40))
  },
)

subscriptions(
  'given a connection that goes silent without any error, then that is noticed and nothing is missed',
  async ({ log, direct, proxy }) => {
    const prefix = aPrefix()
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
    const { events, seen } = collect(subscription)
    await write(direct, prefix, 3)
    await until('caught up', () => seen.caughtUp === 1 && events.length === 3)
    proxy.halfOpen()
    await write(direct, prefix, 3, 3)
    await until('the silence is noticed', () => subscription.state().state === 'connecting')
    proxy.heal()
    await until('the events', () => events.length >= 6)
    assert.equal(numbers(events), upTo(6))
  },
)

subscriptions(
  'given a slow consumer, then the number of waiting events is bounded, and all of them come in the end',
  async ({ log, direct }) => {
    const prefix = aPrefix()
    for (let batch = 0; batch < 20; batch += 1)
      must(await direct.append(`${prefix}x`, 'any', someEvents(500, { filling: 'x'.repeat(500) }))())
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix], bufferSize: 100 })
    const iterator = subscription[Symbol.asyncIterator]()
    let received = 0
    let largest = 0
    while (received < 10_000) {
      const { value } = await iterator.next()
      largest = Math.max(largest, value.length)
      received += value.filter((item: { kind: string }) => item.kind === 'event').length
      if (received < 1_000) {
        const before = subscription.state().waiting!
        await until('reading ahead has stopped', async () => {
          await new Promise((resolve) => setTimeout(resolve, 10))
          return subscription.state().waiting! === before || subscription.state().waiting! >= 100
        })
      }
      assert.ok(subscription.state().waiting! < 150)
    }
    assert.is(received, 10_000)
    assert.ok(largest < 150, `batches of up to ${largest}`)
    await subscription.stop()
  },
)

subscriptions(
  'given a consumer that leaves its loop, then the subscription is stopped',
  async ({ log, direct }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 2)
    const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
    for await (const _ of subscription) break
    assert.is(subscription.state().state, 'stopped')
  },
)

subscriptions(
  'given a subscription that is stopped while nothing comes, then its loop ends',
  async ({ log }) => {
    const subscription = log.subscribe({ after: 'end', prefixes: [aPrefix()] })
    const { seen, done } = collect(subscription)
    await until('caught up', () => seen.caughtUp === 1)
    await subscription.stop()
    await done
  },
)

subscriptions('given no server yet, then a subscription waits for it', async ({ log, direct, proxy }) => {
  const prefix = aPrefix()
  proxy.refuse()
  const subscription = log.subscribe({ after: 'start', prefixes: [prefix] })
  const { events } = collect(subscription)
  await write(direct, prefix, 2)
  await until('it tried', () => proxy.connections() > 2)
  assert.is(subscription.state().state, 'connecting')
  proxy.heal()
  await until('the events', () => events.length === 2)
})

const { ReadReq, ReadResp } = messages
type ReadCall = grpc.ServerWritableStream<Buffer, Buffer>
const fakeEvent = (n: number) => {
  const record = new ReadResp.ReadEvent.RecordedEvent()
  record.setStreamRevision(String(n))
  record.setCommitPosition(String(100 + n))
  record.setPreparePosition(String(100 + n))
  record.getMetadataMap().set('content-type', 'application/json')
  record.setData(Buffer.from(JSON.stringify({ n })))
  const event = new ReadResp.ReadEvent()
  event.setEvent(record)
  const response = new ReadResp()
  response.setEvent(event)
  return Buffer.from(response.serializeBinary())
}
const optionsOf = (call: ReadCall) => ReadReq.deserializeBinary(call.request).getOptions()!
/** The event number at which a read or subscription starts. */
const startOf = (call: ReadCall) => {
  const all = optionsOf(call).getAll()!
  return all.hasPosition() ? Number(all.getPosition()!.getCommitPosition()) - 100 + 1 : 0
}

subscriptions(
  'given a server that ends subscriptions without an error, then they are requested again from the exact next event',
  async () => {
    let calls = 0
    const server = await fakeServer({
      read: (call) => {
        if (!optionsOf(call).hasSubscription()) return call.end()
        calls += 1
        const from = startOf(call)
        for (let n = from; n < from + 3; n += 1) call.write(fakeEvent(n))
        call.end()
      },
    })
    const log = connectEventLog({ url: server.url, ...quick })
    const { events } = collect(log.subscribe({ after: 'start', prefixes: ['chat-'] }))
    await until('events over several calls', () => calls >= 5 && events.length >= 12)
    const got = numbers(events)
    assert.equal(got, upTo(got.length))
    await log.close()
    server.stop()
  },
)

subscriptions('given a server that repeats events after a resumption, then they are dropped', async () => {
  const server = await fakeServer({
    read: (call) => {
      if (!optionsOf(call).hasSubscription()) return call.end()
      const from = startOf(call)
      for (let n = Math.max(0, from - 2); n < from + 3; n += 1) call.write(fakeEvent(n))
      call.end()
    },
  })
  const log = connectEventLog({ url: server.url, ...quick })
  const { events } = collect(log.subscribe({ after: 'start', prefixes: ['chat-'] }))
  await until('events', () => events.length >= 12)
  const got = numbers(events)
  assert.equal(got, upTo(got.length))
  await log.close()
  server.stop()
})

subscriptions(
  'given a server whose subscription stalls while its reads show more, then the subscription is requested again',
  async () => {
    let calls = 0
    const server = await fakeServer({
      read: (call) => {
        const options = optionsOf(call)
        if (options.hasSubscription()) {
          calls += 1
          if (calls === 1) for (let n = 0; n < 3; n += 1) call.write(fakeEvent(n))
          else for (let n = startOf(call); n < 5; n += 1) call.write(fakeEvent(n))
          return
        }
        if (options.getReadDirection() === 1) call.write(fakeEvent(4))
        else for (let n = startOf(call) - 1; n < 5; n += 1) call.write(fakeEvent(n))
        call.end()
      },
    })
    const log = connectEventLog({ url: server.url, ...quick })
    const subscription = log.subscribe({ after: 'start', prefixes: ['chat-'] })
    const { events, seen } = collect(subscription)
    await until('all five', () => events.length >= 5)
    assert.equal(numbers(events), upTo(5))
    assert.is(subscription.state().lastError, 'the subscription went silent')
    // This server never says that it has caught up, like those before 23.10; the client finds out by reading the log's end.
    await until('caught up', () => seen.caughtUp === 1)
    assert.is(subscription.state().head, 104n)
    await log.close()
    server.stop()
  },
)

subscriptions(
  'given a follower that names the leader, then the subscription goes there',
  async ({ node, direct }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 3)
    const follower = await fakeServer({
      read: (call) => call.emit('error', notLeader('127.0.0.1', node.port)),
    })
    const log = connectEventLog({ url: follower.url, ...quick })
    const { events } = collect(log.subscribe({ after: 'start', prefixes: [prefix] }))
    await until('events', () => events.length === 3)
    await log.close()
    follower.stop()
  },
)

subscriptions(
  'given a closed log, when it is subscribed to, then the subscription ends at once',
  async ({ log }) => {
    await log.close()
    const subscription = log.subscribe({ after: 'start', prefixes: [] })
    for await (const _ of subscription) throw new Error('it gave something')
    assert.is(subscription.state().state, 'stopped')
  },
)

subscriptions(
  'given subscriptions whose loops are left in any way, then the log keeps none of them',
  async ({ log, direct }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 1)
    for await (const _ of log.subscribe({ after: 'start', prefixes: [prefix] })) break
    try {
      for await (const _ of log.subscribe({ after: 'start', prefixes: [prefix] })) throw new Error('mine')
    } catch (error) {
      assert.is((error as Error).message, 'mine')
    }
    const stopped = log.subscribe({ after: 'start', prefixes: [prefix] })
    assert.is(log.stats().subscriptions, 1)
    await stopped.stop()
    assert.is(log.stats().subscriptions, 0)
  },
)

subscriptions(
  'given a consumer that takes nothing, when the connection is lost again and again, then no more events wait than the buffer holds',
  async ({ direct, proxy }) => {
    const prefix = aPrefix()
    await write(direct, prefix, 20)
    const subscription = new AllSubscription(
      proxy.url,
      { connectTimeoutMs: 1_500, heartbeatMs: 400, tickMs: 30 },
      {
        after: 'start',
        prefixes: [prefix],
        bufferSize: 1_000,
        bufferBytes: 600,
        readTimeoutMs: 300,
        silenceMs: 400,
      },
    )
    const { state } = subscription
    const waiting = () => state().waiting ?? 0
    await until('the buffer is full', () => waiting() > 0)
    for (let cut = 1; cut <= 5; cut += 1) {
      const before = proxy.connections()
      proxy.reset()
      await until('it follows again', () => proxy.connections() > before && state().state === 'catching-up')
    }
    assert.ok(waiting() < 6, `${waiting()} wait`)
    const { events, done } = collect(subscription)
    await until('all events', () => events.length === 20)
    assert.equal(numbers(events), upTo(20))
    await subscription.stop()
    await done
  },
)

subscriptions(
  'given a connection on which one event takes longer than the time limit, then it still comes',
  async ({ direct, proxy }) => {
    const prefix = aPrefix()
    const { position } = must(await direct.append(`${prefix}a`, 'none', someEvents(1))())
    must(await direct.append(`${prefix}a`, 0n, someEvents(1, { filling: 'x'.repeat(300_000) }))())
    proxy.trickle(300_000)
    const log = connectEventLog({ url: proxy.url, ...quick, readTimeoutMs: 100, heartbeatMs: 3_000 })
    const { events } = collect(log.subscribe({ after: position!, prefixes: [prefix] }))
    await until('the event', () => events.length === 1, 60_000)
    await log.close()
  },
)

subscriptions.run()
