/** A room whose stream somebody deleted softly, so that it could be written again: for the product it is deleted, and stays so. */
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { Commands, EventLog, RecordedEvent } from '../../domain/ports.ts'
import { account, asking, countedIds, join, pathOn, quiet, uuid } from '../../infra/testing/command-path.ts'
import { testEventStore } from '../../infra/testing/eventstore.ts'
import { until } from '../../infra/testing/until.ts'
import { describeError } from '../refusals.ts'
import { followLog } from '../sockets/feed/following.ts'
import { connectEventLog, type EventStoreLog } from './index.ts'

type Context = { log: EventStoreLog; client: EventStoreDBClient; stop: () => Promise<void> }
const test = suite<Context>('a stream that was deleted softly')
test.before(async (context) => {
  const store = await testEventStore()
  context.log = connectEventLog({ url: store.url })
  context.client = EventStoreDBClient.connectionString(store.url)
  context.stop = async () => {
    await context.log.close()
    await context.client.dispose()
    await store.stop()
  }
})
test.after(async ({ stop }) => stop?.())

let n = 0
const id = () => uuid(++n, 0x5)
/** Makes a room for one test, with a person in it and a message. */
const room = async (log: EventLog): Promise<{ path: Commands; space: SpaceRef }> => {
  const space: SpaceRef = { type: 'post', id: `alice/room-${++n}` }
  const path = pathOn(log, { ids: countedIds(n) })
  for (const answer of [await joins(path, space, 'bob'), await says(path, space), await says(path, space)])
    assert.is(answer, 'done')
  return { path, space }
}
const told = (answer: E.Either<Parameters<typeof describeError>[0], unknown>) =>
  E.isLeft(answer) ? describeError(answer.left).code : 'done'
const joins = async (path: Commands, space: SpaceRef, who: string) =>
  told(await path.space({ ...asking(id(), account(who), join(++n)), space })())
const says = async (path: Commands, space: SpaceRef) =>
  told(
    await path.chat({
      ...asking(id(), account('bob'), {
        type: 'PostMessage',
        messageId: uuid(++n, 0x6),
        subspace: 'main',
        content: 'hello',
        messageType: 'text',
        parentMessageId: null,
      } as const),
      space,
    })(),
  )
const looks = async (path: Commands, space: SpaceRef) => told(await path.look(space)())
const written = async ({ log }: Context, space: SpaceRef) => {
  const all = await log.readAll({
    limit: 1_000,
    prefixes: [streamName('space', space), streamName('chat', space)],
  })()
  return E.isRight(all) ? all.right.length : -1
}

test('given a room’s stream that was deleted softly, when a server that never loaded it is asked, then it is deleted for good, and nothing is written', async (context) => {
  const { log, client } = context
  const { space } = await room(log)
  await client.deleteStream(streamName('space', space))
  const before = await written(context, space)
  const path = pathOn(log, { ids: countedIds(++n) })
  for (let again = 0; again < 2; again += 1) {
    assert.is(await joins(path, space, 'carol'), 'space_deleted')
    assert.is(await says(path, space), 'space_deleted')
    assert.is(await looks(path, space), 'space_deleted')
  }
  assert.is(await written(context, space), before)
})

test('given a server that has the room and follows the log, when the stream is deleted softly elsewhere, then the next command gets that error', async (context) => {
  const { log, client } = context
  const { space, path } = await room(log)
  let isHeard = false
  const following = followLog({
    log,
    logger: quiet,
    deliver: (items) => {
      for (const item of items) {
        if (item.kind !== 'event') continue
        path.observe(item.event)
        isHeard ||= item.event.stream.startsWith('$$')
      }
    },
    onCaughtUp: async () => {},
    onOther: () => assert.unreachable(),
    onBegunAnew: async () => {},
  })
  await until('it follows', () => following.state().state === 'live')
  await client.deleteStream(streamName('space', space))
  await until('it is heard', () => isHeard)
  await following.stop()
  const before = await written(context, space)
  assert.is(await joins(path, space, 'carol'), 'space_deleted')
  assert.is(await written(context, space), before)
})

test('given a server that has not yet heard that its room is deleted, when it writes, then only that is written, and from then on nobody writes there', async (context) => {
  const { log, client } = context
  const { space, path } = await room(log)
  const before = await written(context, space)
  await client.deleteStream(streamName('space', space))
  // The log itself accepts the append, because the deletion left the stream's end where it was.
  assert.is(await joins(path, space, 'carol'), 'done')
  const fresh = pathOn(log, { ids: countedIds(++n) })
  for (const asked of [joins(fresh, space, 'dave'), says(fresh, space), looks(fresh, space)])
    assert.is(await asked, 'space_cut')
  assert.is(await written(context, space), before + 1)
})

test('given a busy room that is deleted for good, then no server that has it writes anything more', async (context) => {
  const { log, client } = context
  const { space, path } = await room(log)
  await client.tombstoneStream(streamName('space', space))
  const answers = await Promise.all(['carol', 'dave', 'erin'].map((who) => joins(path, space, who)))
  assert.equal(answers, ['space_deleted', 'space_deleted', 'space_deleted'])
})

test('given a chat whose stream was deleted softly, then nobody writes in it again, and the room itself goes on', async ({
  log,
  client,
}) => {
  const { space } = await room(log)
  await client.deleteStream(streamName('chat', space))
  const path = pathOn(log, { ids: countedIds(++n) })
  assert.is(await says(path, space), 'space_deleted')
  assert.is(await joins(path, space, 'carol'), 'done')
})

test('given a stream that was deleted softly and written to again by somebody, then joins, messages and looks find a room that was cut', async (context) => {
  const { log, client } = context
  const { space } = await room(log)
  const stream = streamName('space', space)
  const events = await log.readStream(stream, { limit: 10 })()
  await client.deleteStream(stream)
  const { type, data, metadata } = (events as E.Right<ReadonlyArray<RecordedEvent>>).right[0]!
  await client.appendToStream(stream, jsonEvent({ type, data: data as never, metadata: metadata as never }))
  const path = pathOn(log, { ids: countedIds(++n) })
  assert.is(await joins(path, space, 'carol'), 'space_cut')
  assert.is(await says(path, space), 'space_cut')
  assert.is(await looks(path, space), 'space_cut')
})

test('given a room that never existed, and a stream of another kind that was deleted softly, then reads return nothing for either', async ({
  log,
  client,
}) => {
  assert.equal(
    await log.readStream(streamName('space', { type: 'post', id: 'alice/never' }), { limit: 1 })(),
    E.right([]),
  )
  await client.appendToStream('somebody-elses', jsonEvent({ type: 'theirs', data: {} }))
  await client.deleteStream('somebody-elses')
  assert.equal(await log.readStream('somebody-elses', { limit: 1 })(), E.right([]))
})

test('given metadata that says something else, then the room is as it was', async ({ log, client }) => {
  const { space } = await room(log)
  await client.setStreamMetadata(streamName('space', space), { maxAge: 86_400 } as never)
  const path = pathOn(log, { ids: countedIds(++n) })
  assert.is(await joins(path, space, 'carol'), 'done')
})

test.run()
