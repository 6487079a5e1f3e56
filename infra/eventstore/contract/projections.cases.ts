import * as assert from 'uvu/assert'
import { type Add, contract, failure, type Kit, unique, until } from './kit.ts'

type Read = Awaited<ReturnType<Kit['read']>>

const SYSTEM = ['$by_category', '$by_event_type', '$by_correlation_id', '$stream_by_category', '$streams']

/** A category of its own, and its streams. */
const category = (): string => unique('cat').replaceAll('-', '')

/** Waits until the stream has this many events, because links come in the background. */
const readLinks = (kit: Kit, stream: string, count: number, resolveLinkTos = true): Promise<Read> =>
  until(async () => {
    const read = await kit.read(stream, { resolveLinkTos }).catch(() => [])
    return read.length >= count && read
  })
const places = (read: Read): string[] => read.map(({ event }) => `${event!.revision}@${event!.streamId}`)
const targets = (read: Read): string[] =>
  read.map(({ event }) => Buffer.from(event!.data as Uint8Array).toString())
const metadataIn = (raw: unknown) =>
  (raw instanceof Uint8Array ? JSON.parse(Buffer.from(raw).toString()) : raw) as Record<string, unknown>

const categories = (test: Add): void => {
  test('$ce-: the events of a category, in the order of the log', async (kit) => {
    const name = category()
    for (let n = 0; n < 3; n++)
      for (const stream of [`${name}-a`, `${name}-b`]) await kit.append(stream, kit.events(1))
    const read = await readLinks(kit, `$ce-${name}`, 6)
    assert.equal(
      places(read),
      [0, 1, 2].flatMap((n) => [`${n}@${name}-a`, `${n}@${name}-b`]),
    )
    assert.equal(
      read.map(({ link }) => `${link!.revision}@${link!.streamId}`),
      read.map((_, n) => `${n}@$ce-${name}`),
    )
  })
  test('$ce-, not resolved: links that say revision@stream', async (kit) => {
    const name = category()
    await kit.append(`${name}-a`, kit.events(2))
    const read = await readLinks(kit, `$ce-${name}`, 2, false)
    assert.ok(read.every(({ event, link }) => event!.type === '$>' && link === undefined))
    assert.equal(targets(read), [`0@${name}-a`, `1@${name}-a`])
  })
  test('$ce-: a link says what caused it, and where that lies', async (kit) => {
    const name = category()
    const [event] = kit.events(1)
    const { position } = await kit.append(`${name}-a`, [event!])
    const [read] = await readLinks(kit, `$ce-${name}`, 1)
    const metadata = metadataIn(read!.link!.metadata)
    assert.is(metadata.$causedBy, event!.id)
    assert.is(BigInt(metadata.$c as number), position!.commit)
    assert.is(metadata.$o, `${name}-a`)
  })
  test('$ce-: the category ends at the first dash', async (kit) => {
    const name = category()
    await kit.append(`${name}-b-c`, kit.events(1))
    assert.equal(places(await readLinks(kit, `$ce-${name}`, 1)), [`0@${name}-b-c`])
    assert.is((await failure(kit.read(`$ce-${name}-b`))).type, 'stream-not-found')
  })
  test('$ce-: a stream without a dash, or that begins with one, has no category', async (kit) => {
    const [plain, dashed, last] = [category(), `-${category()}`, category()]
    await kit.append(plain, kit.events(1))
    await kit.append(dashed, kit.events(1))
    await kit.append(`${last}-a`, kit.events(1))
    await readLinks(kit, `$ce-${last}`, 1)
    assert.is((await failure(kit.read(`$ce-${plain}`))).type, 'stream-not-found')
    assert.is((await failure(kit.read('$ce-'))).type, 'stream-not-found')
  })
  test('$ce-: backwards from the end, so many', async (kit) => {
    const name = category()
    await kit.append(`${name}-a`, kit.events(5))
    await readLinks(kit, `$ce-${name}`, 5)
    const read = await kit.read(`$ce-${name}`, {
      direction: 'backwards',
      fromRevision: 'end',
      maxCount: 2,
      resolveLinkTos: true,
    })
    assert.equal(places(read), [`4@${name}-a`, `3@${name}-a`])
  })
  test('$ce-: a deleted stream leaves links to nothing', async (kit) => {
    const name = category()
    await kit.append(`${name}-a`, kit.events(2))
    await readLinks(kit, `$ce-${name}`, 2)
    await kit.client.deleteStream(`${name}-a`)
    const read = await kit.read(`$ce-${name}`, { resolveLinkTos: true, maxCount: 2 })
    assert.ok(read.every(({ event, link }) => event === undefined && link !== undefined))
  })
  test('$ce-: given that its stream was deleted, when there is another event, then it lives again with that one alone', async (kit) => {
    // StorageWriterService: whatever is written to a soft-deleted stream undeletes it, whoever writes.
    const name = category()
    await kit.append(`${name}-a`, kit.events(2))
    await readLinks(kit, `$ce-${name}`, 2)
    await kit.client.deleteStream(`$ce-${name}`)
    assert.is((await failure(kit.read(`$ce-${name}`))).type, 'stream-not-found')
    await kit.append(`${name}-a`, kit.events(1))
    const read = await readLinks(kit, `$ce-${name}`, 1)
    assert.equal(places(read), [`2@${name}-a`])
    assert.is(read[0]!.link!.revision, 2n)
  })
  test('$ce-: the metadata of a stream is no event of its category', async (kit) => {
    // StreamCategoryExtractorByFirstSeparator: what begins with a dollar has no category.
    const name = category()
    await kit.client.setStreamMetadata(`${name}-a`, { maxCount: 9 })
    await kit.append(`${name}-a`, kit.events(1))
    assert.equal(targets(await readLinks(kit, `$ce-${name}`, 1, false)), [`0@${name}-a`])
  })
  test('$ce-: a link in a stream is linked to what it points to', async (kit) => {
    const [name, target] = [category(), category()]
    await kit.append(target, kit.events(1))
    await kit.append(`${name}-a`, [kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`0@${target}`) })])
    assert.equal(places(await readLinks(kit, `$ce-${name}`, 1)), [`0@${target}`])
  })
}

