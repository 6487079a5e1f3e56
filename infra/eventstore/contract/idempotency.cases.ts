import * as assert from 'uvu/assert'
import { contract, failure, unique } from './kit.ts'

contract('idempotency', (test) => {
  for (const expected of ['no_stream', 'any'] as const)
    test(`given an append with ${expected}, when it is repeated, then the answer is the same and nothing is written`, async (kit) => {
      const stream = unique()
      const events = kit.events(3)
      const first = await kit.append(stream, events, expected)
      const again = await kit.append(stream, events, expected)
      assert.equal(again.position, first.position)
      assert.is(again.nextExpectedRevision, first.nextExpectedRevision)
      assert.is((await kit.read(stream)).length, 3)
    })

  test('given an append at a revision, when it is repeated after others came, then the original position', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const events = kit.events(2)
    const first = await kit.append(stream, events, 1n)
    await kit.append(stream, kit.events(2))
    const again = await kit.append(stream, events, 1n)
    assert.equal(again.position, first.position)
    assert.is(again.nextExpectedRevision, 3n)
    assert.is((await kit.read(stream)).length, 6)
  })

  test('given one id six times in an append with any, when it is repeated, then the answer is where the id was first', async (kit) => {
    const stream = unique()
    const six = kit.events(1).flatMap((event) => Array.from({ length: 6 }, () => event))
    assert.is((await kit.append(stream, six)).nextExpectedRevision, 5n)
    // The real server's cache of ids keeps what it has of an id, so it answers for each with the first.
    assert.is((await kit.append(stream, six)).nextExpectedRevision, 0n)
    assert.is((await kit.read(stream)).length, 6)
  })

  test('given an append of three, when the first two are repeated, then it is recognised', async (kit) => {
    const stream = unique()
    const events = kit.events(3)
    await kit.append(stream, events, 'no_stream')
    const again = await kit.append(stream, events.slice(0, 2), 'no_stream')
    assert.is(again.nextExpectedRevision, 1n)
    assert.is((await kit.read(stream)).length, 3)
  })

  test('given an append of two, when repeated with one more, then wrong-expected-version', async (kit) => {
    const stream = unique()
    const events = kit.events(3)
    await kit.append(stream, events.slice(0, 2), 'no_stream')
    assert.is((await failure(kit.append(stream, events, 'no_stream'))).type, 'wrong-expected-version')
    assert.is((await kit.read(stream)).length, 2)
  })

  test('given an append of two, when repeated in another order, then wrong-expected-version', async (kit) => {
    const stream = unique()
    const [a, b] = kit.events(2)
    await kit.append(stream, [a!, b!], 'no_stream')
    assert.is((await failure(kit.append(stream, [b!, a!], 'no_stream'))).type, 'wrong-expected-version')
  })

  test('given an append, when its ids come again at the current end, then they are appended again', async (kit) => {
    const stream = unique()
    const events = kit.events(1)
    await kit.append(stream, events, 'no_stream')
    const again = await kit.append(stream, events, 0n)
    assert.is(again.nextExpectedRevision, 1n)
    assert.is((await kit.read(stream)).length, 2)
  })

  test('given an append, when its ids come to another stream, then they are appended there', async (kit) => {
    const [one, two] = [unique(), unique()]
    const events = kit.events(2)
    await kit.append(one, events, 'any')
    await kit.append(two, events, 'any')
    assert.is((await kit.read(two)).length, 2)
  })

  test('given an append with any, when it is repeated with stream_exists, then it is recognised', async (kit) => {
    const stream = unique()
    const events = kit.events(2)
    await kit.append(stream, events)
    await kit.append(stream, events, 'stream_exists')
    assert.is((await kit.read(stream)).length, 2)
  })

  test('given an append with any, when a known id is followed by a new one, then wrong-expected-version', async (kit) => {
    const stream = unique()
    const events = kit.events(1)
    await kit.append(stream, events)
    const { type } = await failure(kit.append(stream, [...events, ...kit.events(1)]))
    assert.is(type, 'wrong-expected-version')
  })

  test('given an append with any, when a new id is followed by a known one, then both are appended', async (kit) => {
    const stream = unique()
    const events = kit.events(1)
    await kit.append(stream, events)
    await kit.append(stream, [...kit.events(1), ...events])
    assert.is((await kit.read(stream)).length, 3)
  })
})
