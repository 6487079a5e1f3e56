import * as assert from 'uvu/assert'
import { type Add, contract, failure, unique, until } from './kit.ts'

const beginningAnew = (test: Add): void => {
  test('given a stream, when deleted, then it reads as not found', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const { position } = await kit.client.deleteStream(stream)
    assert.ok(position!.commit > 0n)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
  })
  test('given a deleted stream, when appended to with any, then numbering goes on and the old events are not read', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.deleteStream(stream)
    assert.is((await kit.append(stream, kit.events(2))).nextExpectedRevision, 4n)
    const read = await kit.read(stream)
    assert.equal(
      read.map(({ event }) => event!.revision),
      [3n, 4n],
    )
  })
  test('given a deleted stream, when appended to with no_stream, then it begins anew', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.deleteStream(stream)
    assert.is((await kit.append(stream, kit.events(1), 'no_stream')).nextExpectedRevision, 3n)
    assert.is((await kit.read(stream)).length, 1)
  })
  test('given a deleted stream, when appended to at its last revision, then it is accepted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.deleteStream(stream)
    assert.is((await kit.append(stream, kit.events(1), 2n)).nextExpectedRevision, 3n)
  })
  test('given a deleted stream, when appended to with stream_exists, then stream-deleted (a stream that is deleted softly does not exist for it)', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    await kit.client.deleteStream(stream)
    assert.is((await failure(kit.append(stream, kit.events(1), 'stream_exists'))).type, 'stream-deleted')
  })
  test('given a deleted stream that lives again, when read backwards, then only the new events', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(5))
    await kit.client.deleteStream(stream)
    await kit.append(stream, kit.events(2))
    const read = await kit.read(stream, { direction: 'backwards', fromRevision: 'end' })
    assert.equal(
      read.map(({ event }) => event!.revision),
      [6n, 5n],
    )
  })
}

const expectedRevisions = (test: Add): void => {
  for (const [expected, accepted] of [
    // `stream_exists` is left out: neither client can send it with a delete.
    ['any', true],
    [1n, true],
    ['no_stream', false],
    [0n, false],
    [7n, false],
  ] as const) {
    const verdict = accepted ? 'it is done' : 'wrong-expected-version'
    test(`given two events, when deleted with ${expected}, then ${verdict}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(2))
      const deleting = kit.client.deleteStream(stream, { expectedRevision: expected as never })
      if (accepted) await deleting
      else assert.is((await failure(deleting)).type, 'wrong-expected-version')
    })
    test(`given two events, when tombstoned with ${expected}, then ${verdict}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(2))
      const deleting = kit.client.tombstoneStream(stream, { expectedRevision: expected as never })
      if (accepted) await deleting
      else assert.is((await failure(deleting)).type, 'wrong-expected-version')
    })
  }
  test('given a stream that is deleted and lives again, again and again, then numbering goes on each time', async (kit) => {
    const stream = unique()
    for (let round = 0; round < 3; round++) {
      const { nextExpectedRevision } = await kit.append(stream, kit.events(2), 'no_stream')
      assert.is(nextExpectedRevision, BigInt(2 * round + 1))
      const read = await kit.read(stream)
      assert.equal(
        read.map(({ event }) => event!.revision),
        [BigInt(2 * round), BigInt(2 * round + 1)],
      )
      await kit.client.deleteStream(stream)
      assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
    }
    const { metadata } = await kit.client.getStreamMetadata(stream)
    assert.ok(metadata?.truncateBefore !== undefined)
  })
  test('given metadata alone, when appended to with stream_exists, then it is accepted (metadata makes a stream exist)', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { own: 'there' })
    assert.is((await kit.append(stream, kit.events(1), 'stream_exists')).nextExpectedRevision, 0n)
  })
  test('given no stream, when appended to with stream_exists, then wrong-expected-version', async (kit) => {
    assert.is(
      (await failure(kit.append(unique(), kit.events(1), 'stream_exists'))).type,
      'wrong-expected-version',
    )
  })
  for (const expected of ['any', 'no_stream'] as const)
    test(`given no stream, when deleted with ${expected}, then wrong-expected-version, and nothing is written`, async (kit) => {
      const stream = unique()
      const deleting = kit.client.deleteStream(stream, { expectedRevision: expected })
      assert.is((await failure(deleting)).type, 'wrong-expected-version')
      assert.is((await kit.client.getStreamMetadata(stream)).metadata, undefined)
    })
  test('given metadata alone, when deleted, then it is done (metadata makes a stream exist)', async (kit) => {
    const stream = unique()
    await kit.client.setStreamMetadata(stream, { own: 'there' })
    await kit.client.deleteStream(stream)
    assert.is((await kit.client.getStreamMetadata(stream)).metadata?.own, undefined)
  })
  test('given a deleted stream, when deleted again, then it is done again', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    await kit.client.deleteStream(stream)
    await kit.client.deleteStream(stream)
    assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
  })
}

