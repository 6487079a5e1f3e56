import { randomUUID } from 'node:crypto'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import messages from '@eventstore/db-client/generated/streams_pb.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestEventStore, testEventStore } from '../../infra/testing/eventstore.ts'
import { type FaultProxy, startProxy } from '../../infra/testing/proxy.ts'
import { appendSettled, connectEventLog, type EventStoreLog } from './index.ts'
import { failure, fakeServer, must, notLeader, someEvents, until } from './testing/helpers.ts'

type Context = { node: TestEventStore; proxy: FaultProxy; direct: EventStoreLog; log: EventStoreLog }
const appends = suite<Context>('appends')
const quick = { appendTimeoutMs: 300, readTimeoutMs: 300, connectTimeoutMs: 1_500, heartbeatMs: 400 }

appends.before(async (context) => {
  context.node = await testEventStore()
  context.direct = connectEventLog({ url: context.node.url })
})
appends.before.each(async (context) => {
  context.proxy = await startProxy({ targetPort: context.node.port })
  context.log = connectEventLog({ url: context.proxy.url, ...quick })
})
appends.after.each(async (context) => {
  await context.log.close()
  await context.proxy.close()
})
appends.after(async (context) => {
  await context.direct.close()
  await context.node.stop()
})

const aStream = () => `space-post:${randomUUID()}`
const read = async (log: EventStoreLog, stream: string) =>
  must(await log.readStream(stream, { limit: 1000 })())

appends(
  'given no stream, when events are appended, then the last one’s revision and position are returned',
  async ({ direct: log }) => {
    const stream = aStream()
    const events = someEvents(3)
    const appended = must(await log.append(stream, 'none', events)())
    assert.is(appended.revision, 2n)
    const found = await read(log, stream)
    assert.is(found[2]!.position, appended.position)
    assert.equal(
      found.map(({ id, type, data, metadata }) => ({ id, type, data, metadata })),
      events,
    )
  },
)

appends(
  'given a stream at another revision than expected, then WrongExpectedRevision says which, and nothing is written',
  async ({ direct: log }) => {
    const stream = aStream()
    assert.equal(failure(await log.append(stream, 4n, someEvents(1))()), {
      _tag: 'WrongExpectedRevision',
      actual: null,
    })
    must(await log.append(stream, 'none', someEvents(2))())
    for (const expected of ['none', 0n, 7n] as const)
      assert.equal(failure(await log.append(stream, expected, someEvents(1))()), {
        _tag: 'WrongExpectedRevision',
        actual: 1n,
      })
    assert.is((await read(log, stream)).length, 2)
  },
)

appends(
  'given appends to many streams in one turn, when they are sent, then they leave together, and those to one stream in their order',
  async ({ log, proxy }) => {
    const streams = Array.from({ length: 16 }, aStream)
    const toEach = () => streams.map((stream) => log.append(stream, 'any', someEvents(1))())
    // Until the calls are open.
    for (const appended of await Promise.all(toEach())) must(appended)
    let pieces = 0
    proxy.onBytes((way) => {
      if (way === 'up') pieces += 1
    })
    for (const appended of await Promise.all([...toEach(), ...toEach()])) must(appended)
    proxy.onBytes(null)
    assert.ok(pieces <= 12, `${pieces} pieces for 32 appends`)
    const stream = aStream()
    const inOrder = Array.from({ length: 20 }, () => someEvents(1))
    const revisions = await Promise.all(inOrder.map((events) => log.append(stream, 'any', events)()))
    assert.equal(
      revisions.map((appended) => must(appended).revision),
      inOrder.map((_, index) => BigInt(index)),
    )
  },
)

appends(
  'given appends to two streams of one room in one turn, when they are sent, then the log has them in their order',
  async ({ log }) => {
    const space = aStream()
    const streams = [space, space, space, space.replace('space', 'chat')]
    const appended = await Promise.all(streams.map((stream) => log.append(stream, 'any', someEvents(1))()))
    const positions = appended.map((one) => must(one).position!)
    assert.equal(
      positions,
      [...positions].sort((a, b) => Number(a - b)),
    )
  },
)

