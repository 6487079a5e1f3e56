import * as assert from 'uvu/assert'
import { type Add, contract, failure, unique, until } from './kit.ts'

const numbers = (read: ReadonlyArray<{ event?: { revision: bigint } | undefined }>): number[] =>
  read.map(({ event }) => Number(event!.revision))

const settingAndReading = (test: Add): void => {
  test('given no metadata, then there is none', async (kit) => {
    const { metadata, metastreamRevision } = await kit.client.getStreamMetadata(unique())
    assert.is(metadata, undefined)
    assert.is(metastreamRevision, undefined)
  })
  test('given metadata, then it comes back as it went, system fields and own', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { maxCount: 5, maxAge: 60, cacheControl: 30, own: 'x' })
    const { metadata } = await kit.client.getStreamMetadata<{ own: string }>(stream)
    assert.is(metadata!.maxCount, 5)
    assert.is(metadata!.maxAge, 60)
    assert.is(metadata!.cacheControl, 30)
    assert.is(metadata!.own, 'x')
  })
  test('when set twice, then the last counts', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { maxCount: 5 })
    await kit.client.setStreamMetadata(stream, { maxCount: 2 })
    const { metadata } = await kit.client.getStreamMetadata(stream)
    assert.is(metadata!.maxCount, 2)
    const [last] = await kit.read(`$$${stream}`)
    assert.is(last!.event!.revision, 1n)
  })
  test('when set with a wrong revision, then wrong-expected-version', async (kit) => {
    const stream = unique()
    const { type } = await failure(
      kit.client.setStreamMetadata(stream, { maxCount: 5 }, {
        expectedRevision: 3n,
        streamState: 3n,
      } as never),
    )
    assert.is(type, 'wrong-expected-version')
  })
}