const metadataOfWhatIsDeleted = (test: Add): void => {
  test('given own metadata, a maxCount and an acl, when deleted, then $tb alone is left of its metadata', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const acl = { readRoles: ['$all'], writeRoles: ['$all'], deleteRoles: ['$all'] }
    await kit.client.setStreamMetadata(stream, { own: 'gone', maxCount: 2, acl })
    await kit.client.deleteStream(stream)
    const [last] = await kit.read(`$$${stream}`, { direction: 'backwards', fromRevision: 'end', maxCount: 1 })
    assert.equal(Object.keys(last!.event!.data as object), ['$tb'])
    assert.is(last!.event!.type, '$metadata')
  })
  test('given own metadata and a maxCount, when deleted and alive again, then they are gone (the deletion took their place)', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await kit.client.setStreamMetadata(stream, { own: 'kept', maxCount: 2 })
    await kit.client.deleteStream(stream)
    await kit.append(stream, kit.events(3))
    const { metadata } = await kit.client.getStreamMetadata(stream)
    assert.equal([metadata?.own, metadata?.maxCount, metadata?.truncateBefore], [undefined, undefined, 3])
    assert.equal(
      (await kit.read(stream)).map(({ event }) => event!.revision),
      [3n, 4n, 5n],
    )
  })
}

const subscribers = (test: Add): void => {
  for (const subscribed of ['before its events', 'when it has caught up'] as const)
    test(`given a subscription from ${subscribed}, when its stream is tombstoned, then it ends with stream-deleted`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      const subscription = kit.client.subscribeToStream(stream)
      let seen = 0
      const ended = new Promise<Record<string, unknown>>((resolve) =>
        subscription.on('error', (error) => resolve(error as unknown as Record<string, unknown>)),
      )
      subscription.on('data', ({ event }) => {
        if (event?.type === 'Happened') seen++
      })
      if (subscribed === 'when it has caught up') await until(() => seen === 1)
      await kit.client.tombstoneStream(stream)
      assert.is((await ended).type, 'stream-deleted')
    })
  test('given a subscription to $all, when a stream is tombstoned, then it goes on', async (kit) => {
    const [gone, there] = [unique(), unique()]
    const { position } = await kit.append(gone, kit.events(1))
    const subscription = kit.client.subscribeToAll({ fromPosition: position! })
    const types: string[] = []
    let heard = false
    subscription.on('data', ({ event }) => {
      if (event!.streamId === gone) types.push(event!.type)
      heard ||= event!.streamId === there
    })
    await kit.client.tombstoneStream(gone)
    await kit.append(there, kit.events(1))
    await until(() => heard)
    assert.equal(types, ['$streamDeleted'])
    await subscription.unsubscribe()
  })
  test('given a subscription to a stream, when the stream is deleted and lives again, then it gets the new events', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const seen: bigint[] = []
    const subscription = kit.client.subscribeToStream(stream)
    subscription.on('data', ({ event }) => seen.push(event!.revision))
    await until(() => seen.length === 2)
    await kit.client.deleteStream(stream)
    await kit.append(stream, kit.events(2))
    await until(() => seen.length === 4)
    assert.equal(seen, [0n, 1n, 2n, 3n])
    await subscription.unsubscribe()
  })
}

const tombstones = (test: Add): void => {
  test('given a tombstoned stream, then reads, appends and deletes answer stream-deleted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await kit.client.tombstoneStream(stream)
    assert.is((await failure(kit.read(stream))).type, 'stream-deleted')
    assert.is((await failure(kit.append(stream, kit.events(1)))).type, 'stream-deleted')
    assert.is((await failure(kit.append(stream, kit.events(1), 'no_stream'))).type, 'stream-deleted')
    assert.is((await failure(kit.client.deleteStream(stream))).type, 'stream-deleted')
    assert.is((await failure(kit.client.tombstoneStream(stream))).type, 'stream-deleted')
  })
  test('given no stream, when tombstoned, then it can never exist', async (kit) => {
    const stream = unique()
    await kit.client.tombstoneStream(stream)
    assert.is((await failure(kit.append(stream, kit.events(1)))).type, 'stream-deleted')
  })
  test('given a deleted stream, when tombstoned, then stream-deleted', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await kit.client.deleteStream(stream)
    await kit.client.tombstoneStream(stream)
    assert.is((await failure(kit.read(stream))).type, 'stream-deleted')
  })
  test('given a deleted stream, then its events are still in $all', async (kit) => {
    const stream = unique()
    const { position } = await kit.append(stream, kit.events(1))
    await kit.client.deleteStream(stream)
    const [first] = await kit.readAll({ fromPosition: position, maxCount: 1 })
    assert.is(first!.event!.streamId, stream)
  })
  test('given a deleted stream, when subscribed to, then new events are delivered', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await kit.client.deleteStream(stream)
    const subscription = kit.client.subscribeToStream(stream)
    const revisions: bigint[] = []
    subscription.on('data', ({ event }) => revisions.push(event!.revision))
    await kit.append(stream, kit.events(1))
    await until(() => revisions.length === 1)
    assert.equal(revisions, [2n])
    await subscription.unsubscribe()
  })
}

contract('deletes', (test) => {
  for (const cases of [beginningAnew, expectedRevisions, metadataOfWhatIsDeleted, subscribers, tombstones])
    cases(test)
})