const typesStreamsAndCorrelations = (test: Add): void => {
  test('$et-: the events of a type, from all streams, in the order of the log', async (kit) => {
    const type = unique('Type')
    const streams = [unique(), unique(), unique()]
    for (const stream of streams) await kit.append(stream, [...kit.events(1), ...kit.events(1, type)])
    assert.equal(
      places(await readLinks(kit, `$et-${type}`, 3)),
      streams.map((stream) => `1@${stream}`),
    )
  })
  test('$et-: another type is not among them', async (kit) => {
    const [one, two] = [unique('One'), unique('Two')]
    await kit.append(unique(), [...kit.events(2, one), ...kit.events(1, two)])
    assert.is((await readLinks(kit, `$et-${two}`, 1)).length, 1)
    assert.is((await readLinks(kit, `$et-${one}`, 2)).length, 2)
  })
  test('$et-: neither the events of system streams nor their metadata are among them', async (kit) => {
    // TransactionFileEventFilter: a projection of all streams sees ordinary streams and the metadata of those.
    const [type, system, stream] = [unique('Type'), `$${unique()}`, unique()]
    await kit.append(system, kit.events(1, type))
    for (const one of [system, stream]) await kit.client.setStreamMetadata(one, { maxCount: 9 })
    await kit.append(stream, kit.events(1, type))
    assert.equal(targets(await readLinks(kit, `$et-${type}`, 1, false)), [`0@${stream}`])
    const metadata = targets(await readLinks(kit, '$et-$metadata', 1, false))
    assert.ok(metadata.includes(`0@${stream}`))
    assert.not.ok(metadata.includes(`0@${system}`))
    const first = targets(await kit.read('$streams'))
    assert.ok(first.includes(`0@$$${stream}`))
    assert.not.ok(first.some((target) => target.endsWith(system)))
  })
  test('$et-$deleted: a deletion', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(1))
    await kit.client.deleteStream(stream)
    await until(async () =>
      targets(await kit.read('$et-$deleted').catch(() => [])).some((target) => target.endsWith(stream)),
    )
  })
  test('$streams: the first event of each stream, once', async (kit) => {
    const streams = [unique(), unique()]
    for (const stream of streams) await kit.append(stream, kit.events(2))
    for (const stream of streams) await kit.append(stream, kit.events(1))
    const mine = (read: Read) =>
      targets(read).filter((target) => streams.some((name) => target.endsWith(`@${name}`)))
    const last = category()
    await kit.append(`${last}-a`, kit.events(1))
    await readLinks(kit, `$ce-${last}`, 1)
    assert.equal(
      mine(await kit.read('$streams')),
      streams.map((stream) => `0@${stream}`),
    )
  })
  test('$category-: the name of each stream of a category, once, as a reference that is not resolved', async (kit) => {
    // CategorizeStreamByPath: an event of type $@ for the first event of a stream that has a category.
    const name = category()
    const streams = [`${name}-a`, `${name}-b`]
    for (const stream of streams) await kit.append(stream, kit.events(2))
    await kit.client.setStreamMetadata(streams[0]!, { maxCount: 9 })
    const read = await readLinks(kit, `$category-${name}`, 2)
    assert.equal(targets(read), streams)
    assert.ok(read.every(({ event, link }) => event!.type === '$@' && link === undefined))
  })
  test('$bc-: the events of a correlation, from all streams, in the order of the log', async (kit) => {
    const [one, other] = [unique('one'), unique('other')]
    const [a, b] = [unique(), unique()]
    const about = ($correlationId: string) =>
      kit.lib.jsonEvent({ type: 'Happened', data: {}, metadata: { $correlationId } })
    await kit.append(a, [about(one), ...kit.events(1), about(other)])
    await kit.append(b, [about(one)])
    assert.equal(places(await readLinks(kit, `$bc-${one}`, 2)), [`0@${a}`, `0@${b}`])
    assert.equal(places(await readLinks(kit, `$bc-${other}`, 1)), [`2@${a}`])
  })
  test('$bc-: a link says when its event was written, to the microsecond', async (kit) => {
    // ByCorrelationId: $eventTimestamp.
    const [$correlationId, stream] = [unique('one'), unique()]
    await kit.append(stream, [
      kit.lib.jsonEvent({ type: 'Happened', data: {}, metadata: { $correlationId } }),
    ])
    const [{ event, link }] = (await readLinks(kit, `$bc-${$correlationId}`, 1)) as [Read[number]]
    const { $eventTimestamp } = metadataIn(link!.metadata) as { readonly $eventTimestamp: string }
    assert.match($eventTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    // One of the clients gives whole seconds.
    const seconds = (at: Date | string): number => Math.trunc(new Date(at).getTime() / 1_000)
    assert.is(seconds($eventTimestamp), seconds(event!.created))
  })
}

