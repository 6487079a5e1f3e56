import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LeaseStore } from '../../domain/leases.ts'
import { streamName } from '../../domain/names.ts'
import {
  account,
  asking,
  countedIds,
  guest,
  join,
  pathOn,
  quiet,
  ROOM,
  stepClock,
  uuid,
} from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import type { BootSessionRow, ReadModels } from '../../projections/read-models.ts'
import { keepLeases, type LeaseKeeperOptions } from './leases.ts'
import { keepSeats } from './seats.ts'

const STREAM = streamName('space', ROOM)
const TTL = 10_000

/** The rules of the leases' table, on a clock that the test moves. */
const memoryLeases = (time: { ms: number }): LeaseStore & { isUp: boolean } => {
  const rows = new Map<string, { node: string; renewed: number; takenBy: string | null; takenAt: number }>()
  const asked =
    <T>(work: () => T) =>
    async (): Promise<E.Either<{ _tag: 'LeasesUnavailable'; cause: string }, T>> =>
      store.isUp ? E.right(work()) : E.left({ _tag: 'LeasesUnavailable', cause: 'down' })
  const store: LeaseStore & { isUp: boolean } = {
    isUp: true,
    renew: (boot, node) =>
      asked(() => {
        const wasTaken = (rows.get(boot)?.takenBy ?? null) !== null
        rows.set(boot, { node, renewed: time.ms, takenBy: null, takenAt: 0 })
        return { wasTaken }
      }),
    all: () =>
      asked(() =>
        [...rows].map(([boot, { node, renewed, takenBy }]) => ({
          boot,
          node,
          idleMs: time.ms - renewed,
          takenBy,
        })),
      ),
    take: (boot, by, ttlMs) =>
      asked(() => {
        const row = rows.get(boot)
        if (row === undefined) {
          rows.set(boot, { node: '', renewed: time.ms, takenBy: null, takenAt: 0 })
          return false
        }
        const isFree = row.takenBy === null || row.takenBy === by || time.ms - row.takenAt > ttlMs
        if (time.ms - row.renewed <= ttlMs || !isFree) return false
        row.takenBy = by
        row.takenAt = time.ms
        return true
      }),
    release: (boot, by) =>
      asked(() => {
        if (boot === by || rows.get(boot)?.takenBy === by) rows.delete(boot)
      }),
  }
  return store
}

/** The sessions as a read model that never lags has them, folded from the log. */
const modelsOf = (log: MemoryLog): Pick<ReadModels, 'boots' | 'sessionsOfBoot'> => {
  const live = (): Array<{ sessionId: string; boot: string }> => {
    const sessions = new Map<string, { sessionId: string; boot: string }>()
    for (const { type, data } of log.stream(STREAM)) {
      const session = data as { sessionId: string; boot: string }
      if (type === 'SessionJoined') sessions.set(session.sessionId, session)
      if (type === 'SessionLeft') sessions.delete(session.sessionId)
    }
    return [...sessions.values()]
  }
  return {
    boots: () => async () => {
      const counts = new Map<string, number>()
      for (const { boot } of live()) counts.set(boot, (counts.get(boot) ?? 0) + 1)
      return E.right([...counts].map(([boot, sessions]) => ({ boot, sessions })))
    },
    sessionsOfBoot: (boot) => async () =>
      E.right(
        live()
          .filter((session) => session.boot === boot)
          .map(({ sessionId }) => ({ session_id: sessionId, space: ROOM, boot }) as BootSessionRow),
      ),
  }
}

const world = () => {
  const log = memoryLog()
  const time = { ms: 1_000_000 }
  const leases = memoryLeases(time)
  const keeper = (boot: string, of: Partial<LeaseKeeperOptions> = {}) =>
    keepLeases({
      leases,
      commands: pathOn(log, { node: { id: boot, boot } }),
      models: modelsOf(log),
      node: { id: boot, boot },
      logger: quiet,
      ttlMs: TTL,
      now: () => time.ms,
      ...of,
    })
  const joined = async (boot: string, ...numbers: number[]) => {
    const path = pathOn(log)
    for (const n of numbers) await path.space(asking(uuid(n), guest(n), join(n, { boot })))()
  }
  const left = () =>
    log
      .stream(STREAM)
      .filter(({ type }) => type === 'SessionLeft')
      .map(({ data }) => data as { sessionId: string; reason: string })
  /** Time passes, and those given renew as they should. */
  const pass = async (ms: number, ...keepers: Array<ReturnType<typeof keepLeases>>) => {
    for (let spent = 0; spent < ms; spent += TTL / 5) {
      time.ms += TTL / 5
      for (const each of keepers) await each.tick()
    }
  }
  return { log, leases, keeper, joined, left, pass }
}

