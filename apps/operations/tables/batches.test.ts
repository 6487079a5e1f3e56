import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isDataError } from '../../../adapters/postgres/errors.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { type TestDatabase, testDatabase } from '../../../infra/testing/postgres.ts'
import { type AuditMemory, auditMemory } from '../../../projections/audit/fold.ts'
import { TABLES } from '../../../projections/batch.ts'
import { CopyRows } from '../../../projections/copy.ts'
import { anyEvents } from '../../../projections/testing/events.ts'
import { dumpTables } from '../rebuild/compare.ts'
import { appendAudit, applyToTables, auditRowsFor, readable } from './apply.ts'

const test = suite('batches')
const RUNS = Number(process.env.PROPERTY_RUNS ?? 25)

let database: TestDatabase
let session: DatabaseSession
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
  assert.equal(await applyToTables(session, all, new Set(), { careful: false }), [])
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
        // Like a projector that starts anew now and then: it knows the chain's end and no session.
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

test('any values that are copied are in the table as an insert puts them there', async () => {
  const columns = ['at', 'name', 'said', 'big', 'small', 'flag', 'bytes', 'object', 'none']
  for (const table of ['copied', 'put'])
    await session.exec(`CREATE TEMPORARY TABLE ${table} (n serial, at timestamptz, name text, said text, big int8,
      small int8, flag bool, bytes bytea, object jsonb, none text)`)
  const text = fc.string({ unit: 'binary', maxLength: 120 }).map((any) => any.replaceAll('\0', ''))
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 120 }).map((any) => any.replaceAll('\0', ''))
  const value = fc.record({
    at: fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
    name: fc.option(ascii),
    said: text,
    big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    small: fc.integer(),
    flag: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    object: fc.dictionary(ascii, fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 5 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 20 }), async (all) => {
      await session.exec('TRUNCATE copied, put RESTART IDENTITY')
      // The buffer is small at first, so that it grows in the middle of values.
      const rows = new CopyRows('copied', columns, 0)
      for (const { at, name, said, big, small, flag, bytes, object } of all) {
        rows.row()
        rows.time(at.getTime())
        rows.textOrNull(name)
        rows.text(said)
        rows.int8(big)
        rows.int8(small)
        rows.bool(flag)
        rows.hex(bytes)
        rows.jsonb(JSON.stringify(object))
        rows.null()
        await session.run(sql.unsafe`INSERT INTO put (${sql.join(
          columns.map((column) => sql.identifier([column])),
          sql.fragment`, `,
        )}) VALUES (${at.toISOString()}::timestamptz, ${name}, ${said}, ${String(big)}::int8, ${small}, ${flag},
          decode(${bytes}, 'hex'), ${JSON.stringify(object)}::jsonb, NULL)`)
      }
      await session.copy(rows.finish())
      assert.is(rows.isMended, false)
      const of = async (table: string) =>
        (
          await session.run(sql.unsafe`SELECT t::text AS row FROM ${sql.identifier([table])} t ORDER BY n`)
        ).map(({ row }) => row)
      assert.equal(await of('copied'), await of('put'))
    }),
    { numRuns: RUNS },
  )
})

test('a text that is no Unicode is told, and what Postgres refuses is refused', async () => {
  await session.exec('CREATE TEMPORARY TABLE texts (said text)')
  for (const [said, isMended] of [
    ['\ud800', true],
    [`${'long '.repeat(40)}\udfff`, true],
    ['👍🏽', false],
    [`${'long '.repeat(40)}👍🏽`, false],
  ] as const) {
    const rows = new CopyRows('texts', ['said'])
    rows.row()
    rows.text(said)
    assert.is(rows.isMended, isMended)
  }
  for (const said of ['\0', `${'long '.repeat(40)}\0`]) {
    const rows = new CopyRows('texts', ['said'])
    rows.row()
    rows.text(said)
    const refused = await session.copy(rows.finish()).catch((error) => error)
    assert.ok(isDataError(refused), String(refused))
  }
})

test.run()
