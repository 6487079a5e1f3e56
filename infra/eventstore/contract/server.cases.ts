import * as assert from 'uvu/assert'
import { contract, failure, type Kit, unique, until } from './kit.ts'
import { decode, inside, refusalOf, text } from './raw.ts'

const OPERATIONS = '/event_store.client.operations.Operations'
/** `VNodeState`s in which a node serves: catching up, clone, follower, leader. */
const SERVING = [4, 5, 6, 8]

contract(
  'what the server says of itself',
  (test) => {
    test('gossip: at least one member that lives, with an address and a port', async (kit) => {
      const info = await kit.raw.call('/event_store.client.gossip.Gossip/Read')
      const members = (info.get(1) ?? []).map((bytes) => decode(bytes as Buffer))
      const alive = members.filter((member) => member.get(4)?.[0] === 1)
      assert.ok(alive.length > 0)
      const endpoint = inside(alive[0]!, 5)
      assert.not.equal(text(endpoint, 1), '')
      assert.ok(Number(endpoint.get(2)?.[0]) > 0)
      assert.ok(alive.some((member) => SERVING.includes(Number(member.get(3)?.[0] ?? 0))))
    })
    test('gossip: its port is where the client found it, on a node alone', async (kit) => {
      const info = await kit.raw.call('/event_store.client.gossip.Gossip/Read')
      const members = (info.get(1) ?? []).map((bytes) => decode(bytes as Buffer))
      if (members.length === 1)
        assert.ok(kit.url.includes(`:${inside(members[0]!, 5).get(2)?.[0]}`) || !/:\d+\?/.test(kit.url))
    })
    test('ServerFeatures: a version, and the calls that both clients ask for', async (kit) => {
      const path = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods'
      const features = await kit.raw.call(path)
      assert.match(text(features, 2), /^\d+\.\d+/)
      const methods = (features.get(1) ?? []).map((bytes) => decode(bytes as Buffer))
      const names = methods.map((method) => `${text(method, 2)}/${text(method, 1)}`)
      for (const name of ['Streams/batchappend', 'Streams/read', 'PersistentSubscriptions/read'])
        assert.ok(
          names.some((one) => one.toLowerCase().endsWith(name.toLowerCase())),
          `${name} of ${names.join(' ')}`,
        )
    })
    test('ServerFeatures: persistent subscriptions to $all', async (kit) => {
      const path = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods'
      const methods = ((await kit.raw.call(path)).get(1) ?? []).map((bytes) => decode(bytes as Buffer))
      const create = methods.find(
        (method) => text(method, 2).endsWith('.persistentsubscriptions') && text(method, 1) === 'create',
      )
      assert.ok(create?.get(3)?.map(String).includes('all'))
    })
    test('ServerFeatures: every name is in lower case, since clients compare them so', async (kit) => {
      const path = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods'
      const methods = ((await kit.raw.call(path)).get(1) ?? []).map((bytes) => decode(bytes as Buffer))
      const names = methods.flatMap((method) => [text(method, 1), text(method, 2)])
      assert.ok(names.length > 40)
      assert.equal(
        names.filter((name) => name !== name.toLowerCase()),
        [],
      )
    })
    for (const [method, features] of [
      ['streams/read', ['position', 'events']],
      ['streams/batchappend', ['deadline_duration']],
      ['persistentsubscriptions/read', ['stream', 'all']],
      ['projections/create', ['track_emitted_streams']],
    ] as const)
      test(`ServerFeatures: ${method} can do ${features.join(' and ')}`, async (kit) => {
        const path = '/event_store.client.server_features.ServerFeatures/GetSupportedMethods'
        const methods = ((await kit.raw.call(path)).get(1) ?? []).map((bytes) => decode(bytes as Buffer))
        const found = methods.find((one) => `${text(one, 2)}/${text(one, 1)}`.endsWith(`.${method}`))
        assert.equal(found?.get(3)?.map(String), [...features])
      })
    test('given nobody who has asked for statistics of the server, then $all has none', async (kit) => {
      const read = await kit.readAll({ maxCount: 200 })
      assert.not.ok(read.some(({ event }) => event!.streamId.startsWith('$stats')))
    })
    test('an unknown service: unimplemented', async (kit) => {
      assert.is(await refusalOf(kit.raw.call('/event_store.client.nothing.Nothing/Read')), '12')
    })
    test('/health/live: 204', async (kit) => {
      assert.is((await kit.raw.get('/health/live')).status, 204)
    })
    test('/info: its version and state', async (kit) => {
      const response = await kit.raw.get('/info')
      assert.is(response.status, 200)
      const info = JSON.parse(response.body) as Record<string, unknown>
      assert.type(info.dbVersion ?? info.esVersion, 'string')
      assert.match(String(info.state), /leader|follower|replica/i)
    })
    test('/stats: of its process and of the store', async (kit) => {
      const response = await kit.raw.get('/stats')
      assert.is(response.status, 200)
      const stats = JSON.parse(response.body) as { proc?: object; es?: object }
      assert.ok(stats.proc !== undefined && stats.es !== undefined)
    })
    test('/stats: counts what clients have subscribed to', async (kit) => {
      const subscriptions = async (): Promise<number> =>
        Number(JSON.parse((await kit.raw.get('/stats')).body).es?.subscriptions)
      // On a server with other clients, or one that does not say, there is nothing to compare.
      const before = await subscriptions()
      if (Number.isNaN(before)) return
      const subscription = kit.client.subscribeToStream(unique())
      let isConfirmed = false
      subscription.on('confirmation', () => {
        isConfirmed = true
      })
      subscription.on('data', () => {})
      await until(() => isConfirmed)
      await until(async () => (await subscriptions()) === before + 1)
      await subscription.unsubscribe()
      await until(async () => (await subscriptions()) === before)
    })
    for (const path of ['/ping', '/gossip', '/metrics'])
      test(`${path}: an answer over HTTP/1 and HTTP/2`, async (kit) => {
        const [first, second] = [await kit.raw.get(path), await kit.raw.getHttp2(path)]
        assert.equal([first.status, second.status], [200, 200])
        assert.ok(first.body.length > 0 && second.body.length > 0)
      })
    test('/ping: says so, with the number of a message', async (kit) => {
      const { msgTypeId, text } = JSON.parse((await kit.raw.get('/ping')).body)
      assert.type(msgTypeId, 'number')
      assert.is(text, 'Ping request successfully handled')
    })
    for (const path of ['/info', '/stats'])
      test(`${path}: over HTTP/2 as over HTTP/1`, async (kit) => {
        const answer = await kit.raw.getHttp2(path)
        assert.is(answer.status, 200)
        assert.type(JSON.parse(answer.body), 'object')
      })
    test('/health/live: 204 over HTTP/2', async (kit) => {
      assert.is((await kit.raw.getHttp2('/health/live')).status, 204)
    })
    test('/: a line of text, or the way to the pages of the server', async (kit) => {
      assert.ok([200, 301, 302, 307].includes((await kit.raw.get('/')).status))
    })
    test('an unknown path: 404 over HTTP/2', async (kit) => {
      assert.is((await kit.raw.getHttp2(`/${unique('nothing')}`)).status, 404)
    })
    test('an unknown path: 404', async (kit) => {
      assert.is((await kit.raw.get(`/${unique('nothing')}`)).status, 404)
    })
  },
  'shared',
  'alone',
)