const test = suite('leases')

test('given a boot that renews, when time passes, then nobody is lost', async () => {
  const { keeper, joined, left, pass } = world()
  const [a, b] = [keeper('a'), keeper('b')]
  await joined('a', 1, 2)
  await pass(TTL * 5, a, b)
  assert.equal(left(), [])
})

test('given a boot that stops renewing, when its time is up, then its sessions are lost, once, and no others', async () => {
  const { keeper, joined, left, pass, log } = world()
  const [a, b, c] = [keeper('a'), keeper('b'), keeper('c')]
  await joined('a', 1, 2)
  await joined('b', 3)
  await pass(TTL * 2, a, b, c)
  await pass(TTL * 4, b, c)
  assert.equal(left(), [
    { ...left()[0], sessionId: 'session-1', reason: 'node-lost' },
    { ...left()[1], sessionId: 'session-2', reason: 'node-lost' },
  ])
  assert.is(log.stream(STREAM).length, 6)
})

test('given the store of leases was away for long, when it is back, then nobody is lost', async () => {
  const { keeper, joined, left, pass, leases } = world()
  const [a, b] = [keeper('a'), keeper('b')]
  await joined('a', 1)
  await joined('b', 2)
  await pass(TTL * 3, a, b)
  leases.isUp = false
  await pass(TTL * 10, a, b)
  leases.isUp = true
  // One of them hears of it at once, the other a little later.
  await b.tick()
  await pass(TTL / 2, b)
  await pass(TTL * 3, a, b)
  assert.equal(left(), [])
})

test('given a process that starts, when others have not had the time to renew, then nobody is lost yet', async () => {
  const { keeper, joined, left, pass } = world()
  await joined('a', 1)
  const b = keeper('b')
  await pass(TTL * 0.8, b)
  assert.equal(left(), [])
  await pass(TTL * 4, b)
  assert.is(left().length, 1)
})

test('given a node that was killed and starts again, when its earlier boot missed three rounds, then those sessions are lost without waiting for the rest', async () => {
  const { keeper, joined, left, pass } = world()
  const named = (boot: string) => keeper(boot, { node: { id: 'node-1', boot } })
  const first = named('a')
  await pass(TTL / 5, first)
  await joined('a', 1, 2)
  const again = named('b')
  await pass((2 * TTL) / 5, again)
  assert.equal(left(), [], 'it might still be alive')
  await pass(TTL / 5, again)
  assert.equal(
    left().map(({ reason }) => reason),
    ['node-lost', 'node-lost'],
  )
})

test('given a boot that was held for dead and lives, when it renews, then it is told so and keeps its lease', async () => {
  const { keeper, joined, left, pass } = world()
  let lost = 0
  const a = keeper('a', { onLost: () => lost++ })
  const b = keeper('b')
  await joined('a', 1)
  await pass(TTL * 2, a, b)
  await pass(TTL * 2, b)
  assert.is(left().length, 1)
  await a.tick()
  assert.is(lost, 1)
  await joined('a', 7)
  await pass(TTL * 3, a, b)
  assert.is(left().length, 1)
})

test('given a process that stops cleanly, then its sessions end as disconnected and its lease is released', async () => {
  const { keeper, joined, left, pass, leases } = world()
  const a = keeper('a')
  await joined('a', 1, 2)
  await pass(TTL / 5, a)
  await a.stop([{ space: ROOM, sessionId: 'session-2' }])
  assert.equal(
    left().map(({ reason }) => reason),
    ['disconnected', 'disconnected'],
  )
  assert.equal(await leases.all()(), E.right([]))
})

test('given a departure that was lost, when its socket is gone for two rounds, then the session ends', async () => {
  const { keeper, joined, left, pass } = world()
  await joined('a', 1, 2)
  const a = keeper('a', { here: () => new Set(['session-2']) })
  await pass(TTL / 5, a)
  assert.equal(left(), [])
  await pass(TTL / 5, a)
  assert.equal(
    left().map(({ sessionId, reason }) => [sessionId, reason]),
    [['session-1', 'disconnected']],
  )
})

