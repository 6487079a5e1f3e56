import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { migrate, readMigrations } from '../../../adapters/postgres/migrate.ts'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { until } from '../../../infra/testing/until.ts'
import { withDatabase } from '../../../infra/testing/with-database.ts'
import { alice, anyEvents, at, posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { listParked, retryParked, showParked } from '../parked/parked.ts'
import { compareTables, dumpTables } from './compare.ts'
import { NARROWING } from './made-tables.ts'
import { rebuild } from './rebuild.ts'

const test = suite('rebuilds and parked streams')
const space = { type: 'post', id: 'alice/my-post' } as const
const other = { type: 'document', id: '123' } as const

const say = (log: MemoryLog, ...all: ReadonlyArray<ReturnType<typeof recorded>>): bigint => {
  let position = 0n
  for (const { stream, event } of all) position = log.push(stream, event)
  return position
}
/** Adds generated events, as often as `times` says. */
const anything = (log: MemoryLog, seed: number, times = 10): bigint => {
  let position = 0n
  for (const all of fc.sample(anyEvents(60), { numRuns: times, seed })) position = say(log, ...all)
  return position
}
const constraints = async (session: DatabaseSession) =>
  (
    await session.run(
      sql.unsafe`SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), convalidated) AS one
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1`,
    )
  ).map(({ one }) => String(one))
const indexes = async (session: DatabaseSession) =>
  (
    await session.run(
      sql.unsafe`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef`,
    )
  ).map(({ indexdef }) => String(indexdef).replace(/INDEX \S+ ON/, 'INDEX ON'))

/** The audit log as it is in a PostgreSQL that can't compute columns as they are read. */
const withoutComputed = async (databaseUrl: string, session: DatabaseSession): Promise<void> => {
  await session.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  const all = await readMigrations()
  await migrate(
    databaseUrl,
    all.filter(({ name }) => name !== NARROWING),
  )
}

for (const [postgres, before] of [
  ['a PostgreSQL that computes columns', async () => {}],
  ['one that does not', withoutComputed],
] as const)
  test(`given tables that a projector kept in ${postgres}, when rebuilt, then the new ones equal them to the byte`, () =>
    withDatabase(async (databaseUrl, session) => {
      await before(databaseUrl, session)
      const log = memoryLog(37)
      const projector = runProjector({ log, databaseUrl })
      const end = anything(log, 1)
      await until('all is applied', () => projector.state().position === end)
      const dumped = await dumpTables(session, 'public')
      const { differences, events } = await rebuild({ log, databaseUrl, compare: true, batchSize: 50 })
      assert.equal(differences, [])
      assert.is(events, log.events.length)
      assert.equal(await dumpTables(session, 'public'), dumped)
      await projector.stop()
    }))

test('given a projector at work, when rebuilt and swapped, then it goes on with the new tables', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog(37)
    const projector = runProjector({ log, databaseUrl })
    const start = anything(log, 2, 3)
    await until('all is applied', () => projector.state().position === start)
    await session.exec(
      `CREATE ROLE reader_${process.pid}; GRANT SELECT ON presence_sessions TO reader_${process.pid}`,
    )
    const before = [await indexes(session), await constraints(session)]
    const during = rebuild({
      log,
      databaseUrl,
      batchSize: 20,
      onProgress: () => say(log, recorded(space, posted(`d${log.events.length}`, 'meanwhile', 1))),
    })
    await during
    const end = anything(log, 3, 3)
    await until('what came after is applied', () => projector.state().position === end)
    assert.equal([await indexes(session), await constraints(session)], before)
    const [grant] = await session.run(
      sql.unsafe`SELECT has_table_privilege(${`reader_${process.pid}`}, 'presence_sessions', 'SELECT') AS may`,
    )
    assert.is(grant?.may, true)
    await session.exec(`DROP OWNED BY reader_${process.pid}; DROP ROLE reader_${process.pid}`)
    const { differences, schema } = await rebuild({
      log,
      databaseUrl,
      compare: true,
      swap: false,
      keep: true,
    })
    assert.equal(differences, [])
    assert.equal(await compareTables(session, 'public', schema!), [])
    await projector.stop()
  }))

