/** Tables that were made from another log than the one that is read: the projector says so, takes nothing from it, and
 *  a rebuild makes them anew. */
import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog, connectOrderedEventLog } from '../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import type { DatabaseSession } from '../../adapters/postgres/session.ts'
import type { EventLog } from '../../domain/ports.ts'
import { temporaryDirectory } from '../../infra/testing/directory.ts'
import { testEventStore } from '../../infra/testing/eventstore.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { until } from '../../infra/testing/until.ts'
import { withDatabase } from '../../infra/testing/with-database.ts'
import { signerOf, verifierOf } from '../../projections/proof/note.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { backupLog, restoreLog } from '../operations/instance/log-backup.ts'
import { exportLog } from '../operations/log-transfer/file.ts'
import { importLog } from '../operations/log-transfer/import.ts'
import { rebuild } from '../operations/rebuild/rebuild.ts'
import { verifyLog } from '../operations/verify/verify.ts'
import { type Projector, runProjector } from './projector.ts'

const test = suite('another log')
const signer = signerOf('moved.test', Buffer.alloc(32, 7))
const space = { type: 'post', id: 'alice/my-post' } as const

const words = async (session: DatabaseSession): Promise<ReadonlyArray<string>> =>
  (await session.run(sql.unsafe`SELECT content FROM chat_messages ORDER BY position`)).map(({ content }) =>
    String(content),
  )
const filled = (...all: ReadonlyArray<string>): MemoryLog => {
  const log = memoryLog()
  for (const one of all) say(log, one)
  return log
}
const event = (content: string) => recorded(space, posted(randomUUID(), content, 1))
const say = (log: MemoryLog, content: string): bigint => {
  const { stream, event: one } = event(content)
  return log.push(stream, one)
}
const projected = async (log: EventLog, databaseUrl: string, session: DatabaseSession, count: number) => {
  const projector = runProjector({ log, databaseUrl })
  await until('all is in the tables', async () => (await words(session)).length === count)
  await projector.stop()
}
const waits = (projector: Projector) =>
  until('it says that the log is another', () => projector.state().otherLog !== null)

test('given tables of a longer log, when they are rebuilt from another, then what is written from then on reaches them', () =>
  withDatabase(async (databaseUrl, session) => {
    await projected(filled('a', 'b', 'c', 'd', 'e', 'f'), databaseUrl, session, 6)
    const other = filled('x', 'y')
    const done = await rebuild({ log: other, databaseUrl })
    assert.is(done.position, other.events.at(-1)!.position)
    const projector = runProjector({ log: other, databaseUrl })
    say(other, 'z')
    await until('it is there', async () => (await words(session)).length === 3)
    assert.equal(await words(session), ['x', 'y', 'z'])
    await projector.stop()
  }))

test('given a server that knew the old tables’ position, when they are rebuilt from a shorter log, then a min_position beyond its end is not answered at once', () =>
  withDatabase(async (databaseUrl, session) => {
    await projected(filled('a', 'b', 'c', 'd'), databaseUrl, session, 4)
    const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
    const models = createReadModels(pool)
    assert.equal(await models.waitFor(400n, 0)(), E.right(true))
    await rebuild({ log: filled('x'), databaseUrl })
    await until('it is known', async () => {
      const there = await models.waitFor(400n, 0)()
      return E.isRight(there) && !there.right
    })
    await models.close()
    await pool.end()
  }))

test('given tables of one log, when a projector follows another, then it applies nothing of it and says what to do; after a rebuild it goes on', () =>
  withDatabase(async (databaseUrl, session) => {
    await projected(filled('a', 'b'), databaseUrl, session, 2)
    // A longer log, a shorter one, and one as long as the previous.
    for (const all of [['x', 'y', 'z', 'u'], ['x'], ['x', 'y']]) {
      const other = filled(...all)
      const said: string[] = []
      const logger = { info: () => {}, warn: () => {}, error: (_: unknown, text: string) => said.push(text) }
      const projector = runProjector({ log: other, databaseUrl, logger })
      await waits(projector)
      assert.match(projector.state().otherLog!, /not the one that the tables were made of.*presence rebuild/)
      assert.is(said.length, 1)
      assert.equal(await words(session), ['a', 'b'])
      await projector.stop()
    }
    const other = filled('x')
    const projector = runProjector({ log: other, databaseUrl })
    await waits(projector)
    await rebuild({ log: other, databaseUrl })
    say(other, 'y')
    await until('it goes on', async () => (await words(session)).join() === 'x,y')
    assert.is(projector.state().otherLog, null)
    await projector.stop()
  }))

test('given tables of another log, then no single projection can be rebuilt, and nothing is compared', () =>
  withDatabase(async (databaseUrl, session) => {
    await projected(filled('a', 'b', 'c'), databaseUrl, session, 3)
    const log = filled('x')
    try {
      await rebuild({ log, databaseUrl, only: 'chat' })
      assert.unreachable()
    } catch (error) {
      assert.match((error as Error).message, 'not the one that the tables were made of')
    }
    const { differences, otherLog } = await rebuild({ log, databaseUrl, compare: true, swap: false })
    assert.is(differences, null)
    assert.match(otherLog!, 'presence rebuild')
    assert.equal(await words(session), ['a', 'b', 'c'])
  }))

