import * as assert from 'uvu/assert'
import { type Add, contract, type Kit, type OfficialClient, unique, until } from './kit.ts'
import type { WireField } from './raw.ts'

type Subscription = ReturnType<OfficialClient['subscribeToStream']>

/** What a subscription delivers, and a way to wait for a number of events. */
const follow = (subscription: Subscription | ReturnType<OfficialClient['subscribeToAll']>) => {
  const events: Array<{ id: string; revision: bigint; streamId: string; commit: bigint }> = []
  const marks: string[] = []
  subscription.on(
    'data',
    ({
      event,
    }: {
      event?: { id: string; revision: bigint; streamId: string; position?: { commit: bigint } }
    }) => {
      if (event !== undefined)
        events.push({
          id: event.id,
          revision: event.revision,
          streamId: event.streamId,
          commit: event.position?.commit ?? -1n,
        })
    },
  )
  subscription.on('caughtUp' as 'confirmation', () => marks.push(`caught up after ${events.length}`))
  let confirmed = false
  subscription.on('confirmation', () => {
    confirmed = true
  })
  return {
    events,
    marks,
    have: (count: number) => until(() => events.length >= count),
    confirmed: () => until(() => confirmed),
    caughtUp: () => until(() => marks.length > 0),
  }
}

const withSubscription = async (
  subscription: Subscription | ReturnType<OfficialClient['subscribeToAll']>,
  run: (seen: ReturnType<typeof follow>) => Promise<void>,
) => {
  try {
    await run(follow(subscription))
  } finally {
    await subscription.unsubscribe()
  }
}

const revisions = (events: ReadonlyArray<{ revision: bigint }>): number[] =>
  events.map(({ revision }) => Number(revision))

contract('catch-up subscriptions to a stream', (test) => {
  test('from the start: what was and what comes', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await withSubscription(kit.client.subscribeToStream(stream), async (seen) => {
      await seen.have(3)
      await kit.append(stream, kit.events(2))
      await seen.have(5)
      assert.equal(revisions(seen.events), [0, 1, 2, 3, 4])
    })
  })
  test('from a revision: exclusive', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(5))
    await withSubscription(kit.client.subscribeToStream(stream, { fromRevision: 2n }), async (seen) => {
      await kit.append(stream, kit.events(1))
      await seen.have(3)
      assert.equal(revisions(seen.events), [3, 4, 5])
    })
  })
  test('from the end: only what comes', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    await withSubscription(kit.client.subscribeToStream(stream, { fromRevision: 'end' }), async (seen) => {
      await seen.confirmed()
      await kit.append(stream, kit.events(2))
      await seen.have(2)
      assert.equal(revisions(seen.events), [3, 4])
    })
  })
  test('to a stream that is not there yet: it waits for it', async (kit) => {
    const stream = unique()
    await withSubscription(kit.client.subscribeToStream(stream), async (seen) => {
      await seen.confirmed()
      await kit.append(stream, kit.events(2))
      await seen.have(2)
      assert.equal(revisions(seen.events), [0, 1])
    })
  })
  test('says when it has caught up', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(4))
    await withSubscription(kit.client.subscribeToStream(stream), async (seen) => {
      await seen.caughtUp()
      assert.is(seen.marks[0], 'caught up after 4')
    })
  })
  test('given writers while it catches up, then each event once and in order', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2000))
    await withSubscription(kit.client.subscribeToStream(stream), async (seen) => {
      for (let n = 0; n < 20; n++) await kit.append(stream, kit.events(10))
      await seen.have(2200)
      assert.equal(
        revisions(seen.events),
        Array.from({ length: 2200 }, (_, n) => n),
      )
    })
  })
  test('another stream is not seen', async (kit) => {
    const stream = unique()
    await withSubscription(kit.client.subscribeToStream(stream), async (seen) => {
      await kit.append(unique(), kit.events(5))
      await kit.append(stream, kit.events(1))
      await seen.have(1)
      assert.is(seen.events[0]!.streamId, stream)
    })
  })
})

