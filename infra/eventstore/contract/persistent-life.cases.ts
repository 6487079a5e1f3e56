/** What happens to a persistent subscription while it is used: parking, replays, updates, deletions, and losses of
 *  its source. */
import { randomUUID } from 'node:crypto'
import * as assert from 'uvu/assert'
import { type Add, contract, type Kit, unique, until } from './kit.ts'
import { connect, consume, create, revisions } from './persistent-kit.ts'
import { refusalOf } from './raw.ts'

const infoOf = (kit: Kit, stream: string, group: string) =>
  kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
const parked = async (kit: Kit, stream: string, group: string) =>
  Number((await infoOf(kit, stream, group)).stats.parkedMessageCount)
const parkedStream = (stream: string, group: string) => `$persistentsubscription-${stream}::${group}-parked`

contract('parking', (test) => {
  const parkAll = (kit: Kit, stream: string, group: string, reason = 'broken') =>
    consume(connect(kit, stream, group), ({ event }, subscription) =>
      subscription.nack('park', reason, event),
    )

  test('what is parked is in a stream, as a link to the event that says why and when', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const group = await create(kit, stream)
    const consumer = parkAll(kit, stream, group, 'it smells')
    await until(async () => (await parked(kit, stream, group)) === 2)
    const links = await kit.read(parkedStream(stream, group))
    assert.equal(
      links.map(({ event }) => Buffer.from(event!.data as Uint8Array).toString()),
      [`0@${stream}`, `1@${stream}`],
    )
    const metadata = links[0]!.event!.metadata as unknown
    const { added, reason } = (
      metadata instanceof Uint8Array ? JSON.parse(Buffer.from(metadata).toString()) : metadata
    ) as { added: string; reason: string }
    assert.match(reason, 'it smells')
    assert.ok(Number.isFinite(Date.parse(added)))
    const resolved = await kit.read(parkedStream(stream, group), { resolveLinkTos: true })
    assert.equal(
      resolved.map(({ event }) => event!.streamId),
      [stream, stream],
    )
    await consumer.stop()
  })
  test('of a link, when resolved: the event itself is parked, and replayed', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(1))
    await kit.append(links, [kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`0@${target}`) })])
    const group = await create(kit, links, { resolveLinkTos: true })
    let park = true
    const seen: string[] = []
    const consumer = consume(connect(kit, links, group), ({ event }, subscription) => {
      seen.push(event.event!.streamId)
      return park ? subscription.nack('park', 'not yet', event) : subscription.ack(event)
    })
    await until(async () => (await parked(kit, links, group)) === 1)
    park = false
    await kit.client.replayParkedMessagesToStream(links, group)
    await consumer.have(2)
    assert.equal(seen, [target, target])
    await consumer.stop()
  })
  test('when replayed and parked again, then it is parked once, and can be replayed again', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream)
    const consumer = parkAll(kit, stream, group)
    for (let times = 1; times <= 3; times++) {
      await until(async () => (await parked(kit, stream, group)) === 1)
      assert.equal(revisions(consumer.seen), Array(times).fill(0))
      await kit.client.replayParkedMessagesToStream(stream, group)
      await consumer.have(times + 1)
    }
    await until(async () => (await parked(kit, stream, group)) === 1)
    await consumer.stop()
  })
  test('replay of parked: up to a number of their stream, which goes on from replay to replay', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(5))
    const group = await create(kit, stream)
    let park = true
    const consumer = consume(connect(kit, stream, group), ({ event }, subscription) =>
      park ? subscription.nack('park', 'later', event) : subscription.ack(event),
    )
    await until(async () => (await parked(kit, stream, group)) === 5)
    park = false
    for (const [stopAt, left] of [
      [2, 3],
      [3, 2],
    ] as const) {
      await kit.client.replayParkedMessagesToStream(stream, group, { stopAt })
      await until(async () => (await parked(kit, stream, group)) === left)
    }
    await kit.client.replayParkedMessagesToStream(stream, group)
    await until(async () => (await parked(kit, stream, group)) === 0)
    await consumer.have(10)
    assert.equal(revisions(consumer.seen), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
    await consumer.stop()
  })
  test('when nobody is connected, then a replay waits for a consumer', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const first = parkAll(kit, stream, group)
    await until(async () => (await parked(kit, stream, group)) === 3)
    await first.stop()
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 0)
    await kit.client.replayParkedMessagesToStream(stream, group)
    const second = consume(connect(kit, stream, group))
    await second.have(3)
    assert.equal(revisions(second.seen), [0, 1, 2])
    await until(async () => (await parked(kit, stream, group)) === 0)
    await second.stop()
  })
  test('what was deleted meanwhile is not replayed', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    let park = true
    const consumer = consume(connect(kit, stream, group), ({ event }, subscription) =>
      park ? subscription.nack('park', 'later', event) : subscription.ack(event),
    )
    await until(async () => (await parked(kit, stream, group)) === 3)
    park = false
    await kit.client.setStreamMetadata(stream, { truncateBefore: 2 })
    await kit.client.replayParkedMessagesToStream(stream, group)
    await consumer.have(4)
    await kit.append(stream, kit.events(1))
    await consumer.have(5)
    assert.equal(revisions(consumer.seen), [0, 1, 2, 2, 3])
    await consumer.stop()
  })
  test('a replay comes before new events', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const group = await create(kit, stream)
    const first = parkAll(kit, stream, group)
    await until(async () => (await parked(kit, stream, group)) === 2)
    await first.stop()
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 0)
    await kit.client.replayParkedMessagesToStream(stream, group)
    await kit.append(stream, kit.events(2))
    const second = consume(connect(kit, stream, group))
    await second.have(4)
    assert.equal(revisions(second.seen), [0, 1, 2, 3])
    await second.stop()
  })
})