test.run()

const seats = suite('held seats')

seats(
  'given entries granted here, when their minute is over, then the seats are freed, not before',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7), togetherMs: 1_000 })
    const path = pathOn(log, { clock, onAccepted: keeper.noticed })
    const enter = { type: 'EnterSpace', subspace: 'main' } as const
    await path.space(asking(uuid(1), account('bob'), enter))()
    clock.advance(30_000)
    await path.space(asking(uuid(2), account('carol'), enter))()
    const freed = () => log.stream(STREAM).filter(({ type }) => type === 'SeatExpired').length
    await keeper.tick()
    assert.is(freed(), 0)
    clock.advance(30_500)
    await keeper.tick()
    assert.is(freed(), 1)
    clock.advance(30_000)
    await keeper.tick()
    assert.is(freed(), 2)
    assert.is(keeper.waiting(), 0)
  },
)

seats('given the log is away when seats run out, then they are freed later', async () => {
  const log = memoryLog()
  const clock = stepClock()
  const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
  const path = pathOn(log, { clock, onAccepted: keeper.noticed, tuning: { unavailableMs: 20 } })
  await path.space(asking(uuid(1), account('bob'), { type: 'EnterSpace', subspace: 'main' }))()
  clock.advance(61_000)
  log.onAppend = () => 'unavailable'
  await keeper.tick()
  log.onAppend = () => null
  clock.advance(10_000)
  await keeper.tick()
  assert.is(log.stream(STREAM).filter(({ type }) => type === 'SeatExpired').length, 1)
})

seats(
  'given more guests than one change of the settings shows out, then the rest go in the next rounds',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
    const path = pathOn(log, { clock, onAccepted: keeper.noticed })
    const change = (changes: object) => ({ type: 'ChangeSettings', changes }) as const
    await path.space(asking(uuid(9_000), account('alice'), change({ max_users: 2_000 })))()
    const crowd = 1_100
    await Promise.all(
      Array.from({ length: crowd }, (_, n) => path.space(asking(uuid(n), guest(n), join(n)))()),
    )
    const shownOut = () => log.stream(STREAM).filter(({ type }) => type === 'SessionLeft').length
    await path.space(asking(uuid(9_001), account('alice'), change({ guests_allowed: false })))()
    assert.is(shownOut(), 500)
    await keeper.tick()
    assert.is(shownOut(), 1_000)
    clock.advance(10_000)
    await keeper.tick()
    assert.is(shownOut(), crowd)
    clock.advance(10_000)
    await keeper.tick()
    assert.is(keeper.waiting(), 0)
  },
)

seats(
  'given more voices than an append holds, when voice is switched off, then it is, and the rest stop in the next rounds',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
    const path = pathOn(log, { clock, onAccepted: keeper.noticed })
    const change = (changes: object) => ({ type: 'ChangeSettings', changes }) as const
    await path.space(asking(uuid(9_000), account('alice'), change({ max_users: 2_000 })))()
    const crowd = 1_300
    await Promise.all(
      Array.from({ length: crowd }, async (_, n) => {
        await path.space(asking(uuid(n), guest(n), join(n)))()
        const speak = { type: 'SetVoice', sessionId: `session-${n}`, enabled: true } as const
        await path.space(asking(uuid(n, 1), guest(n), speak))()
      }),
    )
    const before = log.stream(STREAM).length
    const off = asking(uuid(9_001), account('alice'), change({ voice_enabled: false }))
    const client = { ip: '2001:db8:1234:5678:9abc:def0:1234:5678', userAgent: 'x'.repeat(512) }
    assert.is((await path.space({ ...off, client })())._tag, 'Right')
    const written = log.stream(STREAM).slice(before)
    assert.is(written.length, 501)
    const bytes = (event: object) =>
      Buffer.byteLength(JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
    const size = written.reduce((sum, event) => sum + bytes(event), 0)
    // An append may have 1 MiB; sealed, the client takes a third more.
    assert.ok(size * 1.34 < 1_048_576, `${size} bytes`)
    const stopped = () => log.stream(STREAM).filter(({ type }) => type === 'VoiceStopped').length
    await keeper.tick()
    await keeper.tick()
    assert.is(stopped(), crowd)
    await keeper.tick()
    assert.is(keeper.waiting(), 0)
    assert.is(stopped(), crowd)
  },
)

seats.run()
