/** What `/api/health` says about how far the tables are behind the log. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createHealth, type HealthParts } from './health.ts'

const test = suite('health')

const parts = (sfu: HealthParts['sfu'] = null) => {
  const world = {
    now: 0,
    log: 0n,
    tables: 0n as bigint | null,
    events: [10n, 20n],
    looks: 0,
    hangs: false,
    bare: false,
    parked: 0n,
    missing: 0,
    turn: null as string | null,
    refused: null as string | null,
    there: 'one' as string | null,
    hears: true,
    deaf: false,
  }
  const since = new Date(0)
  const health = createHealth({
    log: {
      health: () => ({ state: 'up', since, lastError: null }),
      readAll: ({ after = -1n }) => {
        world.looks += 1
        return async () => E.right(world.events.filter((position) => position > after))
      },
      readStream: () => async () =>
        E.right(world.there === null ? [] : [{ id: world.there, revision: 3n, position: 10n }]),
    },
    readModels: {
      checkpoint: () => async () => {
        if (world.bare)
          throw new Error('asked in vain', { cause: Object.assign(new Error('no table'), { code: '42P01' }) })
        return world.hangs
          ? new Promise(() => {})
          : world.tables === null
            ? E.left({ _tag: 'PostgresUnavailable', cause: 'down' })
            : E.right({ position: world.tables })
      },
      lastPlaces: () => async () =>
        E.right([{ stream: 'space-post:a/b', revision: 3n, position: 10n, event_id: 'one' }]),
      parked: () => async () => E.right({ streams: world.parked, events: 3n * world.parked }),
    },
    relay: { configured: false, state: () => ({}) },
    feed: () => ({ state: 'live', since, reconnects: 0, position: world.log }),
    turn: { uris: () => ['turn:turn.test:3478'], look: async () => world.turn },
    writes: { refused: async () => world.refused },
    missingKeys: () => ({ count: world.missing, some: ['alice', 'bob'] }),
    hearing: { erasures: { connected: () => world.hears, deaf: () => world.deaf } },
    sfu,
    now: () => world.now,
  } as unknown as HealthParts)
  return { world, all: health, projections: async () => (await health()).projections! }
}

test('given constant traffic that the tables follow closely, then they are never reported as behind', async () => {
  const { world, projections } = parts()
  for (let second = 0; second < 120; second += 10) {
    world.now = second * 1_000
    world.log = BigInt(second * 1_000 + 5)
    world.tables = BigInt(second * 1_000)
    const { ok, lag_ms } = (await projections()) as { ok: boolean; lag_ms?: number }
    assert.ok(ok, `at ${second} s`)
    assert.ok((lag_ms ?? 0) <= 10_000, String(lag_ms))
  }
})

test('given tables that stand still while the log goes on, then after half a minute they are behind, until they are not', async () => {
  const { world, projections } = parts()
  world.log = 10n
  assert.ok((await projections()).ok)
  world.now = 31_000
  world.log = 20n
  assert.not((await projections()).ok)
  world.tables = 20n
  assert.ok((await projections()).ok)
})

test('given a log that ends with bookkeeping, then the tables are not reported as behind it, even after the next event', async () => {
  const { world, projections } = parts()
  world.tables = 20n
  world.log = 25n
  await projections()
  world.now = 31_000
  assert.equal((({ ok, lag_ms }) => [ok, lag_ms])(await projections()), [true, 0])
  const { looks } = world
  world.now = 90_000
  assert.ok((await projections()).ok)
  assert.is(world.looks, looks, 'it was asked once')
  world.events.push(30n)
  world.log = 30n
  await projections()
  world.now = 121_000
  assert.not((await projections()).ok)
  world.tables = 30n
  assert.ok((await projections()).ok)
})

test('given a parked event, then health says so and how many wait, and is still well', async () => {
  const { world, projections } = parts()
  const { parked_streams, error } = (await projections()) as { parked_streams?: number; error?: string }
  assert.equal([parked_streams, error], [0, undefined])
  world.parked = 1n
  const waiting = (await projections()) as { ok: boolean; parked_events?: number; error?: string }
  assert.ok(waiting.ok)
  assert.is(waiting.parked_events, 3)
  assert.match(waiting.error!, '3 events of 1 streams are parked')
})

test('given a database that no projector has prepared, then it says so and what is missing', async () => {
  const { world, all } = parts()
  world.bare = true
  const { postgres, projections } = await all()
  assert.equal([postgres!.ok, projections!.ok], [false, false])
  assert.match(String(postgres!.error), 'the projector makes them')
})

test('given tables of another log, or of one that went back, then they are not well and it says what to do, until they are', async () => {
  for (const there of [null, 'another']) {
    const { world, projections } = parts()
    world.there = there
    const { ok, error } = (await projections()) as { ok: boolean; error?: string }
    assert.not(ok)
    assert.match(error!, /not the one that the tables were made of.*presence rebuild/)
    world.there = 'one'
    assert.ok((await projections()).ok)
    world.there = there
    assert.ok((await projections()).ok, 'it was looked at just now')
    world.now = 10_000
    assert.not((await projections()).ok)
  }
})

test('given a log that was sealed under keys which are not here, then it says whose and what to do, and serves people whose keys are here', async () => {
  const { world, all } = parts()
  assert.equal((await all()).keys, { ok: true, vital: false })
  world.missing = 2
  const { keys } = await all()
  assert.equal([keys!.ok, keys!.vital, keys!.missing], [false, false, 2])
  assert.match(String(keys!.error), /alice, bob.*Restore the database/)
})

test('given a TURN server that does not answer, then that is reported, and people are served', async () => {
  const { world, all } = parts()
  assert.ok((await all()).turn.ok)
  world.turn = 'turn.test:3478 does not answer over UDP.'
  const { turn } = await all()
  assert.equal([turn.ok, turn.vital, turn.error], [false, false, world.turn])
})

test('given an event store that answers but accepts no writes, then health is not well, and says why', async () => {
  const { world, all } = parts()
  world.refused = 'the disk is full'
  const { eventstore } = await all()
  assert.equal([eventstore.ok, eventstore.vital], [false, true])
  assert.match(String(eventstore.error), 'It takes no writes: the disk is full')
})

test('given notices that do not arrive, then health says which and what to do, and people are served', async () => {
  const { world, all } = parts()
  assert.equal((await all()).notices, { ok: true, vital: false })
  world.hears = false
  assert.match(String((await all()).notices!.error), 'is being made (erasures)')
  world.deaf = true
  const { notices } = await all()
  assert.equal([notices!.ok, notices!.vital], [false, false])
  assert.match(String(notices!.error), /does not arrive \(erasures\).*pooler in session mode/)
})

test('given a media server that does not answer, then health says what that means for voice, and people are served', async () => {
  assert.is((await parts().all()).sfu, undefined)
  const { sfu } = await parts({ kind: 'janus', isUp: () => false }).all()
  assert.equal([sfu!.ok, sfu!.vital], [false, false])
  assert.match(String(sfu!.error), /janus.* does not answer: the voice of large rooms/)
})

test('given tables that can’t be asked, then health says so', async () => {
  const { world, projections } = parts()
  world.tables = null
  assert.not((await projections()).ok)
})

test('given a database that hangs, then health still answers, and says so', async () => {
  const { world, projections } = parts()
  world.hangs = true
  assert.not((await projections()).ok)
})

test.run()