appends(
  'given an append that is repeated with its expectation, then it gets the same answer',
  async ({ direct: log }) => {
    const stream = aStream()
    const events = someEvents(2)
    const first = must(await log.append(stream, 'none', events)())
    must(await log.append(stream, 1n, someEvents(1))())
    assert.equal(must(await log.append(stream, 'none', events)()), first)
    assert.is((await read(log, stream)).length, 3)
  },
)

appends(
  'given an append over the server’s limit, then AppendTooLarge says the limit',
  async ({ direct: log }) => {
    const error = failure(await log.append(aStream(), 'any', someEvents(1, { x: 'y'.repeat(2_000_000) }))())
    assert.is(error._tag, 'AppendTooLarge')
    assert.ok(error._tag === 'AppendTooLarge' && error.maxBytes > 0 && error.maxBytes < 2_000_000)
  },
)

appends(
  'given events that can’t be written, then the error says so, and other appends go on',
  async ({ direct: log }) => {
    const cyclic: { self?: unknown } = {}
    cyclic.self = cyclic
    const bad = [
      [{ id: randomUUID(), type: 'T', data: cyclic, metadata: {} }],
      [{ id: 'no-uuid', type: 'T', data: {}, metadata: {} }],
      [],
    ]
    const [good, ...errors] = await Promise.all([
      log.append(aStream(), 'none', someEvents(1))(),
      ...bad.map((events) => log.append(aStream(), 'none', events)()),
    ])
    must(good)
    for (const error of errors) assert.is(failure(error)._tag, 'LogUnavailable')
  },
)

appends(
  'given a server that goes silent in the middle of an append, then its outcome is unknown in time, and settles to one event',
  async ({ log, proxy, direct }) => {
    const stream = aStream()
    must(await log.append(stream, 'none', someEvents(1))())
    proxy.drop('down')
    const startedAt = performance.now()
    const settling = appendSettled(log)(stream, 0n, someEvents(1))()
    assert.is(failure(await log.append(stream, 0n, someEvents(1))())._tag, 'OutcomeUnknown')
    assert.ok(performance.now() - startedAt < 2_000)
    assert.ok(log.stats().unknownOutcomes >= 1)
    proxy.heal()
    const settled = await settling
    const found = await read(direct, stream)
    // Two appends raced for revision 1: one of them got it, and the settled one knows whether that is itself.
    assert.is(found.length, 2)
    if (settled._tag === 'Right') assert.is(settled.right.position, found[1]!.position)
    else assert.equal(settled.left, { _tag: 'WrongExpectedRevision', actual: 1n })
  },
)

for (const expected of ['none', 'any'] as const)
  appends(
    `given a connection lost after the server wrote and before it answered (${expected}), then there is exactly one event, and its position is known`,
    async ({ log, proxy, direct }) => {
      const stream = aStream()
      must(await log.append(aStream(), 'any', someEvents(1))())
      proxy.drop('down')
      const settling = appendSettled(log)(stream, expected, someEvents(2))()
      await until('the server has written', async () => (await read(direct, stream)).length === 2)
      proxy.heal()
      const settled = must(await settling)
      const found = await read(direct, stream)
      assert.is(found.length, 2)
      assert.equal(settled, { revision: 1n, position: found[1]!.position })
    },
  )

appends(
  'given a connection lost in the middle of 200 appends, then each is settled, and each is written once',
  async ({ log, proxy, direct }) => {
    const streams = Array.from({ length: 200 }, aStream)
    must(await log.append(aStream(), 'any', someEvents(1))())
    proxy.cutAfter(3_000)
    const settled = await Promise.all(
      streams.map((stream) => appendSettled(log)(stream, 'none', someEvents(1))()),
    )
    for (const result of settled) assert.is(must(result).revision, 0n)
    for (const stream of streams) assert.is((await read(direct, stream)).length, 1)
    assert.ok(log.stats().unknownOutcomes > 0)
  },
)