contract(
  'over TLS, to whoever has agreed on HTTP/2',
  (test) => {
    for (const [path, status] of [
      ['/health/live', 204],
      ['/info', 200],
      ['/stats', 200],
      ['/gossip', 200],
      ['/', 200],
      ['/nothing', 404],
    ] as const)
      test(`${path}: ${status}`, async (kit) => {
        assert.is((await kit.raw.getHttp2(path)).status, status)
      })
    test('POST /admin/scavenge: to an administrator alone', async (kit) => {
      assert.is((await kit.as(null).raw.getHttp2('/admin/scavenge', 'POST')).status, 401)
      const answer = await kit.raw.getHttp2('/admin/scavenge', 'POST')
      assert.ok([200, 409].includes(answer.status))
      assert.type(JSON.parse(answer.body).scavengeId, 'string')
    })
    test('GET /admin/scavenge: 405, with what it takes', async (kit) => {
      assert.is((await kit.raw.getHttp2('/admin/scavenge')).status, 405)
    })
  },
  'users',
)

contract(
  'a fresh log',
  (test) => {
    test('given no users, then the first event of $all is the metadata of the history of scavenges', async (kit) => {
      // TFChunkScavengerLogManager.SetScavengeStreamMetadata, which runs as soon as a node is ready.
      const [first] = await kit.readAll({ maxCount: 1 })
      assert.is(first!.event!.streamId, '$$$scavenges')
      assert.is(first!.event!.type, '$metadata')
      const { metadata } = await kit.client.getStreamMetadata('$scavenges')
      assert.is(metadata?.maxAge, 30 * 24 * 60 * 60)
    })
  },
  'own',
)

