import * as assert from 'uvu/assert'
import { contract, failure, type Kit, unique, until } from './kit.ts'

/** Kills the node, starts it again, and returns when the same client reaches it. */
const killAndRestart = async (kit: Kit): Promise<void> => {
  await kit.store().kill()
  await kit.store().restart()
  await reached(kit)
}
const reached = (kit: Kit): Promise<true> =>
  until(async () => {
    try {
      await kit.client.getStreamMetadata(unique('reached'))
      return true
    } catch {
      return false
    }
  })

contract(
  'a node that is killed and started again',
  (test) => {
    test('given events, then the same client reads them as they were', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(20))
      const before = await kit.read(stream)
      await killAndRestart(kit)
      assert.equal(await kit.read(stream), before)
    })
    test('then the same client appends on, at the next revision', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      await killAndRestart(kit)
      assert.is((await kit.append(stream, kit.events(1), 2n)).nextExpectedRevision, 3n)
    })
    for (const expected of ['no_stream', 'any'] as const)
      test(`given an append with ${expected}, when it is repeated after, then the original position`, async (kit) => {
        const stream = unique()
        const events = kit.events(2)
        const first = await kit.append(stream, events, expected)
        await killAndRestart(kit)
        const again = await kit.append(stream, events, expected)
        assert.equal(again.position, first.position)
        assert.is((await kit.read(stream)).length, 2)
      })
    test('given an append under way, then its repetition settles it: it is there once', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      const events = kit.events(3)
      const under = kit.append(stream, events, 0n).catch(() => undefined)
      await kit.store().kill()
      await under
      await kit.store().restart()
      await reached(kit)
      const settled = await kit.append(stream, events, 0n)
      assert.is(settled.nextExpectedRevision, 3n)
      const ids = (await kit.read(stream)).map(({ event }) => event!.id)
      assert.equal(
        ids.slice(1),
        events.map(({ id }) => id),
      )
    })
    test('given a subscription, then it ends with an error, and one from its last revision misses nothing', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(5))
      const first = kit.client.subscribeToStream(stream)
      const seen: bigint[] = []
      let ended = false
      first.on('data', ({ event }) => seen.push(event!.revision))
      first.on('error', () => {
        ended = true
      })
      first.on('end', () => {
        ended = true
      })
      await until(() => seen.length === 5)
      await kit.store().kill()
      await until(() => ended)
      await kit.store().restart()
      await reached(kit)
      await kit.append(stream, kit.events(3))
      const second = kit.client.subscribeToStream(stream, { fromRevision: seen.at(-1)! })
      second.on('data', ({ event }) => seen.push(event!.revision))
      await until(() => seen.length >= 8)
      assert.equal(seen, [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n])
      await second.unsubscribe()
    })
    test('given metadata, a deletion and a tombstone, then they are still in force', async (kit) => {
      const [kept, deleted, gone] = [unique(), unique(), unique()]
      for (const stream of [kept, deleted, gone]) await kit.append(stream, kit.events(5))
      await kit.client.setStreamMetadata(kept, { maxCount: 2 })
      await kit.client.deleteStream(deleted)
      await kit.client.tombstoneStream(gone)
      await killAndRestart(kit)
      assert.is((await kit.read(kept)).length, 2)
      assert.is((await failure(kit.read(deleted))).type, 'stream-not-found')
      assert.is((await kit.append(deleted, kit.events(1))).nextExpectedRevision, 5n)
      assert.is((await failure(kit.append(gone, kit.events(1)))).type, 'stream-deleted')
    })
    test('given a persistent subscription, then it exists, and unacknowledged events come again', async (kit) => {
      const [stream, group] = [unique(), unique('group')]
      await kit.append(stream, kit.events(4))
      await kit.client.createPersistentSubscriptionToStream(
        stream,
        group,
        kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({
          startFrom: 'start',
          checkPointLowerBound: 1,
          checkPointUpperBound: 1,
        }),
      )
      const first = kit.client.subscribeToPersistentSubscriptionToStream(stream, group)
      first.on('error', () => {})
      first.on('data', (event) => {
        if (event.event!.revision < 2n) void first.ack(event)
      })
      await until(async () => {
        const { stats } = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
        return stats.outstandingMessagesCount === 2
      })
      await killAndRestart(kit)
      const seen: bigint[] = []
      const second = kit.client.subscribeToPersistentSubscriptionToStream(stream, group)
      second.on('data', (event) => {
        seen.push(event.event!.revision)
        void second.ack(event)
      })
      await until(() => seen.includes(3n))
      assert.equal(seen, [2n, 3n])
      await second.unsubscribe()
    })
    test('given positions, then later ones are greater', async (kit) => {
      const before = await kit.append(unique(), kit.events(1))
      await killAndRestart(kit)
      const after = await kit.append(unique(), kit.events(1))
      assert.ok(after.position!.commit > before.position!.commit)
    })
  },
  'own',
)