/** Filters by name and by type, and what they let through of a known mix. */
export const FILTERS: ReadonlyArray<
  [string, (kit: Kit, tag: string) => object, (stream: string, type: string, tag: string) => boolean]
> = [
  [
    'a stream prefix',
    (kit, tag) => kit.lib.streamNameFilter({ prefixes: [`a${tag}`] }),
    (s, _t, tag) => s.startsWith(`a${tag}`),
  ],
  [
    'two stream prefixes',
    (kit, tag) => kit.lib.streamNameFilter({ prefixes: [`a${tag}`, `b${tag}`] }),
    (s, _t, tag) => s.startsWith(`a${tag}`) || s.startsWith(`b${tag}`),
  ],
  [
    'a stream regex',
    (kit, tag) => kit.lib.streamNameFilter({ regex: `^[bc]${tag}-\\d$` }),
    (s, _t, tag) => s.startsWith(`b${tag}`) || s.startsWith(`c${tag}`),
  ],
  [
    'a stream regex that says what is not wanted',
    (kit, tag) => kit.lib.streamNameFilter({ regex: `^(?!(b.*$|\\$.+$))[abc]${tag}-\\d$` }),
    (s, _t, tag) => s.startsWith(`a${tag}`) || s.startsWith(`c${tag}`),
  ],
  [
    'a type prefix',
    (kit, tag) => kit.lib.eventTypeFilter({ prefixes: [`Two${tag}`] }),
    (_s, t, tag) => t === `Two${tag}`,
  ],
  [
    'a type regex',
    (kit, tag) => kit.lib.eventTypeFilter({ regex: `^(One|Two)${tag}$` }),
    (_s, t, tag) => t === `One${tag}` || t === `Two${tag}`,
  ],
]

export const mix = async (kit: Kit, tag: string): Promise<Array<[string, string]>> => {
  const written: Array<[string, string]> = []
  for (const letter of ['a', 'b', 'c'])
    for (const type of ['One', 'Two']) {
      const stream = `${letter}${tag}-1`
      await kit.append(stream, kit.events(2, `${type}${tag}`))
      written.push([stream, `${type}${tag}`], [stream, `${type}${tag}`])
    }
  return written
}

const filters = (test: Add): void => {
  for (const [name, filter, passes] of FILTERS) {
    test(`filtered by ${name}: what was and what comes, in order`, async (kit) => {
      const tag = unique('f').slice(2)
      const before = await mix(kit, tag)
      const options = { fromPosition: 'start', filter: filter(kit, tag) } as never
      await withSubscription(kit.client.subscribeToAll(options), async (seen) => {
        const after = await mix(kit, tag)
        const expected = [...before, ...after].filter(([stream, type]) => passes(stream, type, tag))
        await seen.have(expected.length)
        assert.equal(
          seen.events.map(({ streamId }) => streamId),
          expected.map(([stream]) => stream),
        )
        assert.ok(seen.events.every(({ commit }, n) => n === 0 || commit > seen.events[n - 1]!.commit))
      })
    })
  }
}

const places = (test: Add): void => {
  test('from a position: exclusive', async (kit) => {
    const stream = unique()
    const { position } = await kit.append(stream, kit.events(1))
    await kit.append(stream, kit.events(2))
    const filter = kit.lib.streamNameFilter({ prefixes: [stream] })
    await withSubscription(kit.client.subscribeToAll({ fromPosition: position!, filter }), async (seen) => {
      await seen.have(2)
      assert.equal(revisions(seen.events), [1, 2])
    })
  })

  test('from the end: only what comes', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const filter = kit.lib.streamNameFilter({ prefixes: [stream] })
    await withSubscription(kit.client.subscribeToAll({ fromPosition: 'end', filter }), async (seen) => {
      await seen.confirmed()
      await kit.append(stream, kit.events(1))
      await seen.have(1)
      assert.equal(revisions(seen.events), [2])
    })
  })

  test('unfiltered: everything, the append calls of others included', async (kit) => {
    const stream = unique()
    await withSubscription(kit.client.subscribeToAll({ fromPosition: 'end' }), async (seen) => {
      await seen.confirmed()
      await kit.append(stream, kit.events(3))
      await until(() => seen.events.filter(({ streamId }) => streamId === stream).length === 3)
    })
  })
}

