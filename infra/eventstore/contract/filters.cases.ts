import * as assert from 'uvu/assert'
import { contract, type Kit, unique } from './kit.ts'
import { FILTERS, mix } from './subscriptions.cases.ts'

const NO_FILTER = { not: ['@eventstore/db-client', 'its reads take no filter'] } as const
const streamsOf = (read: Awaited<ReturnType<Kit['readAll']>>): string[] =>
  read.map(({ event }) => event!.streamId)

contract('filtered reads of $all', (test) => {
  for (const [name, filter, passes] of FILTERS) {
    const seeded = async (kit: Kit) => {
      const tag = unique('f').slice(2)
      const written = await mix(kit, tag)
      return {
        filter: filter(kit, tag),
        expected: written.filter(([stream, type]) => passes(stream, type, tag)).map(([stream]) => stream),
      }
    }
    test(
      `by ${name}, forwards: what passes, in order`,
      async (kit) => {
        const { filter: by, expected } = await seeded(kit)
        assert.equal(streamsOf(await kit.readAll({ filter: by })), expected)
      },
      NO_FILTER,
    )
    test(
      `by ${name}, backwards from the end: what passes, the last first`,
      async (kit) => {
        const { filter: by, expected } = await seeded(kit)
        const read = await kit.readAll({ direction: 'backwards', fromPosition: 'end', filter: by })
        assert.equal(streamsOf(read), [...expected].reverse())
      },
      NO_FILTER,
    )
    test(
      `by ${name}, three: as many as pass, not as many as are looked at`,
      async (kit) => {
        const { filter: by, expected } = await seeded(kit)
        const read = await kit.readAll({ filter: by, maxCount: 3 })
        assert.equal(streamsOf(read), expected.slice(0, 3))
      },
      NO_FILTER,
    )
  }
  test(
    'from a position: it and what follows, of what passes',
    async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(1))
      const { position } = await kit.append(stream, kit.events(1))
      await kit.append(unique(), kit.events(1))
      await kit.append(stream, kit.events(1))
      const filter = kit.lib.streamNameFilter({ prefixes: [stream] })
      const read = await kit.readAll({ fromPosition: position, filter })
      assert.equal(
        read.map(({ event }) => event!.revision),
        [1n, 2n],
      )
    },
    NO_FILTER,
  )
  test(
    'backwards from a position, two: of what passes, the last two before it',
    async (kit) => {
      const stream = unique()
      for (let n = 0; n < 4; n++) {
        await kit.append(stream, kit.events(1))
        await kit.append(unique(), kit.events(2))
      }
      const { position } = await kit.append(stream, kit.events(1))
      await kit.append(stream, kit.events(1))
      const filter = kit.lib.streamNameFilter({ prefixes: [stream] })
      const read = await kit.readAll({
        direction: 'backwards',
        fromPosition: position,
        filter,
        maxCount: 2,
      })
      assert.equal(
        read.map(({ event }) => event!.revision),
        [3n, 2n],
      )
    },
    NO_FILTER,
  )
  test(
    'that nothing passes: nothing, and it ends',
    async (kit) => {
      await kit.append(unique(), kit.events(3))
      const filter = kit.lib.streamNameFilter({ prefixes: [unique('nobody')] })
      assert.equal(await kit.readAll({ filter }), [])
    },
    NO_FILTER,
  )
  test(
    'that leave out system events: none of them, and what is not',
    async (kit) => {
      const stream = unique()
      const { position } = await kit.append(stream, kit.events(1))
      await kit.client.setStreamMetadata(stream, { maxCount: 5 })
      const read = await kit.readAll({ fromPosition: position, filter: kit.lib.excludeSystemEvents() })
      assert.ok(read.every(({ event }) => !event!.type.startsWith('$')))
      assert.ok(streamsOf(read).includes(stream))
    },
    NO_FILTER,
  )
  test('a subscription that leaves out system events gets none of them', async (kit) => {
    const stream = unique()
    const subscription = kit.client.subscribeToAll({
      fromPosition: 'end',
      filter: kit.lib.excludeSystemEvents(),
    })
    const types: string[] = []
    const done = new Promise<void>((resolve) => {
      subscription.on('confirmation', async () => {
        await kit.client.setStreamMetadata(stream, { maxCount: 5 })
        await kit.append(stream, kit.events(1, 'Last'))
      })
      subscription.on('data', ({ event }) => {
        types.push(event!.type)
        if (event!.streamId === stream) resolve()
      })
    })
    await done
    assert.ok(types.every((type) => !type.startsWith('$')))
    await subscription.unsubscribe()
  })
})