appends(
  'given that nothing listens, then a call is LogUnavailable in time, and health says down',
  async () => {
    const log = connectEventLog({ url: 'esdb://127.0.0.1:9?tls=false', ...quick, connectTimeoutMs: 200 })
    const startedAt = performance.now()
    const error = failure(await log.append('space-a', 'any', someEvents(1))())
    assert.is(error._tag, 'LogUnavailable')
    assert.is(failure(await log.readStream('space-a', { limit: 1 })())._tag, 'LogUnavailable')
    assert.ok(performance.now() - startedAt < 2_000)
    assert.is(log.health().state, 'down')
    assert.match(log.health().lastError!, /refused/i)
    await log.close()
  },
)

for (const fault of ['refuse', 'halfOpen'] as const)
  appends(
    `given a first handshake that fails (${fault}), when the server is there later, then appends go through`,
    async ({ proxy }) => {
      proxy[fault]()
      const log = connectEventLog({ url: proxy.url, ...quick, connectTimeoutMs: 400 })
      assert.is(failure(await log.append(aStream(), 'none', someEvents(1))())._tag, 'LogUnavailable')
      proxy.heal()
      await until('the log is up', () => log.health().state === 'up')
      must(await log.append(aStream(), 'none', someEvents(1))())
      await log.close()
    },
  )

appends(
  'given two logs in one process, when one loses its connection, then the other’s pending appends are answered',
  async ({ node, log, proxy }) => {
    const slow = await startProxy({ targetPort: node.port })
    const other = connectEventLog({ url: slow.url, ...quick, appendTimeoutMs: 3_000 })
    must(await other.append(aStream(), 'any', someEvents(1))())
    must(await log.append(aStream(), 'any', someEvents(1))())
    slow.delay(150)
    const pending = Array.from({ length: 20 }, () => other.append(aStream(), 'none', someEvents(1))())
    proxy.drop('down')
    const doomed = Array.from({ length: 20 }, () => log.append(aStream(), 'none', someEvents(1))())
    proxy.reset()
    for (const result of await Promise.all(doomed)) assert.is(failure(result)._tag, 'OutcomeUnknown')
    for (const result of await Promise.all(pending)) must(result)
    await other.close()
    await slow.close()
  },
)

appends(
  'given a connection that dies while nobody uses it, then that is noticed and it is replaced',
  async ({ log, proxy }) => {
    must(await log.append(aStream(), 'any', someEvents(1))())
    proxy.halfOpen()
    await until('the log is down', () => log.health().state === 'down')
    proxy.heal()
    await until('the log is up', () => log.health().state === 'up')
    must(await log.append(aStream(), 'any', someEvents(1))())
  },
)

appends(
  'given a log that is closed, then every pending call ends, and so does the next',
  async ({ log, proxy }) => {
    must(await log.append(aStream(), 'any', someEvents(1))())
    proxy.drop('down')
    const pending = log.append(aStream(), 'any', someEvents(1))()
    await log.close()
    assert.is(failure(await pending)._tag, 'OutcomeUnknown')
    assert.is(failure(await log.append(aStream(), 'any', someEvents(1))())._tag, 'LogUnavailable')
  },
)

appends(
  'given a node that was killed and is started again, then appends go on',
  async ({ node, log, direct }) => {
    const stream = aStream()
    must(await log.append(stream, 'none', someEvents(1))())
    await node.kill()
    const settling = appendSettled(log)(stream, 0n, someEvents(1))()
    await node.restart()
    const settled = await settling
    if (settled._tag === 'Left') assert.is(settled.left._tag, 'LogUnavailable')
    await until('the log is up', () => log.health().state === 'up' && direct.health().state === 'up')
    assert.is((await read(direct, stream)).length, settled._tag === 'Right' ? 2 : 1)
  },
)