const whenItChanges = (test: Add): void => {
  test('when updated, then its consumers are dropped, and the next consumer continues after what was acknowledged', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const first = consume(connect(kit, stream, group), ({ revision, event }, subscription) =>
      revision < 2n ? subscription.ack(event) : undefined,
    )
    await first.have(3)
    await until(async () => (await infoOf(kit, stream, group)).stats.totalInFlightMessages === 1)
    await kit.client.updatePersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 'start', maxRetryCount: 3 }),
    )
    await until(() => first.errors.length > 0)
    assert.equal(first.errors, ['persistent-subscription-dropped'])
    const second = consume(connect(kit, stream, group))
    await second.have(1)
    await kit.append(stream, kit.events(1))
    await second.have(2)
    assert.equal(revisions(second.seen), [2, 3])
    assert.is((await infoOf(kit, stream, group)).settings.maxRetryCount, 3)
    await second.stop()
  })
  test('when deleted and made again, then it begins anew', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const first = consume(connect(kit, stream, group))
    await first.have(3)
    await kit.client.deletePersistentSubscriptionToStream(stream, group)
    await until(() => first.errors.length > 0)
    assert.equal(first.errors, ['persistent-subscription-dropped'])
    await kit.client.createPersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 'start' }),
    )
    const second = consume(connect(kit, stream, group))
    await second.have(3)
    assert.equal(revisions(second.seen), [0, 1, 2])
    await second.stop()
  })
  test('given parked events, when deleted and made again, then none are parked', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream)
    const first = consume(connect(kit, stream, group), ({ event }, subscription) =>
      subscription.nack('park', 'no', event),
    )
    await until(async () => (await parked(kit, stream, group)) === 1)
    await kit.client.deletePersistentSubscriptionToStream(stream, group)
    await until(() => first.errors.length > 0)
    await kit.client.createPersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 'end' }),
    )
    await until(async () => (await parked(kit, stream, group)) === 0)
  })
  test('given a full subscription, then a refused consumer gets no event, and the connected one goes on', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { maxSubscriberCount: 1 })
    const one = consume(connect(kit, stream, group))
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 1)
    const refused = connect(kit, stream, group)
    let confirmed = false
    refused.on('confirmation', () => {
      confirmed = true
    })
    const two = consume(refused)
    await until(() => two.errors.length > 0)
    await kit.append(stream, kit.events(2))
    await one.have(2)
    assert.equal([confirmed, two.seen.length], [false, 0])
    await one.stop()
    // The consumer's place is free again.
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 0)
    const three = consume(connect(kit, stream, group))
    await kit.append(stream, kit.events(1))
    await three.have(1)
    await three.stop()
  })
}

const whenItsStreamChanges = (test: Add): void => {
  test('a link to what is gone, when resolved, comes as the link alone, and can be acknowledged', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(1))
    await kit.append(links, [kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`0@${target}`) })])
    await kit.client.deleteStream(target)
    const group = await create(kit, links, { resolveLinkTos: true })
    const seen: Array<[unknown, string | undefined]> = []
    const subscription = connect(kit, links, group)
    subscription.on('data', (event) => {
      seen.push([event.event, event.link?.streamId])
      void subscription.ack(event)
    })
    await until(() => seen.length === 1)
    assert.equal(seen, [[undefined, links]])
    await until(async () => (await infoOf(kit, links, group)).stats.totalInFlightMessages === 0)
    await subscription.unsubscribe()
  })
  test('given a stream that is truncated, then it goes on with what is left', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(10))
    await kit.client.setStreamMetadata(stream, { truncateBefore: 7 })
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group))
    await consumer.have(3)
    assert.equal(revisions(consumer.seen), [7, 8, 9])
    await consumer.stop()
  })
  test('given a stream that is deleted and lives again, then it goes on with the new', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group))
    await consumer.have(2)
    await kit.client.deleteStream(stream)
    await kit.append(stream, kit.events(1))
    await consumer.have(3)
    assert.equal(revisions(consumer.seen), [0, 1, 2])
    await consumer.stop()
  })
}

