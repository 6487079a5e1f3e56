import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { LeaseStore } from '../../domain/leases.ts'
import { streamName } from '../../domain/names.ts'
import { asking, guest, join, pathOn, quiet, ROOM, uuid } from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import type { BootSessionRow, ReadModels } from '../../projections/read-models.ts'
import { keepLeases, type LeaseKeeperOptions } from './leases.ts'

const STREAM = streamName('space', ROOM)
const TTL = 10_000

/** Leases by the rules of their table, on a clock that the test moves. */
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

/** The sessions as of a read model that never lags, folded from the log. */
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
  /** Lets time pass, while these keepers renew in time. */
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

test('given a lease store that was away for long, when it is back, then nobody is lost', async () => {
  const { keeper, joined, left, pass, leases } = world()
  const [a, b] = [keeper('a'), keeper('b')]
  await joined('a', 1)
  await joined('b', 2)
  await pass(TTL * 3, a, b)
  leases.isUp = false
  await pass(TTL * 10, a, b)
  leases.isUp = true
  // One of them learns of it at once, the other a little later.
  await b.tick()
  await pass(TTL / 2, b)
  await pass(TTL * 3, a, b)
  assert.equal(left(), [])
})

test('given a process that starts, when others have not had time to renew, then nobody is lost yet', async () => {
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

test('given a live boot that was taken for dead, when it renews, then it is told so and keeps its lease', async () => {
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