appends('given a follower that names the leader, then appends settle there', async ({ node }) => {
  const follower = await fakeServer({
    batchAppend: (call) => call.emit('error', notLeader('127.0.0.1', node.port)),
  })
  const log = connectEventLog({ url: follower.url, ...quick })
  const stream = aStream()
  const settled = must(await appendSettled(log)(stream, 'none', someEvents(1))())
  assert.is(settled.revision, 0n)
  must(await log.append(stream, 0n, someEvents(1))())
  await log.close()
  follower.stop()
})

appends(
  'given a leader that dies after it was named, then the first address is asked again',
  async ({ node }) => {
    const first = await fakeServer({ batchAppend: (call) => call.emit('error', notLeader('127.0.0.1', 9)) })
    const log = connectEventLog({ url: first.url, ...quick })
    const settling = appendSettled(log)(aStream(), 'none', someEvents(1))()
    await until('it went to the dead leader and came back', () => log.stats().connections >= 2)
    first.become({
      batchAppend: (call) => call.emit('error', notLeader('127.0.0.1', node.port)),
      read: (call) => call.emit('error', notLeader('127.0.0.1', node.port)),
    })
    must(await settling)
    await log.close()
    first.stop()
  },
)

appends('given a server whose clock is an hour ahead, then no append is late for it', async () => {
  const { BatchAppendReq, BatchAppendResp } = messages
  const server = await fakeServer({
    batchAppend: (call) =>
      call.on('data', (bytes: Buffer) => {
        const request = BatchAppendReq.deserializeBinary(bytes)
        const deadline = request.getOptions()?.getDeadline()?.toDate().getTime() ?? Number.POSITIVE_INFINITY
        if (deadline < Date.now() + 3_600_000) return
        const success = new BatchAppendResp.Success()
        success.setCurrentRevision('0')
        const position = new shared.AllStreamPosition()
        position.setCommitPosition('9')
        position.setPreparePosition('9')
        success.setPosition(position)
        const response = new BatchAppendResp()
        response.setCorrelationId(request.getCorrelationId())
        response.setSuccess(success)
        call.write(Buffer.from(response.serializeBinary()))
      }),
  })
  const log = connectEventLog({ url: server.url, ...quick })
  assert.equal(must(await log.append('space-a', 'none', someEvents(1))()), { revision: 0n, position: 9n })
  await log.close()
  server.stop()
})

appends(
  'given answers that are for nobody, come twice or are not even messages, then nothing breaks',
  async ({ node }) => {
    const odd = [Buffer.alloc(0), Buffer.from([10, 4, 18, 2, 97, 98]), Buffer.from([255, 255, 255])]
    const server = await fakeServer({
      batchAppend: (call) => call.on('data', () => odd.forEach((bytes) => void call.write(bytes))),
    })
    const log = connectEventLog({ url: server.url, ...quick })
    assert.is(failure(await log.append('space-a', 'none', someEvents(1))())._tag, 'OutcomeUnknown')
    await log.close()
    server.stop()
    assert.ok(node.port > 0)
  },
)

appends(
  'given an event that is too large for any server, then AppendTooLarge, and the other appends are written',
  async ({ direct: log }) => {
    const huge = {
      id: randomUUID(),
      type: 'Happened',
      data: { text: 'x'.repeat(18 * 1024 * 1024) },
      metadata: {},
    }
    const stream = aStream()
    const [refused, ...others] = await Promise.all([
      log.append(stream, 'any', [huge])(),
      ...Array.from({ length: 10 }, () => log.append(aStream(), 'none', someEvents(1))()),
    ])
    assert.is(failure(refused)._tag, 'AppendTooLarge')
    for (const other of others) must(other)
    assert.equal(await read(log, stream), [])
  },
)

appends.run()
