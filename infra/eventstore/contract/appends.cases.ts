import * as assert from 'uvu/assert'
import { type Add, contract, type Expected, failure, type Kit, unique } from './kit.ts'

type Options = Parameters<Kit['append']>[3]
/** One of the two calls by which the clients append, and the options that choose it. */
type Way = { readonly call: string; readonly optionsFor: (kit: Kit) => Options }

const expectedRevisions = (test: Add, { call, optionsFor }: Way): void => {
  for (const expected of ['any', 'no_stream'] as const)
    test(`${call}: given no stream, when appended with ${expected}, then its events are 0 and 1`, async (kit) => {
      const stream = unique()
      const result = await kit.append(stream, kit.events(2), expected, optionsFor(kit))
      assert.ok(result.success)
      assert.is(result.nextExpectedRevision, 1n)
      assert.ok(result.position !== undefined && result.position.commit > 0n)
      assert.is((await kit.read(stream)).length, 2)
    })

  for (const expected of ['stream_exists', 0n, 5n] as const)
    test(`${call}: given no stream, when appended with ${expected}, then wrong-expected-version`, async (kit) => {
      const {
        type,
        expected: wanted,
        actual,
      } = await failure(kit.append(unique(), kit.events(1), expected, optionsFor(kit)))
      assert.is(type, 'wrong-expected-version')
      assert.is(wanted, expected)
      assert.is(actual, 'no_stream')
    })

  for (const [expected, accepted] of [
    ['any', true],
    ['stream_exists', true],
    [2n, true],
    ['no_stream', false],
    [0n, false],
    [1n, false],
    [3n, false],
    [10n, false],
  ] as ReadonlyArray<[Expected, boolean]>)
    test(`${call}: given 3 events, when appended with ${expected}, then it is ${accepted ? 'accepted' : 'refused'}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      const appending = kit.append(stream, kit.events(1), expected, optionsFor(kit))
      if (accepted) assert.is((await appending).nextExpectedRevision, 3n)
      else {
        const failed = await failure(appending)
        assert.is(failed.type, 'wrong-expected-version')
        assert.is(failed.expected, expected)
        assert.is(failed.actual, 2n)
        assert.is(failed.error.streamName, stream)
      }
      assert.is((await kit.read(stream)).length, accepted ? 4 : 3)
    })
}

const sizes = (test: Add, { call, optionsFor }: Way): void => {
  test(`${call}: given an append over the size limit, then maximum-append-size-exceeded and nothing is written`, async (kit) => {
    const stream = unique()
    const big = kit.lib.jsonEvent({ type: 'Big', data: { text: 'x'.repeat(1_100_000) } })
    const { type, error } = await failure(kit.append(stream, [big], 'any', optionsFor(kit)))
    assert.is(type, 'maximum-append-size-exceeded')
    assert.is(error.maxAppendSize, 1_048_576)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
  })

  test(`${call}: given many events that exceed the limit together, then maximum-append-size-exceeded`, async (kit) => {
    const stream = unique()
    const many = Array.from({ length: 20 }, () =>
      kit.lib.jsonEvent({ type: 'Big', data: { text: 'x'.repeat(60_000) } }),
    )
    assert.is(
      (await failure(kit.append(stream, many, 'any', optionsFor(kit)))).type,
      'maximum-append-size-exceeded',
    )
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
  })

  test(
    `${call}: given little data and metadata of more than the limit, then it is accepted`,
    async (kit) => {
      // Event.SizeOnDisk in 24.10 and before: `data?.Length ?? 0 + …` is the length of the data alone.
      const stream = unique()
      const metadata = { text: 'x'.repeat(600_000) }
      const two = [0, 1].map(() => kit.lib.jsonEvent({ type: 'Explained', data: {}, metadata }))
      await kit.append(stream, two, 'any', optionsFor(kit))
      const read = await kit.read(stream)
      assert.equal(
        read.map(({ event }) => event!.metadata),
        [metadata, metadata],
      )
    },
    { differs: 'since 25.0 it counts the metadata and the type too' },
  )

  test(`${call}: given 1,000 events in one append, then all are there in order`, async (kit) => {
    const stream = unique()
    const result = await kit.append(stream, kit.events(1000), 'no_stream', optionsFor(kit))
    assert.is(result.nextExpectedRevision, 999n)
    const read = await kit.read(stream)
    assert.equal(
      read.map(({ event }) => (event!.data as { n: number }).n),
      Array.from({ length: 1000 }, (_, n) => n),
    )
  })
}

const contents = (test: Add, { call, optionsFor }: Way): void => {
  test(`${call}: given JSON and metadata, then they come back as they went`, async (kit) => {
    const stream = unique()
    const data = { text: 'é € 😀 \u0000 "', nested: { list: [1, null, true] } }
    const event = kit.lib.jsonEvent({ type: 'Said', data, metadata: { by: 'añn' } })
    await kit.append(stream, [event], 'any', optionsFor(kit))
    const [read] = await kit.read(stream)
    assert.equal(read!.event!.data, data)
    assert.equal(read!.event!.metadata, { by: 'añn' })
    assert.is(read!.event!.id, event.id)
    assert.is(read!.event!.type, 'Said')
    assert.is(read!.event!.streamId, stream)
    assert.is(read!.event!.isJson, true)
  })

  test(`${call}: given bytes, then they come back as they went`, async (kit) => {
    const stream = unique()
    const data = Uint8Array.from({ length: 256 }, (_, n) => n)
    await kit.append(stream, [kit.lib.binaryEvent({ type: 'Raw', data })], 'any', optionsFor(kit))
    const [read] = await kit.read(stream)
    assert.is(read!.event!.isJson, false)
    assert.equal(Uint8Array.from(read!.event!.data as Uint8Array), data)
  })

  test(`${call}: given two appends, then the second's position is greater`, async (kit) => {
    const stream = unique()
    const first = await kit.append(stream, kit.events(1), 'any', optionsFor(kit))
    const second = await kit.append(unique(), kit.events(1), 'any', optionsFor(kit))
    assert.ok(second.position!.commit > first.position!.commit)
  })
}