const strayAnswers = (test: Add): void => {
  test('an acknowledgement given twice, and a refusal after it, change nothing', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group), async ({ event }, subscription) => {
      await subscription.ack(event)
      await subscription.ack(event)
      await subscription.nack('retry', 'too late', event)
    })
    await consumer.have(3)
    await until(async () => (await infoOf(kit, stream, group)).stats.totalInFlightMessages === 0)
    assert.equal(revisions(consumer.seen), [0, 1, 2])
    await consumer.stop()
  })
  test('acknowledgements and refusals of what was never sent change nothing', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group), async ({ event }, subscription) => {
      const unknown = { event: { id: randomUUID() } } as never
      await subscription.ack(unknown)
      for (const action of ['park', 'retry', 'skip'] as const)
        await subscription.nack(action, 'what?', unknown)
      await subscription.ack(event)
    })
    await consumer.have(3)
    await until(async () => (await infoOf(kit, stream, group)).stats.totalInFlightMessages === 0)
    assert.equal(revisions(consumer.seen), [0, 1, 2])
    assert.is(await parked(kit, stream, group), 0)
    assert.equal(consumer.errors, [])
    await consumer.stop()
  })
}

const strategies = (test: Add): void => {
  test('PinnedByCorrelation: when a consumer leaves, what was its comes to another', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'PinnedByCorrelation' })
    const [one, two] = [consume(connect(kit, stream, group, 50)), consume(connect(kit, stream, group, 50))]
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 2)
    const round = () =>
      kit.append(
        stream,
        Array.from({ length: 16 }, (_, n) =>
          kit.lib.jsonEvent({ type: 'Happened', data: {}, metadata: { $correlationId: `c-${n}` } }),
        ),
      )
    await round()
    await until(() => one.seen.length + two.seen.length === 16)
    await until(async () => (await infoOf(kit, stream, group)).stats.totalInFlightMessages === 0)
    await one.stop()
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 1)
    const before = two.seen.length
    await round()
    await two.have(before + 16)
    assert.is(new Set(revisions([...one.seen, ...two.seen])).size, 32)
    await two.stop()
  })
  test('PinnedByCorrelation: what belongs together goes to one consumer', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'PinnedByCorrelation' })
    const owners = new Map<string, Set<number>>()
    let count = 0
    const consumers = [0, 1].map((n) => {
      const subscription = connect(kit, stream, group, 100)
      subscription.on('data', (event) => {
        const { $correlationId } = event.event!.metadata as { $correlationId: string }
        owners.set($correlationId, (owners.get($correlationId) ?? new Set()).add(n))
        count++
        void subscription.ack(event)
      })
      return subscription
    })
    await until(async () => (await infoOf(kit, stream, group)).connections.length === 2)
    for (let n = 0; n < 24; n++)
      await kit.append(stream, [
        kit.lib.jsonEvent({ type: 'Happened', data: {}, metadata: { $correlationId: `c-${n % 8}` } }),
      ])
    await until(() => count === 24)
    assert.ok([...owners.values()].every((who) => who.size === 1))
    for (const consumer of consumers) await consumer.unsubscribe()
  })
  test('an unknown strategy: refused', async (kit) => {
    const settings = [
      [8, 10],
      [10, 20],
      [11, 10],
      [12, 20],
      [16, 'Sideways'],
    ] as const
    const stream = unique()
    const refusal = await refusalOf(
      kit.raw.call('/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create', [
        [
          1,
          [
            [2, unique('group')],
            [3, settings],
            [
              4,
              [
                [1, [[3, stream]]],
                [3, []],
              ],
            ],
          ],
        ],
      ]),
    )
    assert.is(refusal, 'persistent-subscription-failed')
  })
}

contract('a persistent subscription that changes', (test) => {
  for (const cases of [whenItChanges, whenItsStreamChanges, strayAnswers, strategies]) cases(test)
})

contract(
  'a consumer that says stop',
  (test) => {
    test('its subscription ends, and another gets what it had', async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(2))
      const group = await create(kit, stream)
      const subscription = connect(kit, stream, group)
      let ended = false
      subscription.on('end', () => {
        ended = true
      })
      consume(subscription, ({ event, revision }) =>
        revision === 0n ? subscription.nack('stop', 'enough', event) : undefined,
      )
      await until(() => ended)
      assert.is((await infoOf(kit, stream, group)).connections.length, 0)
      const second = consume(connect(kit, stream, group))
      await second.have(2)
      assert.equal(revisions(second.seen), [0, 1])
      await second.stop()
    })
  },
  'own',
)