contract(
  'scavenge',
  (test) => {
    const start = (kit: Kit) => kit.raw.call(`${OPERATIONS}/StartScavenge`, [[1, []]])
    test('given hidden events, when scavenged, then what is read stays as it was', async (kit) => {
      const [kept, cut, gone] = [unique(), unique(), unique()]
      for (const stream of [kept, cut, gone]) await kit.append(stream, kit.events(10))
      await kit.client.setStreamMetadata(cut, { maxCount: 3 })
      await kit.client.deleteStream(gone)
      const before = await kit.read(cut)
      assert.not.equal(text(await start(kit), 1), '')
      assert.equal(await kit.read(cut), before)
      assert.is((await kit.read(kept)).length, 10)
      assert.is((await failure(kit.read(gone))).type, 'stream-not-found')
      assert.is((await kit.append(gone, kit.events(1))).nextExpectedRevision, 10n)
    })
    test('given writers, when scavenged, then nothing of theirs is lost', async (kit) => {
      const stream = unique()
      const writing = Array.from({ length: 20 }, () => kit.append(stream, kit.events(5)))
      await start(kit)
      await Promise.all(writing)
      assert.is((await kit.read(stream)).length, 100)
    })
    test('given subscriptions, when scavenged meanwhile, then they get what is kept, once and in order, and what comes', async (kit) => {
      const [cut, kept] = [unique('scavenged'), unique('scavenged')]
      const { position } = await kit.append(cut, kit.events(1))
      for (let n = 0; n < 4; n++) {
        await kit.append(cut, kit.events(200))
        await kit.append(kept, kit.events(50))
      }
      await kit.client.setStreamMetadata(cut, { maxCount: 5 })
      const follow = (subscription: ReturnType<Kit['client']['subscribeToAll']>, stream: string) => {
        const seen: number[] = []
        subscription.on('data', ({ event }) => {
          if (event!.streamId === stream) seen.push(Number(event!.revision))
        })
        return seen
      }
      const all = kit.client.subscribeToAll({
        fromPosition: position!,
        filter: kit.lib.streamNameFilter({ prefixes: [cut, kept] }),
      })
      const one = kit.client.subscribeToStream(kept)
      const [ofCut, ofKept, alone] = [follow(all, cut), follow(all, kept), follow(one as never, kept)]
      await start(kit)
      await kit.append(cut, kit.events(1))
      await kit.append(kept, kit.events(1))
      await until(() => ofKept.length >= 201 && alone.length >= 201)
      const dense = Array.from({ length: 201 }, (_, n) => n)
      assert.equal([ofKept, alone], [dense, dense])
      assert.ok(ofCut.every((revision, n) => n === 0 || revision > ofCut[n - 1]!))
      assert.equal(ofCut.slice(-5), [797, 798, 799, 800, 801])
      await all.unsubscribe()
      await one.unsubscribe()
    })
    test('when one is stopped that does not run, then scavenge-not-found', async (kit) => {
      const stopping = kit.raw.call(`${OPERATIONS}/StopScavenge`, [[1, [[1, unique('scavenge')]]]])
      assert.is(await refusalOf(stopping), 'scavenge-not-found')
    })
    test('given a link to a scavenged event, when resolved, then the link alone', async (kit) => {
      const [target, links] = [unique(), unique()]
      await kit.append(target, kit.events(3))
      await kit.append(links, [kit.lib.binaryEvent({ type: '$>', data: Buffer.from(`0@${target}`) })])
      await kit.client.setStreamMetadata(target, { truncateBefore: 2 })
      await start(kit)
      const [read] = await kit.read(links, { resolveLinkTos: true })
      assert.is(read!.event, undefined)
      assert.is(read!.link!.streamId, links)
    })
  },
  'shared',
  'alone',
)

const LATE = { deadline: -60_000 }
const TIMES = ['deadline-exceeded', 'timeout', 'cancelled', 'unknown', 'unavailable']

contract('deadlines', (test) => {
  const late = async (promise: Promise<unknown>): Promise<void> => {
    const { type } = await failure(promise)
    assert.ok(TIMES.includes(type), type)
  }
  test('given a deadline that has passed, then a deletion fails and is not done', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await late(kit.client.deleteStream(stream, LATE))
    assert.is((await kit.read(stream)).length, 2)
  })
  test('given a deadline that has passed, then a tombstone fails and is not done', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(2))
    await late(kit.client.tombstoneStream(stream, LATE))
    assert.is((await kit.append(stream, kit.events(1))).nextExpectedRevision, 2n)
  })
  test('given a deadline that has passed, then metadata is not set', async (kit) => {
    const stream = unique()
    await kit.append(stream, kit.events(5))
    await late(kit.client.setStreamMetadata(stream, { maxCount: 1 }, LATE))
    assert.is((await kit.read(stream)).length, 5)
  })
  for (const deadline of [5_000, 60_000, 3_600_000])
    test(`given a deadline of ${deadline / 1000} s, then the append is like any other`, async (kit) => {
      const stream = unique()
      await kit.append(stream, kit.events(2), 'no_stream', { deadline })
      assert.is((await kit.read(stream)).length, 2)
    })
  test('given an append whose deadline has passed among others, then the others are written', async (kit) => {
    const stream = unique()
    const results = await Promise.allSettled([
      kit.append(stream, kit.events(1)),
      kit.append(stream, kit.events(1), 'any', LATE),
      kit.append(stream, kit.events(1)),
    ])
    assert.equal(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.is((await kit.read(stream)).length, 2)
  })
  test('a subscription has no deadline: it lives on', async (kit) => {
    const stream = unique()
    const subscription = kit.client.subscribeToStream(stream)
    let count = 0
    subscription.on('data', () => count++)
    await kit.append(stream, kit.events(1))
    await until(() => count === 1)
    await kit.append(stream, kit.events(1))
    await until(() => count === 2)
    await subscription.unsubscribe()
  })
})