const checkpoints = (test: Add): void => {
  for (const [window, interval, wanted] of [
    [4, 1, 4],
    [2, 5, 10],
    [25, 2, 50],
  ] as const)
    test(`given a window of ${window} and an interval of ${interval}, then a checkpoint each ${wanted} events, from which nothing is missed`, async (kit) => {
      const [other, mine] = [unique('other'), unique('mine')]
      const from = (await kit.append(other, kit.events(1))).position!
      await kit.append(other, kit.events(wanted * 3))
      const checkpoints: bigint[] = []
      const filter = kit.lib.streamNameFilter({
        prefixes: [mine],
        maxSearchWindow: window,
        checkpointInterval: interval,
        checkpointReached: async (_subscription: unknown, position: { commit: bigint }) => {
          checkpoints.push(position.commit)
        },
      } as never)
      const subscription = kit.client.subscribeToAll({ fromPosition: from, filter })
      await withSubscription(subscription, async () => {
        await until(() => checkpoints.length >= 3)
        assert.ok(checkpoints.every((at, n) => n === 0 || at > checkpoints[n - 1]!))
        const between = await kit.readAll({
          fromPosition: { commit: checkpoints[0]!, prepare: checkpoints[0]! },
          maxCount: wanted + 1,
        })
        const second = between.findIndex(({ event }) => event!.position!.commit === checkpoints[1])
        assert.is(second, wanted)
      })
      await kit.append(mine, kit.events(2))
      const at = { commit: checkpoints[0]!, prepare: checkpoints[0]! }
      const again = kit.client.subscribeToAll({
        fromPosition: at,
        filter: kit.lib.streamNameFilter({ prefixes: [mine] }),
      })
      await withSubscription(again, async (seen) => {
        await seen.have(2)
        assert.equal(revisions(seen.events), [0, 1])
      })
    })

  test(
    'filtered, of which few pass: checkpoints come between them too, each after what was looked at',
    async (kit) => {
      const [other, mine] = [unique('other'), unique('mine')]
      const from = (await kit.append(other, kit.events(1))).position!
      for (let n = 0; n < 3; n++) {
        await kit.append(other, kit.events(19))
        await kit.append(mine, kit.events(1))
      }
      await kit.append(other, kit.events(20))
      const told: Array<['event' | 'checkpoint', bigint]> = []
      const filter = kit.lib.streamNameFilter({
        prefixes: [mine],
        maxSearchWindow: 5,
        checkpointInterval: 2,
        checkpointReached: async (_subscription: unknown, position: { commit: bigint }) => {
          told.push(['checkpoint', position.commit])
        },
      } as never)
      const subscription = kit.client.subscribeToAll({ fromPosition: from, filter })
      subscription.on('data', ({ event }) => told.push(['event', event!.position!.commit]))
      await until(() => told.filter(([what]) => what === 'checkpoint').length >= 8)
      assert.is(told.filter(([what]) => what === 'event').length, 3)
      // Checkpoints never go ahead of an event that is still to come, and never go back.
      assert.ok(
        told.every(
          ([what, at], n) =>
            n === 0 || at > told[n - 1]![1] || (what === 'checkpoint' && at === told[n - 1]![1]),
        ),
      )
      const looked = (await kit.readAll({ fromPosition: from })).map(({ event }) => event!.position!.commit)
      const checkpoints = told.flatMap(([what, at]) => (what === 'checkpoint' ? [looked.indexOf(at)] : []))
      // Checkpoints are ten events apart; a server that looks at five events at a time may be one of those windows late.
      assert.ok(
        checkpoints.slice(0, 8).every((at, n) => {
          const apart = at - (n === 0 ? 0 : checkpoints[n - 1]!)
          return apart >= 1 && apart <= 15
        }),
        checkpoints.join(' '),
      )
      await subscription.unsubscribe()
    },
    { alone: true },
  )

  for (const [window, interval] of [
    [1, 1],
    [1, 3],
    [3, 1],
    [200, 1],
  ] as const)
    test(`given a window of ${window} and an interval of ${interval}, then from each checkpoint on comes exactly what is after it`, async (kit) => {
      const [other, mine] = [unique('other'), unique('mine')]
      const from = (await kit.append(other, kit.events(1))).position!
      const positions: bigint[] = []
      for (let n = 0; n < 4; n++) {
        await kit.append(other, kit.events(3))
        positions.push((await kit.append(mine, kit.events(1))).position!.commit)
      }
      const checkpoints: bigint[] = []
      const filterOf = (checkpointReached?: unknown) =>
        kit.lib.streamNameFilter({
          prefixes: [mine],
          maxSearchWindow: window,
          checkpointInterval: interval,
          checkpointReached,
        } as never)
      const filter = filterOf(async (_subscription: unknown, { commit }: { commit: bigint }) => {
        checkpoints.push(commit)
      })
      const first = kit.client.subscribeToAll({ fromPosition: from, filter })
      // The last checkpoint comes when the subscription has caught up, however many events that took.
      await withSubscription(first, async (seen) => {
        await seen.have(4)
        await until(() => (checkpoints.at(-1) ?? 0n) >= positions[3]!)
      })
      positions.push((await kit.append(mine, kit.events(1))).position!.commit)
      for (const at of [...new Set(checkpoints)].slice(-6)) {
        const again = kit.client.subscribeToAll({
          fromPosition: { commit: at, prepare: at },
          filter: filterOf(),
        })
        await withSubscription(again, async (seen) => {
          const wanted = positions.filter((position) => position > at)
          await seen.have(wanted.length)
          assert.equal(
            seen.events.map(({ commit }) => commit),
            wanted,
          )
        })
      }
    })

  /** A subscription to `$all` in a form that no client sends; returns the error that it ends with. */
}

