import * as assert from 'uvu/assert'
import { contract, failure, unique } from './kit.ts'

const numbers = (read: ReadonlyArray<{ event?: { revision: bigint } | undefined }>): number[] =>
  read.map(({ event }) => Number(event!.revision))

contract('reads', (test) => {
  for (const [title, options, expected] of [
    ['all', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['the first three', { maxCount: 3 }, [0, 1, 2]],
    ['from 4', { fromRevision: 4n }, [4, 5, 6, 7, 8, 9]],
    ['two from 4', { fromRevision: 4n, maxCount: 2 }, [4, 5]],
    ['from the last', { fromRevision: 9n }, [9]],
    ['from beyond the end', { fromRevision: 50n }, []],
    ['more than there are', { maxCount: 100 }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [
      'backwards from the end',
      { direction: 'backwards', fromRevision: 'end' },
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ],
    ['the last', { direction: 'backwards', fromRevision: 'end', maxCount: 1 }, [9]],
    ['backwards from 3', { direction: 'backwards', fromRevision: 3n }, [3, 2, 1, 0]],
    ['two backwards from 3', { direction: 'backwards', fromRevision: 3n, maxCount: 2 }, [3, 2]],
    ['backwards from the start', { direction: 'backwards', fromRevision: 'start' }, [0]],
    [
      'backwards from beyond the end',
      { direction: 'backwards', fromRevision: 50n },
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ],
  ] as ReadonlyArray<
    [string, Parameters<typeof import('./kit.ts').collect>[0] extends never ? never : object, number[]]
  >)
    test(
      `given ten events, when reading ${title}, then ${expected.join(' ') || 'none'}`,
      async (kit) => {
        const stream = unique()
        await kit.append(stream, kit.events(10))
        assert.equal(numbers(await kit.read(stream, options)), expected)
      },
      title === 'backwards from the start'
        ? { not: ['@kurrent/kurrentdb-client', 'it reads backwards from the end where told from the start'] }
        : {},
    )

  for (const direction of ['forwards', 'backwards'] as const)
    test(`given no stream, when reading ${direction}, then stream-not-found`, async (kit) => {
      const stream = unique()
      const { type, error } = await failure(
        kit.read(stream, { direction, fromRevision: direction === 'forwards' ? 'start' : 'end' }),
      )
      assert.is(type, 'stream-not-found')
      assert.is(error.streamName, stream)
    })

  test(
    'given ten events, when reading none of them, then it ends, with none',
    async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(10))
      // A server may refuse it as well.
      for (const direction of ['forwards', 'backwards'] as const) {
        const fromRevision = direction === 'forwards' ? ('start' as const) : ('end' as const)
        const read = await kit.read(stream, { direction, fromRevision, maxCount: 0 }).catch(() => [])
        assert.equal(read, [])
      }
      assert.equal(await kit.readAll({ maxCount: 0 }).catch(() => []), [])
    },
    { differs: 'it takes a count of 0 for one without an end, and reads on' },
  )

  test('given 3,000 events, when reading all, then all come in order', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3000))
    const read = await kit.read(stream)
    assert.is(read.length, 3000)
    assert.ok(read.every(({ event }, n) => event!.revision === BigInt(n)))
  })

  test('given a reader that stops early, then the next read is not disturbed', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1000))
    for await (const { event } of kit.client.readStream(stream)) if (event!.revision === 5n) break
    assert.is((await kit.read(stream, { maxCount: 3 })).length, 3)
  })
})

contract(
  'reads of $all',
  (test) => {
    const seed = async (kit: Parameters<Parameters<typeof test>[1]>[0]) => {
      const [one, two] = [unique('one'), unique('two')]
      const positions = []
      for (let n = 0; n < 3; n++) {
        positions.push((await kit.append(one, kit.events(1))).position!)
        positions.push((await kit.append(two, kit.events(1))).position!)
      }
      const mine = (read: Awaited<ReturnType<typeof kit.readAll>>) =>
        read.flatMap(({ event }) =>
          event!.streamId === one || event!.streamId === two ? [event!.position!.commit] : [],
        )
      return { one, two, positions, commits: positions.map(({ commit }) => commit), mine }
    }

    test('given appends to two streams, when reading forwards, then in the order of the appends', async (kit) => {
      const { positions, commits, mine } = await seed(kit)
      assert.equal(mine(await kit.readAll({ fromPosition: positions[0] })), commits)
    })
    test('given a position, when reading forwards from it, then its event is the first', async (kit) => {
      const { positions } = await seed(kit)
      const [first] = await kit.readAll({ fromPosition: positions[2], maxCount: 1 })
      assert.equal(first!.event!.position, positions[2])
    })
    test('given a position, when reading backwards from it, then its event is not among them', async (kit) => {
      const { positions } = await seed(kit)
      const [first] = await kit.readAll({ direction: 'backwards', fromPosition: positions[2], maxCount: 1 })
      assert.equal(first!.event!.position, positions[1])
    })
    test('when reading backwards from the end, then the last is first', async (kit) => {
      const { positions, commits, mine } = await seed(kit)
      const read = await kit.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 6 })
      assert.equal(mine(read), [...commits].reverse())
      assert.equal(read[0]!.event!.position, positions[5])
    })
    test('given a position in the middle, when reading backwards a huge count, then all before it, to the beginning', async (kit) => {
      const { positions, commits, mine } = await seed(kit)
      const read = await kit.readAll({
        direction: 'backwards',
        fromPosition: positions[3],
        maxCount: Number.MAX_SAFE_INTEGER,
      })
      assert.equal(mine(read), commits.slice(0, 3).reverse())
      const before = read.map(({ event }) => event!.position!.commit)
      assert.ok(before.every((at, n) => n === 0 || at < before[n - 1]!))
      assert.is((await kit.readAll({ maxCount: 1 }))[0]!.event!.position!.commit, before.at(-1))
    })
    const OWN_BEGINNING = {
      not: ['@kurrent/kurrentdb-client', "it sends the direction's own beginning instead"],
    } as const
    test(
      'when reading forwards from the end, then nothing',
      async (kit) => {
        await seed(kit)
        assert.equal(await kit.readAll({ fromPosition: 'end' }), [])
      },
      OWN_BEGINNING,
    )
    test(
      'when reading backwards from the start, then nothing',
      async (kit) => {
        await seed(kit)
        assert.equal(await kit.readAll({ direction: 'backwards', fromPosition: 'start' }), [])
      },
      OWN_BEGINNING,
    )
    for (const count of [1, 2, 4])
      test(`when reading ${count} from a position, then ${count}`, async (kit) => {
        const { positions, commits } = await seed(kit)
        const read = await kit.readAll({ fromPosition: positions[1], maxCount: count })
        assert.equal(
          read.map(({ event }) => event!.position!.commit),
          commits.slice(1, 1 + count),
        )
      })
    test('then commit and prepare are one, and the event says the position that its append answered', async (kit) => {
      const stream = unique()
      const { position } = await kit.append(stream, kit.events(2))
      const [, last] = await kit.read(stream)
      assert.equal(last!.event!.position, position)
      assert.is(position!.commit, position!.prepare)
    })
  },
  'shared',
  'alone',
)