const limits = (test: Add): void => {
  for (const [title, metadata, options, expected] of [
    ['maxCount 3', { maxCount: 3 }, {}, [7, 8, 9]],
    ['maxCount 3, from 0', { maxCount: 3 }, { fromRevision: 0n }, [7, 8, 9]],
    ['maxCount 3, from 8', { maxCount: 3 }, { fromRevision: 8n }, [8, 9]],
    ['maxCount 3, two', { maxCount: 3 }, { maxCount: 2 }, [7, 8]],
    ['maxCount 3, backwards', { maxCount: 3 }, { direction: 'backwards', fromRevision: 'end' }, [9, 8, 7]],
    ['maxCount above all', { maxCount: 50 }, { maxCount: 2 }, [0, 1]],
    ['truncateBefore 6', { truncateBefore: 6 }, {}, [6, 7, 8, 9]],
    [
      'truncateBefore 6, backwards',
      { truncateBefore: 6 },
      { direction: 'backwards', fromRevision: 'end' },
      [9, 8, 7, 6],
    ],
    ['truncateBefore beyond the end', { truncateBefore: 10 }, {}, []],
    ['truncateBefore 8 and maxCount 5', { truncateBefore: 8, maxCount: 5 }, {}, [8, 9]],
    ['truncateBefore 2 and maxCount 5', { truncateBefore: 2, maxCount: 5 }, {}, [5, 6, 7, 8, 9]],
    ['maxAge of an hour', { maxAge: 3600 }, {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ] as const)
    test(`given ten events and ${title}, then ${expected.join(' ') || 'none'}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(10))
      await kit.client.setStreamMetadata(stream, metadata)
      assert.equal(numbers(await kit.read(stream, options)), expected)
    })
  test('given maxAge of a second, when it has passed, then nothing is read', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await kit.client.setStreamMetadata(stream, { maxAge: 1 })
    for (;;) if ((await kit.read(stream)).length === 0) break
    assert.is((await kit.append(stream, kit.events(1))).nextExpectedRevision, 2n)
    assert.equal(numbers(await kit.read(stream)), [2])
  })
  test('given a maxAge that has passed, then $all still has the events, and a subscription gets only new ones', async (kit) => {
    const stream = unique()
    const { position } = await kit.append(stream, kit.events(1))
    await kit.client.setStreamMetadata(stream, { maxAge: 1 })
    await until(async () => (await kit.read(stream)).length === 0)
    const [first] = await kit.readAll({ fromPosition: position, maxCount: 1 })
    assert.is(first!.event!.streamId, stream)
    await kit.append(stream, kit.events(1))
    const subscription = kit.client.subscribeToStream(stream)
    const seen: bigint[] = []
    subscription.on('data', ({ event }) => seen.push(event!.revision))
    await until(() => seen.length > 0)
    assert.equal(seen, [1n])
    await subscription.unsubscribe()
  })
  test('given truncateBefore, then $all has all, a subscription to the stream what is left, backwards likewise', async (kit) => {
    const stream = unique()
    const { position } = await kit.append(stream, kit.events(1))
    await kit.append(stream, kit.events(9))
    await kit.client.setStreamMetadata(stream, { truncateBefore: 6 })
    const all = await kit.readAll({ fromPosition: position })
    assert.equal(
      numbers(all.filter(({ event }) => event!.streamId === stream)),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
    assert.equal(
      numbers(await kit.read(stream, { direction: 'backwards', fromRevision: 'end' })),
      [9, 8, 7, 6],
    )
    assert.equal(numbers(await kit.read(stream, { fromRevision: 2n, maxCount: 2 })), [6, 7])
    assert.equal(numbers(await kit.read(stream, { direction: 'backwards', fromRevision: 3n })), [])
    const seen: number[] = []
    const subscription = kit.client.subscribeToStream(stream, { fromRevision: 1n })
    subscription.on('data', ({ event }) => seen.push(Number(event!.revision)))
    await kit.append(stream, kit.events(1))
    await until(() => seen.length >= 5)
    assert.equal(seen, [6, 7, 8, 9, 10])
    await subscription.unsubscribe()
  })
  test('given maxCount and maxAge and truncateBefore at once, then each takes its part', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(10))
    await kit.client.setStreamMetadata(stream, { maxCount: 6, maxAge: 3600, truncateBefore: 7 })
    assert.equal(numbers(await kit.read(stream)), [7, 8, 9])
    await kit.client.setStreamMetadata(stream, { maxCount: 2, maxAge: 3600 })
    assert.equal(numbers(await kit.read(stream)), [8, 9])
    await kit.client.setStreamMetadata(stream, {})
    assert.is((await kit.read(stream)).length, 10)
  })
}

const metastreams = (test: Add): void => {
  test('given metadata of a system stream, then it applies there too', async (kit) => {
    const stream = `$${unique('system')}`
    await kit.append(stream, kit.events(4))
    await kit.client.setStreamMetadata(stream, { maxCount: 1 })
    assert.equal(numbers(await kit.read(stream)), [3])
    assert.is((await kit.client.getStreamMetadata(stream)).metadata?.maxCount, 1)
  })
  test('given metadata set many times, then its stream has only the last, and its revision goes on', async (kit) => {
    const stream = unique()
    for (let n = 1; n <= 3; n++) await kit.client.setStreamMetadata(stream, { maxCount: n })
    const read = await kit.read(`$$${stream}`)
    assert.equal(numbers(read), [2])
    assert.is((await kit.client.getStreamMetadata(stream)).metadata?.maxCount, 3)
  })
  test('given maxCount, when more is appended, then the window moves', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { maxCount: 2 })
    await kit.append(stream, kit.events(4))
    assert.equal(numbers(await kit.read(stream)), [2, 3])
    await kit.append(stream, kit.events(1))
    assert.equal(numbers(await kit.read(stream)), [3, 4])
  })
  test('given metadata alone, then the stream itself is not found', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { maxCount: 2 })
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    assert.is((await kit.append(stream, kit.events(1), 'no_stream')).nextExpectedRevision, 0n)
  })
  test('given an acl, then it comes back', async (kit) => {
    const stream = unique()
    const acl = { readRoles: ['$all'], writeRoles: ['$all'], deleteRoles: ['$admins'] }
    await kit.client.setStreamMetadata(stream, { acl })
    const { metadata } = await kit.client.getStreamMetadata(stream)
    assert.equal([metadata!.acl?.deleteRoles].flat(), ['$admins'])
  })
  test('given a tombstoned stream, when its metadata is read, then stream-deleted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    await kit.client.setStreamMetadata(stream, { maxCount: 3 })
    await kit.client.tombstoneStream(stream)
    assert.is((await failure(kit.read(`$$${stream}`))).type, 'stream-deleted')
  })
  // The server's `IndexWriter.CheckCommit` goes by the metastream's own version, as long as it has it in memory.
  for (const [what, before] of [
    ['none', 0],
    ['some', 1],
  ] as const)
    test(`given a tombstoned stream with ${what} of its own metadata, when metadata is set, then it is taken, and can't be read`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      for (let n = 0; n < before; n += 1) await kit.client.setStreamMetadata(stream, { maxCount: 3 })
      await kit.client.tombstoneStream(stream)
      const expected = before === 0 ? 'no_stream' : 0n
      const event = kit.lib.jsonEvent({ type: '$metadata', data: { own: 1 } })
      await kit.append(`$$${stream}`, [event], expected)
      assert.ok((await kit.client.setStreamMetadata(stream, { maxCount: 1 })).success)
      assert.is((await failure(kit.append(`$$${stream}`, [event], 7n))).type, 'wrong-expected-version')
      assert.is((await failure(kit.read(`$$${stream}`))).type, 'stream-deleted')
      assert.is((await failure(kit.read(stream))).type, 'stream-deleted')
    })
  test('given metadata on a deleted stream, then deleted events stay deleted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.deleteStream(stream)
    await kit.client.setStreamMetadata(stream, { own: 1 })
    const read = await kit.read(stream).catch(() => [])
    assert.is(read.length, 0)
  })
}

contract('stream metadata', (test) => {
  for (const cases of [settingAndReading, limits, metastreams]) cases(test)
})