test('given many messages with every odd text, ids used twice and edits, when rebuilt, then nothing is lost or changed', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog(1)
    const odd = [
      'tab\t',
      'line\nfeed\r\n',
      'back\\slash \\N \\t',
      '\\.',
      '"quoted"',
      '𝕯 👍🏽 \u2028 \u0001',
      '',
      '\\N',
      "it's",
    ]
    const edit = (messageId: string, content: string) =>
      recorded(space, {
        type: 'MessageEdited',
        data: { messageId, subspace: 'main', by: alice, content, at: at(9) },
      })
    say(log, edit('m3', 'before it was there'))
    for (let i = 0; i < 300; i += 1) {
      say(log, recorded(space, posted(`m${i}`, odd[i % odd.length]!, i)))
      if (i % 40 === 0) say(log, edit(`m${i}`, `edited ${odd[i % odd.length]}`))
      // The other space uses the same ids, which are independent of these.
      if (i % 90 === 0) say(log, recorded(other, posted(`m${i}`, 'taken', i)))
      if (i % 60 === 0) say(log, recorded(other, posted(`\\\\x6d\\${i}`, 'under an odd id', i)))
    }
    const projector = runProjector({ log, databaseUrl })
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    for (const batchSize of [100, 1_000])
      assert.equal((await rebuild({ log, databaseUrl, compare: true, batchSize })).differences, [])
    const rows = await session.run(
      sql.unsafe`SELECT content FROM chat_messages WHERE space_type = 'post' ORDER BY revision`,
    )
    assert.equal(
      rows.slice(1, 9).map(({ content }) => content),
      odd.slice(1),
    )
    await projector.stop()
  }))

test('given invalid Unicode and impossible dates among many messages, when rebuilt, then the same events are parked as before', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog(1)
    for (let i = 0; i < 120; i += 1) say(log, recorded(space, posted(`m${i}`, `words ${i}`, i)))
    say(log, recorded(other, posted('half', 'half a pair \ud83d', 200)))
    const never = recorded({ type: 'document', id: '321' }, posted('never', 'on a day that never was', 201))
    const data = { ...(never.event.data as object), at: '2026-02-31T00:00:00.000Z' }
    say(log, { ...never, event: { ...never.event, data } })
    for (let i = 120; i < 200; i += 1) say(log, recorded(space, posted(`m${i}`, `words ${i}`, i)))
    const projector = runProjector({ log, databaseUrl })
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    const parked = await listParked(databaseUrl)
    assert.equal(parked.map(({ stream }) => stream).sort(), ['chat-document:123', 'chat-document:321'])
    assert.equal((await rebuild({ log, databaseUrl, compare: true })).differences, [])
    const anew = await listParked(databaseUrl)
    assert.equal(
      anew.map(({ stream, reason }) => [stream, reason]),
      parked.map(({ stream, reason }) => [stream, reason]),
    )
    assert.is((await session.run(sql.unsafe`SELECT FROM chat_messages`)).length, 200)
    await projector.stop()
  }))

test('given a row that somebody changed, when compared, then it is named', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const projector = runProjector({ log, databaseUrl })
    const end = say(log, recorded(space, posted('m1', 'as said', 1)), recorded(space, posted('m2', 'two', 2)))
    await until('all is applied', () => projector.state().position === end)
    await session.exec(`UPDATE chat_messages SET content = 'never said' WHERE message_id = 'm1'`)
    const { differences } = await rebuild({ log, databaseUrl, compare: true })
    assert.equal(
      differences?.map(({ table, onlyInA }) => [table, onlyInA.length]),
      [['chat_messages', 1]],
    )
    assert.match(differences![0]!.onlyInA[0]!, 'never said')
    assert.match(differences![0]!.onlyInB[0]!, 'as said')
    const [row] = await session.run(sql.unsafe`SELECT content FROM chat_messages WHERE message_id = 'm1'`)
    assert.is(row?.content, 'as said')
    await projector.stop()
  }))

