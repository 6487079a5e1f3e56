import * as assert from 'uvu/assert'
import { type Add, contract, failure, unique, until } from './kit.ts'
import { connect, consume, create, revisions } from './persistent-kit.ts'

const creating = (test: Add): void => {
  test('given a persistent subscription, when created again, then persistent-subscription-exists', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream)
    const again = kit.client.createPersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults(),
    )
    assert.is((await failure(again)).type, 'persistent-subscription-exists')
  })
  test('given no persistent subscription, then reading, updating, deleting and info answer that it does not exist', async (kit) => {
    const stream = unique()
    const settings = kit.lib.persistentSubscriptionToStreamSettingsFromDefaults()
    const missing = 'persistent-subscription-does-not-exist'
    assert.is(
      (await failure(kit.client.updatePersistentSubscriptionToStream(stream, 'none', settings))).type,
      missing,
    )
    assert.is((await failure(kit.client.deletePersistentSubscriptionToStream(stream, 'none'))).type, missing)
    assert.is((await failure(kit.client.getPersistentSubscriptionToStreamInfo(stream, 'none'))).type, missing)
    assert.is((await failure(kit.client.replayParkedMessagesToStream(stream, 'none'))).type, missing)
    const consumer = consume(connect(kit, stream, 'none'))
    await until(() => consumer.errors.length > 0)
    assert.equal(consumer.errors, [missing])
  })
  for (const [startFrom, expected] of [
    ['start', [0, 1, 2, 3]],
    [2n, [2, 3]],
    ['end', [3]],
  ] as const)
    test(`from ${startFrom}: ${expected.join(' ')}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      const group = await create(kit, stream, { startFrom })
      const consumer = consume(connect(kit, stream, group))
      await kit.append(stream, kit.events(1))
      await consumer.have(expected.length)
      assert.equal(revisions(consumer.seen), [...expected])
      await consumer.stop()
    })
}

const acknowledging = (test: Add): void => {
  test('given acknowledged events, when it connects again, then it goes on after them', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(5))
    const group = await create(kit, stream, { checkPointLowerBound: 1, checkPointAfter: 1 })
    const first = consume(connect(kit, stream, group))
    await first.have(5)
    await until(async () => {
      const { stats } = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
      return stats.outstandingMessagesCount === 0
    })
    await first.stop()
    await kit.append(stream, kit.events(2))
    const second = consume(connect(kit, stream, group))
    await second.have(2)
    assert.equal(revisions(second.seen), [5, 6])
    await second.stop()
  })
  test('given acknowledged events, then its checkpoint is in a stream of its own', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream, {
      checkPointLowerBound: 1,
      checkPointUpperBound: 1,
      checkPointAfter: 1,
    })
    const consumer = consume(connect(kit, stream, group))
    const last = await until(async () => {
      const [read] = await kit
        .read(`$persistentsubscription-${stream}::${group}-checkpoint`, {
          direction: 'backwards',
          fromRevision: 'end',
          maxCount: 1,
        })
        .catch(() => [])
      return read?.event?.data === '2' && read.event
    })
    assert.is(last.type, '$SubscriptionCheckpoint')
    await consumer.stop()
  })
  test('given unacknowledged events, when it disconnects, then another gets them', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(4))
    const group = await create(kit, stream)
    const first = consume(connect(kit, stream, group), () => {})
    await first.have(4)
    await first.stop()
    const second = consume(connect(kit, stream, group))
    await second.have(4)
    assert.equal(revisions(second.seen), [0, 1, 2, 3])
    assert.ok(second.seen.every(({ retries }) => retries === 1))
    await second.stop()
  })
  test('given a buffer of 2, then no more than 2 are under way', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(6))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group, 2), () => {})
    await consumer.have(2)
    const { stats } = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
    assert.is(stats.totalInFlightMessages, 2)
    assert.is(consumer.seen.length, 2)
    await consumer.stop()
  })
}

const refusing = (test: Add): void => {
  test('nack retry: it comes again, and says how often', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group), ({ event, retries }, subscription) =>
      retries < 2 ? subscription.nack('retry', 'again', event) : subscription.ack(event),
    )
    await consumer.have(3)
    assert.equal(
      consumer.seen.map(({ retries }) => retries),
      [0, 1, 2],
    )
    await consumer.stop()
  })
  test('nack skip: it does not come again', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group, 1), ({ event }, subscription) =>
      subscription.nack('skip', 'not for me', event),
    )
    await consumer.have(3)
    assert.equal(revisions(consumer.seen), [0, 1, 2])
    await consumer.stop()
  })
  test('nack park: it is counted, and comes again by replay', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(3))
    const group = await create(kit, stream)
    let park = true
    const consumer = consume(connect(kit, stream, group), ({ event, revision }, subscription) =>
      park && revision === 1n ? subscription.nack('park', 'bad', event) : subscription.ack(event),
    )
    const parked = async () =>
      (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).stats.parkedMessageCount
    await until(async () => (await parked()) === 1n)
    park = false
    await kit.client.replayParkedMessagesToStream(stream, group)
    await consumer.have(4)
    assert.equal(revisions(consumer.seen), [0, 1, 2, 1])
    await until(async () => (await parked()) === 0n)
    await consumer.stop()
  })
  test('replay of parked: as many as asked for', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(4))
    const group = await create(kit, stream)
    let park = true
    const consumer = consume(connect(kit, stream, group), ({ event }, subscription) =>
      park ? subscription.nack('park', 'bad', event) : subscription.ack(event),
    )
    const parked = async () =>
      (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).stats.parkedMessageCount
    await until(async () => (await parked()) === 4n)
    park = false
    await kit.client.replayParkedMessagesToStream(stream, group, { stopAt: 2 })
    await consumer.have(6)
    assert.equal(revisions(consumer.seen).slice(4), [0, 1])
    await until(async () => (await parked()) === 2n)
    await consumer.stop()
  })
  test('given too many retries, then it is parked', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream, { maxRetryCount: 2 })
    const consumer = consume(connect(kit, stream, group), ({ event }, subscription) =>
      subscription.nack('retry', 'never', event),
    )
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).stats.parkedMessageCount ===
        1n,
    )
    assert.is(consumer.seen.length, 3)
    await consumer.stop()
  })
  test('given no answer within the timeout, then it comes again', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream, { messageTimeout: 200 })
    const consumer = consume(connect(kit, stream, group), ({ event, retries }, subscription) =>
      retries > 0 ? subscription.ack(event) : undefined,
    )
    await consumer.have(2)
    assert.equal(
      consumer.seen.map(({ retries }) => retries),
      [0, 1],
    )
    await consumer.stop()
  })
  test('nack stop: the consumer does not get it again', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream)
    const subscription = connect(kit, stream, group)
    let ended = false
    subscription.on('end', () => {
      ended = true
    })
    const consumer = consume(subscription, ({ event, revision }) =>
      revision === 0n ? subscription.nack('stop', 'enough', event) : subscription.ack(event),
    )
    await consumer.have(1)
    await kit.append(stream, kit.events(1))
    // Servers differ: the subscription ends, or goes on without what was refused.
    await until(() => ended || consumer.seen.length > 1)
    assert.equal(
      revisions(consumer.seen).filter((revision) => revision === 0),
      [0],
    )
    if (!ended) await consumer.stop()
  })
}

const sharing = (test: Add): void => {
  test('RoundRobin: two consumers share', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'RoundRobin' })
    const [one, two] = [consume(connect(kit, stream, group)), consume(connect(kit, stream, group))]
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 2,
    )
    await kit.append(stream, kit.events(10))
    await until(() => one.seen.length + two.seen.length === 10)
    assert.is(one.seen.length, 5)
    await one.stop()
    await two.stop()
  })
  test('DispatchToSingle: one gets all while it can', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'DispatchToSingle' })
    const [one, two] = [consume(connect(kit, stream, group, 50)), consume(connect(kit, stream, group, 50))]
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 2,
    )
    await kit.append(stream, kit.events(10))
    await until(() => one.seen.length + two.seen.length === 10)
    assert.is(Math.max(one.seen.length, two.seen.length), 10)
    await one.stop()
    await two.stop()
  })
  test('RoundRobin: one that has its hands full is passed over', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'RoundRobin' })
    const [one, two] = [
      consume(connect(kit, stream, group, 1), () => {}),
      consume(connect(kit, stream, group, 10), () => {}),
    ]
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 2,
    )
    await kit.append(stream, kit.events(6))
    await until(() => one.seen.length + two.seen.length === 6)
    assert.equal([one.seen.length, two.seen.length], [1, 5])
    await one.stop()
    await two.stop()
  })
  test('DispatchToSingle: what one can’t take goes to another', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { consumerStrategyName: 'DispatchToSingle' })
    const [one, two] = [
      consume(connect(kit, stream, group, 2), () => {}),
      consume(connect(kit, stream, group, 3), () => {}),
    ]
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 2,
    )
    await kit.append(stream, kit.events(7))
    await until(() => one.seen.length + two.seen.length === 5)
    assert.equal([one.seen.length, two.seen.length], [2, 3])
    await one.stop()
    await two.stop()
  })
  test('Pinned: a stream stays with its consumer', async (kit) => {
    const prefix = unique('pin')
    const group = unique('group')
    await kit.client.createPersistentSubscriptionToAll(
      group,
      kit.lib.persistentSubscriptionToAllSettingsFromDefaults({
        startFrom: 'end',
        consumerStrategyName: 'Pinned',
      }),
      { filter: kit.lib.streamNameFilter({ prefixes: [prefix] }) },
    )
    const all = () => kit.client.subscribeToPersistentSubscriptionToAll(group, { bufferSize: 100 })
    const owners = new Map<string, Set<number>>()
    let count = 0
    const consumers = [0, 1].map((n) => {
      const subscription = all()
      subscription.on('data', (event) => {
        const stream = event.event!.streamId
        owners.set(stream, (owners.get(stream) ?? new Set()).add(n))
        count++
        void subscription.ack(event)
      })
      return subscription
    })
    await until(
      async () => (await kit.client.getPersistentSubscriptionToAllInfo(group)).connections.length === 2,
    )
    for (let n = 0; n < 8; n++) for (let i = 0; i < 3; i++) await kit.append(`${prefix}-${n}`, kit.events(1))
    await until(() => count === 24)
    assert.ok([...owners.values()].every((who) => who.size === 1))
    for (const consumer of consumers) await consumer.unsubscribe()
    await kit.client.deletePersistentSubscriptionToAll(group)
  })
}

const consumersThatGo = (test: Add): void => {
  test('given a maximum of one consumer, then the second is refused', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { maxSubscriberCount: 1 })
    const one = consume(connect(kit, stream, group))
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 1,
    )
    const two = consume(connect(kit, stream, group))
    await until(() => two.errors.length > 0)
    assert.equal(two.errors, ['maximum-subscribers-reached'])
    await one.stop()
  })
  test('when deleted, then its consumers are dropped and it is gone', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream)
    const consumer = consume(connect(kit, stream, group))
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)).connections.length === 1,
    )
    await kit.client.deletePersistentSubscriptionToStream(stream, group)
    await until(() => consumer.errors.length > 0)
    assert.equal(consumer.errors, ['persistent-subscription-dropped'])
    const info = kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
    assert.is((await failure(info)).type, 'persistent-subscription-does-not-exist')
  })
}

const telling = (test: Add): void => {
  test('info: says its settings, and an update changes them', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, { maxRetryCount: 7, messageTimeout: 5000, startFrom: 3n })
    const before = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
    assert.is(before.eventSource, stream)
    assert.is(before.groupName, group)
    assert.is(before.settings.maxRetryCount, 7)
    assert.is(before.settings.messageTimeout, 5000)
    assert.is(before.settings.startFrom, 3n)
    assert.is(before.settings.consumerStrategyName, 'RoundRobin')
    await kit.client.updatePersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: 'start', maxRetryCount: 9 }),
    )
    const after = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
    assert.is(after.settings.maxRetryCount, 9)
    assert.is(after.settings.startFrom, 'start')
  })
  test('given a minimum of checkpoints above the maximum, then it is made (the real server has no such rule)', async (kit) => {
    const stream = unique()
    const group = await create(kit, stream, {
      checkPointLowerBound: 20,
      checkPointUpperBound: 10,
      minCheckPointCount: 20,
      maxCheckPointCount: 10,
    } as never)
    const info = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
    assert.is(info.groupName, group)
  })
  for (const startFrom of ['start', 'end', 5n] as const)
    test(`info: given one from ${startFrom}, then it is told as it was given`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      const group = await create(kit, stream, { startFrom })
      const info = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
      assert.is(String(info.settings.startFrom), String(startFrom))
    })
  test('from a position of $all beyond its end: refused, and it is not made', async (kit) => {
    const group = unique('group')
    const creating = kit.client.createPersistentSubscriptionToAll(
      group,
      kit.lib.persistentSubscriptionToAllSettingsFromDefaults({
        startFrom: { commit: 9_000_000_000_000n, prepare: 9_000_000_000_000n },
      }),
    )
    assert.match(
      (await failure(creating)).error.message as string,
      /less than or equal to the last commit position/,
    )
    const info = await failure(kit.client.getPersistentSubscriptionToAllInfo(group))
    assert.is(info.type, 'persistent-subscription-does-not-exist')
  })
  test('from a revision of a stream beyond its end: it waits for what comes there', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream, { startFrom: 3n })
    const consumer = consume(connect(kit, stream, group))
    await kit.append(stream, kit.events(3))
    await consumer.have(1)
    assert.equal(revisions(consumer.seen), [3])
    await consumer.stop()
  })
  test('given a start from a position of $all at which no event can be, when connecting, then the subscription is dropped', async (kit) => {
    // A read from there is ReadAllResult.InvalidPosition, which drops the subscription.
    const group = unique('group')
    const settings = kit.lib.persistentSubscriptionToAllSettingsFromDefaults({
      startFrom: { commit: 1n, prepare: 1n },
    })
    await kit.client.createPersistentSubscriptionToAll(group, settings)
    const subscription = kit.client.subscribeToPersistentSubscriptionToAll(group)
    let dropped: unknown
    subscription.on('data', () => {})
    subscription.on('error', (error) => {
      dropped = (error as { type?: string }).type
    })
    assert.is(await until(() => dropped), 'persistent-subscription-dropped')
    await kit.client.deletePersistentSubscriptionToAll(group)
  })
  test('info: what was refused counts in the statistics of a connection too', async (kit) => {
    // PersistentSubscriptionClient.DenyProcessing ends the operation as an acknowledgement does.
    const stream = unique()
    await kit.append(stream, kit.events(1))
    const group = await create(kit, stream, { extraStatistics: true })
    const subscription = connect(kit, stream, group)
    subscription.on('data', (event) => void subscription.nack('park', 'none of mine', event))
    const mean = await until(async () => {
      const info = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
      const found = info.connections[0]?.extraStatistics as ReadonlyMap<string, number> | undefined
      return [...(found ?? [])].find(([key]) => key.toLowerCase() === 'mean')?.[1]
    })
    assert.ok(mean >= 1)
    await subscription.unsubscribe()
  })
  for (const extraStatistics of [true, false])
    test(`info: statistics of each connection, where asked for: ${extraStatistics}`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(3))
      const group = await create(kit, stream, { extraStatistics })
      const consumer = consume(connect(kit, stream, group))
      await consumer.have(3)
      const keys = await until(async () => {
        const info = await kit.client.getPersistentSubscriptionToStreamInfo(stream, group)
        const found = info.connections[0]?.extraStatistics as { keys: () => Iterable<string> } | undefined
        const names = found === undefined ? [] : [...found.keys()].map((key) => key.toLowerCase())
        return extraStatistics && names.length === 0 ? undefined : names
      })
      if (extraStatistics)
        for (const key of [
          'mean',
          'median',
          'fastest',
          'quintile 1',
          'quintile 5',
          '90%',
          '99.9%',
          'highest',
        ])
          assert.ok(keys.includes(key as never), `${key} of ${keys.join(', ')}`)
      else assert.equal(keys, [])
      await consumer.stop()
    })
  test('list: those of the stream, and all', async (kit) => {
    const stream = unique()
    const groups = [await create(kit, stream), await create(kit, stream)].sort()
    const mine = await kit.client.listPersistentSubscriptionsToStream(stream)
    assert.equal(mine.map(({ groupName }) => groupName).sort(), groups)
    const all = await kit.client.listAllPersistentSubscriptions()
    assert.ok(groups.every((group) => all.some(({ groupName }) => groupName === group)))
  })
}

const links = (test: Add): void => {
  test('given links, when it resolves them, then what they point to, acknowledged by the link', async (kit) => {
    const [target, links] = [unique(), unique()]
    await kit.append(target, kit.events(2))
    await kit.append(
      links,
      [0, 1].map((n) => kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`${n}@${target}`) })),
    )
    const group = await create(kit, links, { resolveLinkTos: true })
    const consumer = consume(connect(kit, links, group))
    await consumer.have(2)
    assert.ok(
      consumer.seen.every(({ event }) => event.event!.streamId === target && event.link!.streamId === links),
    )
    await until(
      async () =>
        (await kit.client.getPersistentSubscriptionToStreamInfo(links, group)).stats
          .outstandingMessagesCount === 0,
    )
    await consumer.stop()
  })
}

contract('persistent subscriptions to a stream', (test) => {
  for (const cases of [creating, acknowledging, refusing, sharing, consumersThatGo, telling, links])
    cases(test)
})

contract('persistent subscriptions to $all', (test) => {
  test('filtered: what passes, and nothing else', async (kit) => {
    const prefix = unique('ps')
    const group = unique('group')
    await kit.append(prefix, kit.events(2))
    await kit.client.createPersistentSubscriptionToAll(
      group,
      kit.lib.persistentSubscriptionToAllSettingsFromDefaults({ startFrom: 'start' }),
      { filter: kit.lib.streamNameFilter({ prefixes: [prefix] }) },
    )
    const subscription = kit.client.subscribeToPersistentSubscriptionToAll(group)
    const seen: string[] = []
    subscription.on('data', (event) => {
      seen.push(event.event!.streamId)
      void subscription.ack(event)
    })
    await until(() => seen.length === 2)
    await kit.append(unique(), kit.events(2))
    await kit.append(prefix, kit.events(1))
    await until(() => seen.length === 3)
    assert.ok(seen.every((stream) => stream === prefix))
    await subscription.unsubscribe()
    const info = await kit.client.getPersistentSubscriptionToAllInfo(group)
    assert.is(info.eventSource, '$all')
    const [listed] = (await kit.client.listPersistentSubscriptionsToAll()).filter(
      ({ groupName }) => groupName === group,
    )
    assert.is(listed!.groupName, group)
    await kit.client.deletePersistentSubscriptionToAll(group)
  })
  test('from a position: its event is the first', async (kit) => {
    const stream = unique()
    const group = unique('group')
    await kit.append(stream, kit.events(1))
    const { position } = await kit.append(stream, kit.events(1))
    await kit.append(stream, kit.events(1))
    await kit.client.createPersistentSubscriptionToAll(
      group,
      kit.lib.persistentSubscriptionToAllSettingsFromDefaults({ startFrom: position! }),
    )
    const subscription = kit.client.subscribeToPersistentSubscriptionToAll(group)
    const seen: bigint[] = []
    subscription.on('data', (event) => {
      if (event.event!.streamId === stream) seen.push(event.event!.revision)
      void subscription.ack(event)
    })
    await until(() => seen.length === 2)
    assert.equal(seen, [1n, 2n])
    await subscription.unsubscribe()
    await kit.client.deletePersistentSubscriptionToAll(group)
  })
})