const switchingAndTelling = (test: Add): void => {
  test('all of them are listed, and run', async (kit) => {
    const listed = await kit.client.listProjections()
    const running = listed.filter(({ projectionStatus }) => projectionStatus === 'Running')
    for (const name of SYSTEM)
      assert.ok(
        running.some((one) => one.name === name),
        name,
      )
  })
  test('the statistics of one say how far it came', async (kit) => {
    const name = category()
    const { position } = await kit.append(`${name}-a`, kit.events(1))
    await readLinks(kit, `$ce-${name}`, 1)
    const details = await until(async () => {
      const status = await kit.client.getProjectionStatus('$by_category')
      const at = /^C:(\d+)\/P:\d+$/.exec(status.position)
      return at !== null && BigInt(at[1]!) >= position!.commit && status
    })
    assert.is(details.name, '$by_category')
    assert.is(details.effectiveName, '$by_category')
    assert.is(details.projectionStatus, 'Running')
    assert.ok(details.eventsProcessedAfterRestart > 0n)
    assert.ok(details.progress > 0 && details.progress <= 100)
  })
  test(
    'one that is disabled links nothing, and all of it once it is enabled',
    async (kit) => {
      const name = category()
      await kit.append(`${name}-a`, kit.events(1))
      await readLinks(kit, `$ce-${name}`, 1)
      await kit.client.disableProjection('$by_category')
      await until(
        async () => (await kit.client.getProjectionStatus('$by_category')).projectionStatus === 'Stopped',
      )
      const type = unique('Type')
      await kit.append(`${name}-a`, kit.events(3, type))
      await readLinks(kit, `$et-${type}`, 3)
      assert.is((await kit.read(`$ce-${name}`)).length, 1)
      await kit.client.enableProjection('$by_category')
      assert.equal(
        places(await readLinks(kit, `$ce-${name}`, 4)),
        [0, 1, 2, 3].map((n) => `${n}@${name}-a`),
      )
    },
    { alone: true },
  )
  for (const [what, ask] of [
    ['statistics', (kit: Kit, name: string) => kit.client.getProjectionStatus(name)],
    ['enable', (kit: Kit, name: string) => kit.client.enableProjection(name)],
    ['disable', (kit: Kit, name: string) => kit.client.disableProjection(name)],
    ['state', (kit: Kit, name: string) => kit.client.getProjectionState(name)],
    ['delete', (kit: Kit, name: string) => kit.client.deleteProjection(name)],
    ['update', (kit: Kit, name: string) => kit.client.updateProjection(name, 'fromAll().when({})')],
    ['reset', (kit: Kit, name: string) => kit.client.resetProjection(name)],
  ] as const)
    test(`${what} of a projection that is not there: not found`, async (kit) => {
      const name = unique()
      assert.match(String((await failure(ask(kit, name))).error.message), /not ?found/i)
    })
  for (const [what, of] of [
    ['$ce-', (name: string) => `$ce-${name}`],
    ['$et-', (name: string) => `$et-${name}`],
  ] as const)
    test(`a subscription to ${what}: what was and what comes, once and in order`, async (kit) => {
      const name = category()
      await kit.append(`${name}-a`, kit.events(3, name))
      await readLinks(kit, of(name), 3)
      const subscription = kit.client.subscribeToStream(of(name), { resolveLinkTos: true })
      const seen: string[] = []
      subscription.on('data', ({ event, link }) =>
        seen.push(`${link!.revision} ${event!.revision}@${event!.streamId}`),
      )
      await kit.append(`${name}-b`, kit.events(2, name))
      await until(() => seen.length >= 5)
      assert.equal(seen, [
        ...[0, 1, 2].map((n) => `${n} ${n}@${name}-a`),
        ...[0, 1].map((n) => `${n + 3} ${n}@${name}-b`),
      ])
      await subscription.unsubscribe()
    })
}

