import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { PROJECTION_NAMES } from '../../../projections/batch.ts'
import { anyEvents, posted, recorded } from '../../../projections/testing/events.ts'
import { type Projector, runProjector } from '../../projector/projector.ts'
import { dumpTables } from './compare.ts'
import { rebuild } from './rebuild.ts'

const test = suite('a rebuild of one projection')
const space = { type: 'post', id: 'alice/my-post' } as const

const withTables = async (
  work: (log: MemoryLog, url: string, session: DatabaseSession, projector: Projector) => Promise<void>,
): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  const log = memoryLog(50)
  const projector = runProjector({ log, databaseUrl: database.url })
  try {
    for (const all of fc.sample(anyEvents(40), { numRuns: 8, seed: 3 }))
      for (const { stream, event } of all) log.push(stream, event)
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    await work(log, database.url, session, projector)
  } finally {
    await projector.stop()
    await session.close()
    await database.drop()
  }
}

test('given each projection rebuilt alone, then its tables are rebuilt, the others are not touched, and the writer goes on', () =>
  withTables(async (log, databaseUrl, session, projector) => {
    const truth = await dumpTables(session, 'public')
    for (const only of PROJECTION_NAMES) {
      // Tables that are not rebuilt keep what was changed in them.
      await session.exec(
        `UPDATE chat_messages SET content = 'touched'; UPDATE presence_audit_log SET action = 'touched'`,
      )
      const { differences, events } = await rebuild({ log, databaseUrl, only, compare: true, batchSize: 30 })
      assert.is(events, log.events.length)
      assert.equal(
        differences?.map(({ table }) => table),
        only === 'chat' ? ['chat_messages'] : only === 'audit' ? ['presence_audit_log'] : [],
      )
      const [row] = await session.run(sql.unsafe`SELECT
        (SELECT count(*) FROM chat_messages WHERE content = 'touched') > 0 AS chat,
        (SELECT count(*) FROM presence_audit_log WHERE action = 'touched') > 0 AS audit`)
      assert.equal([row?.chat, row?.audit], [only !== 'chat', only !== 'audit'], only)
    }
    await rebuild({ log, databaseUrl, only: 'chat' })
    await rebuild({ log, databaseUrl, only: 'audit' })
    assert.equal(await dumpTables(session, 'public'), truth)
    const { stream, event } = recorded(space, posted('after', 'and on', 900))
    const end = log.push(stream, event)
    await until('the writer goes on', () => projector.state().position === end)
    const { differences } = await rebuild({ log, databaseUrl, compare: true, swap: false })
    assert.equal(differences, [])
  }))

test('given different parked streams than there would be now, then it is refused, and nothing is changed', () =>
  withTables(async (log, databaseUrl, session, projector) => {
    const { stream, event } = recorded(space, posted('strange', 'so', 901))
    const end = log.push(stream, { ...event, type: 'MessageShouted' })
    await until('it is parked', () => projector.state().position === end)
    await rebuild({ log, databaseUrl, only: 'chat' })
    // As if an upcaster had been added.
    await session.exec('DELETE FROM parked_streams')
    const before = await dumpTables(session, 'public')
    try {
      await rebuild({ log, databaseUrl, only: 'chat' })
      assert.unreachable()
    } catch (error) {
      assert.match(String(error), 'Other streams are parked')
    }
    assert.equal(await dumpTables(session, 'public'), before)
    await rebuild({ log, databaseUrl, only: 'audit' })
  }))

test('given an unknown name, then it says which names there are', async () => {
  try {
    await rebuild({ log: memoryLog(), databaseUrl: 'postgres://nowhere', only: 'everything' })
    assert.unreachable()
  } catch (error) {
    const names =
      'spaces, sessions, permissions, bans, settings, entities, motion, chat, cases, queue, ban-lists, audit'
    assert.match(String(error), names)
  }
})

test.run()