contract('appends', (test) => {
  // The clients use Append with credentials and BatchAppend without them; the rules are the same.
  const ways: ReadonlyArray<Way> = [
    { call: 'BatchAppend', optionsFor: () => ({}) },
    { call: 'Append', optionsFor: (kit) => ({ credentials: kit.credentials }) },
  ]
  for (const way of ways) for (const cases of [expectedRevisions, sizes, contents]) cases(test, way)

  test('given 50 appends at once to one stream, then each event is there once and revisions are dense', async (kit) => {
    const stream = unique()
    await Promise.all(Array.from({ length: 50 }, () => kit.append(stream, kit.events(2))))
    const read = await kit.read(stream)
    assert.equal(
      read.map(({ event }) => event!.revision),
      Array.from({ length: 100 }, (_, n) => BigInt(n)),
    )
    assert.is(new Set(read.map(({ event }) => event!.id)).size, 100)
  })

  test('given 20 appends at once that expect no stream, then one wins', async (kit) => {
    const stream = unique()
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => kit.append(stream, kit.events(1), 'no_stream')),
    )
    assert.is(results.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.is((await kit.read(stream)).length, 1)
  })

  test('given an append, then its created time is now, to the minute', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const [read] = await kit.read(stream)
    assert.ok(Math.abs(Number(read!.event!.created) - Date.now()) < 60_000)
  })

  test('given a stream whose name has every kind of character, then it is one stream', async (kit) => {
    const stream = `${unique()} é/€?%&😀@:`
    await kit.append(stream, kit.events(1))
    const [read] = await kit.read(stream)
    assert.is(read!.event!.streamId, stream)
  })

  test('given a deadline that has passed, then the append fails and is not written', async (kit) => {
    const stream = unique()
    const { type } = await failure(kit.append(stream, kit.events(1), 'any', { deadline: -60_000 }))
    assert.ok(['deadline-exceeded', 'timeout', 'cancelled', 'unknown'].includes(type), type)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
  })
})