const theirLinks = (test: Add): void => {
  test('a persistent subscription to $ce- gets the events, acknowledged by their links', async (kit) => {
    const name = category()
    const [stream, group] = [`$ce-${name}`, unique('group')]
    await kit.client.createPersistentSubscriptionToStream(
      stream,
      group,
      kit.lib.persistentSubscriptionToStreamSettingsFromDefaults({
        startFrom: 'start',
        resolveLinkTos: true,
      }),
    )
    const subscription = kit.client.subscribeToPersistentSubscriptionToStream(stream, group)
    const seen: string[] = []
    subscription.on('data', (event) => {
      seen.push(`${event.event!.revision}@${event.event!.streamId}`)
      void subscription.ack(event)
    })
    await kit.append(`${name}-a`, kit.events(3))
    await until(() => seen.length === 3)
    assert.equal(
      seen,
      [0, 1, 2].map((n) => `${n}@${name}-a`),
    )
    await subscription.unsubscribe()
  })
  test('links are in $all after what they point to', async (kit) => {
    const name = category()
    const { position } = await kit.append(`${name}-a`, kit.events(1))
    await readLinks(kit, `$ce-${name}`, 1)
    const after = await kit.readAll({ fromPosition: position })
    assert.is(after[0]!.event!.streamId, `${name}-a`)
    assert.ok(after.some(({ event }) => event!.streamId === `$ce-${name}`))
  })
  test('given 40 writers at once, then each event is linked once, in the order of the log', async (kit) => {
    const name = category()
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        for (let i = 0; i < 5; i++) await kit.append(`${name}-${n}`, kit.events(2))
      }),
    )
    const read = await readLinks(kit, `$ce-${name}`, 400)
    assert.is(new Set(places(read)).size, 400)
    assert.is(read.length, 400)
    const positions = read.map(({ event }) => event!.position!.commit)
    assert.ok(positions.every((at, n) => n === 0 || at > positions[n - 1]!))
  })
  test(
    'given kill -9 while it links, when started again, then each event is linked once',
    async (kit) => {
      const name = category()
      const writing = Promise.allSettled(
        Array.from({ length: 20 }, async (_, n) => {
          for (let i = 0; i < 50; i++) await kit.append(`${name}-${n}`, kit.events(4))
        }),
      )
      await until(async () => (await kit.read(`$ce-${name}`, { maxCount: 1 }).catch(() => [])).length > 0)
      await kit.store().kill()
      await writing
      await kit.store().restart()
      const again = kit.as(null)
      const stored = new Set<string>()
      await until(async () => (await again.readAll({ maxCount: 1 }).catch(() => [])).length > 0)
      for (const { event } of await again.readAll())
        if (event!.streamId.startsWith(`${name}-`)) stored.add(`${event!.revision}@${event!.streamId}`)
      const read = await readLinks(again, `$ce-${name}`, stored.size)
      assert.is(read.length, stored.size)
      assert.equal(new Set(places(read)), stored)
    },
    { alone: true, once: true },
  )
}