test('given a checkpoint beyond the end of a log that lost bookkeeping, then what has been written there since reaches the tables', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = filled('a')
    await projected(log, databaseUrl, session, 1)
    await session.exec('UPDATE projection_checkpoints SET position = 1000')
    say(log, 'b')
    await projected(log, databaseUrl, session, 2)
  }))

test('given a log whose last streams were deleted or cut, then it still counts as the same log', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = filled('a')
    for (const id of ['one/deleted', 'two/cut']) {
      const { stream, event: one } = recorded({ type: 'post', id }, posted(randomUUID(), id, 1))
      log.push(stream, one)
    }
    await projected(log, databaseUrl, session, 3)
    const cut: EventLog = {
      ...log,
      readStream: (stream, read) => {
        if (stream.endsWith('deleted')) return async () => E.left({ _tag: 'StreamDeleted' })
        if (!stream.endsWith('cut')) return log.readStream(stream, read)
        return async () => E.right([{ ...log.stream(stream)[0]!, revision: 5n, id: randomUUID() }])
      },
    }
    say(log, 'b')
    await projected(cut, databaseUrl, session, 4)
  }))

test('given an embedded node, when an older backup is restored while everything runs, then the projector says so, and follows it after a rebuild', () =>
  withDatabase(async (databaseUrl, session) => {
    const store = await testEventStore()
    const log = connectEventLog({ url: store.url, heartbeatMs: 500 })
    const append = async (content: string) => {
      const { stream, event: one } = event(content)
      assert.ok(E.isRight(await log.append(stream, 'any', [one])()))
    }
    for (const one of ['a', 'b', 'c']) await append(one)
    const older = join(temporaryDirectory('older-'), 'older.backup')
    await backupLog(store.dataDir, older)
    for (const one of ['d', 'e', 'f', 'g']) await append(one)
    const projector = runProjector({ log, databaseUrl })
    await until('all is in the tables', async () => (await words(session)).length === 7)

    await store.kill()
    const dataDir = temporaryDirectory('restored-')
    await restoreLog(older, dataDir)
    const restored = await testEventStore({ dataDir, port: store.port })
    // The same event each time: one whose answer was lost is on the log, and another one would be refused for ever.
    const { stream, event: written } = event('h')
    await until('it can be written to', async () => E.isRight(await log.append(stream, 2n, [written])()))
    await waits(projector)
    assert.match(projector.state().otherLog!, 'went back')
    assert.is((await words(session)).length, 7)
    await rebuild({ log, databaseUrl })
    await append('i')
    await until('it follows', async () => (await words(session)).join() === 'a,b,c,h,i')
    await projector.stop()
    await log.close()
    await restored.stop()
    await store.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }))

test('given a log that was moved by export and import, then the tables report that, follow it after a rebuild, and every proof is valid', () =>
  withDatabase(async (databaseUrl, session) => {
    const [from, to] = [await testEventStore(), await testEventStore()]
    const [before, after] = [connectEventLog({ url: from.url }), connectOrderedEventLog({ url: to.url })]
    // The events that an export leaves out make the positions differ.
    const bookkeeping = { id: randomUUID(), type: 'Moment', data: { v: 1 }, metadata: {} }
    await before.append('moments-space-post:a/b', 'none', [bookkeeping])()
    for (const one of ['a', 'b', 'c']) {
      const { stream, event: said } = event(one)
      await before.append(stream, 'any', [said])()
    }
    await projected(before, databaseUrl, session, 3)
    const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
    const issue = async () => {
      const proofs = createProofs({ pool, signer, clock: { now: Date.now }, everyMs: 0 })
      assert.ok(E.isRight(await proofs.checkpoint()()))
    }
    await issue()
    const file = join(temporaryDirectory('moved-'), 'log.ndjson')
    await exportLog(before, file, () => {})
    await importLog(after, file, () => {})
    const projector = runProjector({ log: after, databaseUrl })
    await waits(projector)
    assert.match(projector.state().otherLog!, 'moved here')
    const { events } = await rebuild({ log: after, databaseUrl })
    assert.is(events, 3)
    const verifiers = [verifierOf(signer)]
    const verified = await verifyLog({ log: after, databaseUrl, verifiers })
    assert.equal([verified.failures, verified.compared!.found, verified.moved], [[], 0, 1])
    // From now on they name positions of this log.
    await issue()
    const again = await verifyLog({ log: after, databaseUrl, verifiers })
    assert.equal([again.failures, again.checkpoints, again.moved], [[], 1, 1])
    const { stream, event: said } = event('d')
    await after.append(stream, 'any', [said])()
    await until('it follows', async () => (await words(session)).join() === 'a,b,c,d')
    await until('it has its own leaf', async () => {
      const [row] = await session.run(sql.unsafe`SELECT count(*) AS leaves FROM proof_leaves`)
      return row!.leaves === 4n
    })
    await issue()
    const last = await verifyLog({ log: after, databaseUrl, verifiers })
    assert.equal([last.failures, last.checkpoints, last.moved], [[], 2, 1])
    await projector.stop()
    await pool.end()
    await Promise.all([before.close(), after.close()])
    await Promise.all([from.stop(), to.stop()])
  }))

test.run()