const refusals = (test: Add): void => {
  const refused = async (kit: Kit, filter: ReadonlyArray<WireField>): Promise<unknown> => {
    const call = kit.raw.converse('/event_store.client.streams.Streams/Read')
    call.send([
      [
        1,
        [
          [2, [[2, []]]],
          [3, 0],
          [6, []],
          [7, filter],
          [9, [[2, []]]],
        ],
      ],
    ])
    await until(call.isOver)
    return call.error()
  }
  test('given an interval of no checkpoints at all, then it is refused', async (kit) => {
    const error = await refused(kit, [
      [1, [[2, 'some']]],
      [3, 32],
      [5, 0],
    ])
    assert.ok(error !== undefined)
  })
  test('given an invalid expression, then it is refused', async (kit) => {
    const error = await refused(kit, [
      [1, [[1, '(unclosed']]],
      [3, 32],
      [5, 1],
    ])
    assert.ok(error !== undefined)
  })
}

const writersBeside = (test: Add): void => {
  test('given writers while it catches up, then each event once and in order', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1000))
    const filter = kit.lib.streamNameFilter({ prefixes: [stream], maxSearchWindow: 500 })
    await withSubscription(kit.client.subscribeToAll({ fromPosition: 'start', filter }), async (seen) => {
      await Promise.all(Array.from({ length: 20 }, () => kit.append(stream, kit.events(10))))
      await seen.have(1200)
      assert.equal(
        revisions(seen.events),
        Array.from({ length: 1200 }, (_, n) => n),
      )
    })
  })
}

contract('catch-up subscriptions to $all', (test) => {
  for (const cases of [filters, places, checkpoints, refusals, writersBeside]) cases(test)
})