contract(
  'system projections',
  (test) => {
    for (const cases of [categories, typesStreamsAndCorrelations, switchingAndTelling, theirLinks])
      cases(test)
  },
  'projections',
)

contract(
  'without system projections',
  (test) => {
    test('they are listed, and stopped', async (kit) => {
      const listed = await kit.client.listProjections()
      for (const name of SYSTEM) {
        const found = listed.find((one) => one.name === name)
        assert.is(found?.projectionStatus, 'Stopped', name)
      }
    })
    for (const stream of ['$streams', '$ce-contract', '$et-Happened', '$bc-contract', '$category-contract'])
      test(`${stream} is not there`, async (kit) => {
        await kit.append(unique(), kit.events(1))
        assert.is((await failure(kit.read(stream))).type, 'stream-not-found')
      })
  },
  'own',
  'alone',
)

contract(
  'a system projection that a client enables',
  (test) => {
    test('given one that is enabled, when the node starts again, then it still runs, and the others do not', async (kit) => {
      const [name, type] = [category(), unique('Type')]
      await kit.append(`${name}-a`, kit.events(2, type))
      await kit.client.enableProjection('$by_category')
      await readLinks(kit, `$ce-${name}`, 2)
      await kit.store().restart()
      const again = kit.as(null)
      await again.append(`${name}-a`, again.events(1, type))
      assert.is((await readLinks(again, `$ce-${name}`, 3)).length, 3)
      assert.is((await failure(again.read(`$et-${type}`))).type, 'stream-not-found')
      assert.is((await again.client.getProjectionStatus('$by_event_type')).projectionStatus, 'Stopped')
      await again.client.disableProjection('$by_category')
    })
  },
  'own',
  'alone',
)
