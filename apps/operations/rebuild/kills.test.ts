import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { tryLock } from '../../../adapters/postgres/take-lock.ts'
import type { NewEvent } from '../../../domain/ports.ts'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { anyEvents, FILLING, posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { dumpTables } from './compare.ts'
import { rebuild } from './rebuild.ts'

const test = suite('a rebuild killed')
/** At how many points it is killed; the full run: REBUILD_KILLS=20 node apps/operations/rebuild/kills.test.ts */
const KILLS = Number(process.env.REBUILD_KILLS ?? 3)
const CHILD = fileURLToPath(new URL('testing/rebuild-child.ts', import.meta.url))
const space = { type: 'post', id: 'alice/my-post' } as const

/** Runs it until it has reported `steps` steps, and kills it immediately. Resolves to whether it ended before that. */
const runAndKill = async (
  args: ReadonlyArray<string>,
  steps: number,
): Promise<{ steps: number; done: boolean }> => {
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  let told = 0
  let done = false
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'done') done = true
    else told += 1
    if (told >= steps) child.kill('SIGKILL')
  }
  await exit
  return { steps: told, done }
}

/** Every table that a rebuild makes, byte for byte, except the times at which events were parked. */
const dump = async (session: DatabaseSession): Promise<Readonly<Record<string, ReadonlyArray<string>>>> => {
  const parked = async (table: string, columns: string) =>
    (
      await session.run({
        ...sql.unsafe``,
        sql: `SELECT ROW(${columns})::text AS row FROM ${table} ORDER BY position`,
        values: [],
      })
    ).map(({ row }) => String(row))
  return {
    ...(await dumpTables(session, 'public')),
    parked_streams: await parked('parked_streams', 'stream, reason, position'),
    parked_events: await parked('parked_events', 'position, stream, event_id, type, data, metadata'),
  }
}

test(`given a rebuild killed with -9 at ${KILLS} points, then the tables are completely the old ones or the new ones, and the next rebuild succeeds`, async () => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  const log = connectEventLog({ url: store.url })
  const projector = runProjector({ log, databaseUrl: database.url })
  const session = await connectSession(database.url, 'test')
  try {
    let last = 0n
    const append = async (events: ReadonlyArray<{ readonly stream: string; readonly event: NewEvent }>) => {
      const appended = await log.append(
        events[0]!.stream,
        'any',
        events.map(({ event }) => event),
      )()
      if (appended._tag === 'Left') throw new Error(appended.left._tag)
      last = appended.right.position
    }
    for (let i = 0; i < 12; i += 1)
      await append(
        Array.from({ length: 50 }, (_, n) => recorded(space, posted(`m${i}.${n}`, `words ${n}`, i))),
      )
    // Something of everything, so that no table is empty.
    const byStream = new Map<string, Array<ReturnType<typeof recorded>>>()
    for (const one of [...fc.sample(anyEvents(60), { numRuns: 16, seed: 11 }).flat(), ...FILLING])
      byStream.set(one.stream, [...(byStream.get(one.stream) ?? []), one])
    for (const events of byStream.values())
      for (let from = 0; from < events.length; from += 100) await append(events.slice(from, from + 100))
    const strange = recorded({ type: 'document', id: '999' }, posted('px', 'parked', 2))
    await append([{ ...strange, event: { ...strange.event, type: 'MessageShouted' } }])
    await until('all is applied', () => projector.state().position === last)
    const truth = await dump(session)
    for (const [table, rows] of Object.entries(truth)) assert.ok(rows.length > 0, `${table} has rows`)
    const args = [store.url, database.url]
    const { steps } = await runAndKill(args, Number.POSITIVE_INFINITY)
    assert.ok(steps > 12, `${steps} steps`)
    // A changed row distinguishes the old tables from the new ones.
    const touch = () => session.exec(`UPDATE chat_messages SET content = 'touched' WHERE message_id = 'm3.7'`)
    await touch()
    const touched = await dump(session)
    const points = Array.from(
      { length: KILLS },
      (_, i) => 1 + Math.round((i * (steps - 1)) / Math.max(1, KILLS - 1)),
    )
    for (const point of points) {
      await touch()
      await runAndKill(args, point)
      // Postgres needs some time to notice that its client is gone.
      await until('its lock is free', async () => {
        const [lock] = await session.run(tryLock(LOCKS.rebuilding))
        if (lock?.got === true) await session.exec('SELECT pg_advisory_unlock_all()')
        return lock?.got === true
      })
      const now = await dump(session)
      const isNew = now.chat_messages?.every((row) => !row.includes('touched')) ?? false
      assert.equal(now, isNew ? truth : touched, `killed at step ${point} of ${steps}`)
    }
    // The projector goes on, and so does the next rebuild.
    const more = recorded(space, posted('after', 'and on', 99))
    const appended = await log.append(more.stream, 'any', [more.event])()
    if (appended._tag === 'Left') throw new Error(appended.left._tag)
    await until('the projector goes on', () => projector.state().position === appended.right.position)
    await rebuild({ log, databaseUrl: database.url })
    const { differences } = await rebuild({ log, databaseUrl: database.url, compare: true, swap: false })
    assert.equal(differences, [])
    const left = await session.run(sql.unsafe`SELECT FROM pg_namespace WHERE nspname LIKE 'rebuild%'`)
    assert.is(left.length, 0)
  } finally {
    await session.close()
    await projector.stop()
    await log.close()
    await store.stop()
    await database.drop()
  }
})

test.run()
