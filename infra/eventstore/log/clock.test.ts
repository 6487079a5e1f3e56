/** Tests with a clock that is moved while the node runs, and with time that passes while an append waits. */
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EmbeddedNode, startNode } from '../node.ts'
import { createAppender } from '../streams/append.ts'
import { type AppendOutcome, EXPECT_ANY } from '../streams/append-request.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { openStorage } from './storage.ts'

type Context = { node: EmbeddedNode; client: EventStoreDBClient }
const test = suite<Context>('the clock')
const HOUR = 3_600_000

const real = Date.now
/** By how much the clock of this process, and so of the node, is off. */
let off = 0
Date.now = () => real() + off

test.before(async (context) => {
  context.node = await startNode({ dataDir: temporaryDirectory('eventstore-clock-') })
  context.client = EventStoreDBClient.connectionString(context.node.url)
})
test.before.each(() => {
  off = 0
})
test.after(async ({ client, node }) => {
  await client.dispose()
  await node.close()
})

const event = (n: number) => jsonEvent({ type: 'T', data: { n } })
const revisionsOf = async (
  client: EventStoreDBClient,
  stream: string,
  options: Parameters<EventStoreDBClient['readStream']>[1] = {},
): Promise<number[]> => {
  const revisions: number[] = []
  for await (const { event } of client.readStream(stream, options)) revisions.push(Number(event!.revision))
  return revisions
}

test('given $maxAge, when the clock is set forward, then what is too old by it is not read, and numbering goes on', async ({
  client,
}) => {
  await client.setStreamMetadata('forward', { maxAge: 60 })
  await client.appendToStream('forward', [event(0), event(1)])
  off = HOUR
  await client.appendToStream('forward', event(2), { expectedRevision: 1n })
  assert.equal(await revisionsOf(client, 'forward'), [2])
  assert.equal(await revisionsOf(client, 'forward', { maxCount: 1 }), [2])
  assert.equal(
    await revisionsOf(client, 'forward', { direction: 'backwards', fromRevision: 'end', maxCount: 2 }),
    [2],
  )
})

test('given $maxAge, when the clock is set back, then earlier events can still be read, and each expires by its own time', async ({
  client,
}) => {
  await client.setStreamMetadata('back', { maxAge: 60 })
  off = 2 * HOUR
  await client.appendToStream('back', event(0))
  off = -HOUR
  await client.appendToStream('back', event(1))
  off = 0
  await client.appendToStream('back', event(2))
  // The second is an hour old, between two that are not.
  assert.equal(await revisionsOf(client, 'back'), [0, 2])
  assert.equal(await revisionsOf(client, 'back', { maxCount: 2 }), [0, 2])
  assert.equal(await revisionsOf(client, 'back', { direction: 'backwards', fromRevision: 'end' }), [2, 0])
  off = 3 * HOUR
  assert.equal(await revisionsOf(client, 'back'), [])
})

test('given a log, when the clock is set back, then order and positions of $all continue, and each event keeps its time', async ({
  client,
}) => {
  const appended: bigint[] = []
  const times: number[] = []
  for (const moved of [HOUR, 0, -HOUR]) {
    off = moved
    appended.push((await client.appendToStream('all', event(moved))).position!.commit)
  }
  off = 0
  const read: bigint[] = []
  for await (const { event } of client.readAll())
    if (event!.streamId === 'all') {
      read.push(event!.position!.commit)
      times.push(Math.round((event!.created.getTime() - Date.now()) / HOUR))
    }
  assert.equal(read, appended)
  assert.ok(read[0]! < read[1]! && read[1]! < read[2]!)
  assert.equal(times, [1, 0, -1])
})

test('given a deadline that passes while its append waits for the commit, then it is not written, and its neighbours are', async () => {
  const storage = openStorage(temporaryDirectory('eventstore-clock-'))
  let time = 1_000
  const appender = createAppender(storage, () => {}, { now: () => time })
  const append = (deadline: number) =>
    new Promise<AppendOutcome>((done) =>
      appender.append({
        stream: 'waits',
        expected: EXPECT_ANY,
        change: {
          kind: 'append',
          events: [
            {
              id: crypto.randomUUID(),
              type: 'T',
              contentType: 'application/json',
              data: Buffer.from('{}'),
              metadata: new Uint8Array(0),
            },
          ],
        },
        deadline,
        bytes: 100,
        done,
      }),
    )
  const outcomes = Promise.all([append(5_000), append(1_500), append(5_000)])
  time = 2_000
  assert.equal(
    (await outcomes).map(({ tag }) => tag),
    ['appended', 'timeout', 'appended'],
  )
  assert.is(storage.stream('waits').last, 1)
  storage.close()
})

test.run()
