import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession, type Session } from '../../adapters/postgres/session.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { type TestDatabase, testDatabase } from '../../infra/testing/postgres.ts'
import { type AuditMemory, auditMemory } from '../../projections/audit/fold.ts'
import { TABLES } from '../../projections/batch.ts'
import { anyEvents } from '../../projections/testing/events.ts'
import { appendAudit, applyToTables, auditRowsFor, readable } from './apply.ts'
import { dumpTables } from './compare.ts'

const test = suite('batches')
const RUNS = Number(process.env.PROPERTY_RUNS ?? 25)

let database: TestDatabase
let session: Session
test.before(async () => {
  database = await testDatabase()
  session = await connectSession(database.url, 'test')
})
test.after(async () => {
  await session.close()
  await database.drop()
})

const empty = (): Promise<void> => session.exec(TABLES.map(({ name }) => `DELETE FROM ${name}`).join(';'))
const apply = async (events: ReadonlyArray<RecordedEvent>, memory: AuditMemory | null): Promise<void> => {
  const all = events.map(readable)
  if (memory !== null) await appendAudit(session, await auditRowsFor(session, all, memory))
  assert.equal(await applyToTables(session, all, new Set(), false), [])
}
const logged = (all: ReadonlyArray<{ readonly stream: string; readonly event: never }>) => {
  const log = memoryLog()
  for (const { stream, event } of all) log.push(stream, event)
  return log.events
}

test('any events in any batches give the same tables', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyEvents(),
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 40 }),
      async (all, sizes) => {
        const events = logged(all as never)
        await empty()
        await session.transaction(() => apply(events, auditMemory(null)))
        const atOnce = await dumpTables(session, 'public')
        await empty()
        // As a projector that starts anew now and then: it knows the chain's end and no session.
        let memory = auditMemory(null)
        await session.transaction(async () => {
          for (let from = 0, i = 0; from < events.length; i += 1) {
            const size = sizes[i] ?? 1
            await apply(events.slice(from, from + size), memory)
            from += size
            if (i % 3 === 0) memory = auditMemory(memory)
          }
        })
        assert.equal(await dumpTables(session, 'public'), atOnce)
      },
    ),
    { numRuns: RUNS },
  )
})

test('streams in any order among each other give the same tables, the audit log aside', async () => {
  await fc.assert(
    fc.asyncProperty(anyEvents(), fc.boolean(), async (all, backwards) => {
      const events = logged(all as never)
      await empty()
      await session.transaction(() => apply(events, null))
      const inOrder = await dumpTables(session, 'public')
      await empty()
      const streams = [...new Set(events.map(({ stream }) => stream))].sort()
      if (backwards) streams.reverse()
      await session.transaction(async () => {
        for (const stream of streams)
          await apply(
            events.filter((event) => event.stream === stream),
            null,
          )
      })
      assert.equal(await dumpTables(session, 'public'), inOrder)
    }),
    { numRuns: RUNS },
  )
})

test.run()