test('given a rebuild that was cut off, then the live tables are untouched and the next one clears up', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    anything(log, 4, 3)
    const cut = async (): Promise<void> => {
      try {
        await rebuild({
          log,
          databaseUrl,
          batchSize: 10,
          onProgress: () => {
            throw new Error('cut off')
          },
        })
        assert.unreachable()
      } catch (error) {
        assert.match(String(error), 'cut off')
      }
    }
    await cut()
    const schemas = sql.unsafe`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebuild%'`
    assert.is((await session.run(schemas)).length, 1)
    assert.equal((await session.run(sql.unsafe`SELECT * FROM presence_audit_log`)).length, 0)
    await rebuild({ log, databaseUrl })
    assert.is((await session.run(schemas)).length, 0)
    assert.is((await session.run(sql.unsafe`SELECT FROM presence_audit_log`)).length, log.events.length)
    // A projector that starts now goes on from there.
    const projector = runProjector({ log, databaseUrl })
    const end = say(log, recorded(space, posted('new', 'new', 1)))
    await until('it goes on', () => projector.state().position === end)
    assert.is(projector.state().events, 1)
    await projector.stop()
  }))

test('given a parked stream, when it is repaired and retried, then the tables are as if nothing had happened', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const projector = runProjector({ log, databaseUrl })
    say(log, recorded(space, posted('m1', 'one', 1)))
    const strange = recorded(space, posted('m2', 'two', 2))
    say(log, {
      ...strange,
      event: { ...strange.event, metadata: { ...(strange.event.metadata as object), schema: 99 } },
    })
    say(log, recorded(other, posted('n1', 'elsewhere', 3)))
    const end = say(log, recorded(space, posted('m3', 'three', 4)))
    await until('all is seen', () => projector.state().position === end)
    const [parked] = await listParked(databaseUrl)
    assert.equal([parked?.stream, parked?.events], ['chat-post:alice/my-post', 2])
    assert.match(parked!.reason, 'Schema 99 is newer')
    assert.equal(
      (await showParked(databaseUrl, parked!.stream)).map(({ type }) => type),
      ['MessagePosted', 'MessagePosted'],
    )

    const inVain = await retryParked(databaseUrl, parked!.stream)
    assert.equal([inVain.applied, inVain.stoppedBy?.event.revision], [0, 1n])

    // As if a newer version read it.
    await session.exec(`UPDATE parked_events SET metadata = replace(metadata, '"schema":99', '"schema":1')`)
    assert.equal(await retryParked(databaseUrl, parked!.stream), { applied: 2, stoppedBy: null })
    assert.equal(await listParked(databaseUrl), [])
    const last = say(log, recorded(space, posted('m4', 'four', 5)))
    await until('the stream goes on', () => projector.state().position === last)
    const rows = await session.run(sql.unsafe`SELECT message_id FROM chat_messages ORDER BY position`)
    assert.equal(
      rows.map(({ message_id }) => message_id),
      ['m1', 'm2', 'n1', 'm3', 'm4'],
    )
    await projector.stop()
  }))

test('given a stream that stays unreadable, when rebuilt, then it is parked again and the rest is there', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const strange = recorded(space, posted('m1', 'one', 1))
    say(
      log,
      { ...strange, event: { ...strange.event, type: 'MessageShouted' } },
      recorded(other, posted('n1', 'two', 2)),
    )
    const { parkedStreams } = await rebuild({ log, databaseUrl })
    assert.is(parkedStreams, 1)
    assert.is((await listParked(databaseUrl)).length, 1)
    assert.is((await session.run(sql.unsafe`SELECT FROM chat_messages`)).length, 1)
  }))

test.run()
