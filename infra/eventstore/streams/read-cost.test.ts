/** What a read of a stream with `$maxAge` looks at: rows are counted, not time. */
import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OPEN_GUARD } from '../auth/guard.ts'
import { openStorage, type Storage } from '../log/storage.ts'
import { encodeBody, type ProposedEvent } from '../protocol/record.ts'
import { shared, streams } from '../protocol/stubs.ts'
import { createHub } from '../subscriptions/hub.ts'
import { streamSource } from '../subscriptions/sources.ts'
import { fakeCall } from '../testing/call.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { metastreamOf } from './metadata.ts'
import { read } from './read.ts'

const test = suite<{ storage: Storage; count: () => number }>('what a read looks at')
const EXPIRED = 20_000
const LIVE = 10
const HOUR = 3_600_000
/** The rows that the binary search may look at. */
const HALVES = 20

const event = (type: string, data: string): ProposedEvent => ({
  id: randomUUID(),
  type,
  contentType: 'application/json',
  data: Buffer.from(data),
  metadata: new Uint8Array(0),
})

/** A stream of which most is too old to be read, and how many rows were given since last asked. */
test.before((context) => {
  const storage = openStorage(temporaryDirectory('eventstore-read-cost-'))
  const put = (name: string, made: ProposedEvent, at: number): void => {
    const stream = storage.stream(name)
    const revision = stream.last + 1
    const place = { revision, position: storage.nextPosition(), ticks: `${at}0000` }
    storage.insert(stream, revision, encodeBody(made, stream.nameBytes, place), made.id)
  }
  const now = Date.now()
  storage.transaction(() => {
    storage.at(now - HOUR)
    for (let n = 0; n < EXPIRED; n += 1) put('old', event('T', `{"n":${n}}`), now - HOUR)
    storage.at(now)
    for (let n = 0; n < LIVE; n += 1) put('old', event('T', `{"n":${n}}`), now)
    put(metastreamOf('old'), event('$metadata', '{"$maxAge":60}'), now)
  })
  storage.syncNow()
  let rows = 0
  const counted = <A>(events: A[]): A[] => {
    rows += events.length
    return events
  }
  context.storage = {
    ...storage,
    streamForwards: (...asked) => counted(storage.streamForwards(...asked)),
    streamBackwards: (...asked) => counted(storage.streamBackwards(...asked)),
  }
  context.count = () => {
    const so = rows
    rows = 0
    return so
  }
})
test.after(({ storage }) => storage.close())

/** How many events the read gave. */
const readOld = async (storage: Storage, backwards: boolean, count: number): Promise<number> => {
  const target = new streams.ReadReq.Options.StreamOptions()
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from('old'))
  target.setStreamIdentifier(identifier)
  if (backwards) target.setEnd(new shared.Empty())
  else target.setStart(new shared.Empty())
  const options = new streams.ReadReq.Options()
  options.setStream(target)
  options.setReadDirection(backwards ? 1 : 0)
  options.setCount(`${count}`)
  options.setNoFilter(new shared.Empty())
  const request = new streams.ReadReq()
  request.setOptions(options)
  const { call, frames, ended } = fakeCall()
  await read({ storage, hub: createHub(), guard: OPEN_GUARD })(request, call)
  assert.is(await ended, undefined)
  return frames.filter((frame) => streams.ReadResp.deserializeBinary(new Uint8Array(frame)).hasEvent()).length
}

for (const [title, backwards, count, given] of [
  ['all', false, 1_000_000, LIVE],
  ['the first three that are left', false, 3, 3],
  ['all, backwards', true, 1_000_000, LIVE],
  ['the last', true, 1, 1],
] as const)
  test(`given ${EXPIRED} expired events and ${LIVE} that are not, when ${title} are read, then so many rows are looked at as are given, and some twenty`, async ({
    storage,
    count: rows,
  }) => {
    rows()
    assert.is(await readOld(storage, backwards, count), given)
    const looked = rows()
    assert.ok(looked <= given + HALVES, `${looked} rows`)
  })

test('given the same, when a subscription begins at the start, then its first page looks at no more', ({
  storage,
  count: rows,
}) => {
  rows()
  assert.is(streamSource(storage, 'old', 'start').take(100).events.length, LIVE)
  const looked = rows()
  assert.ok(looked <= LIVE + HALVES, `${looked} rows`)
})

test.run()
