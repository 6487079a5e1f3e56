import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DatabaseSession } from '../../adapters/postgres/session.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { until } from '../../infra/testing/until.ts'
import { withDatabase } from '../../infra/testing/with-database.ts'
import { alice, at, bob, joined, posted, recorded, system } from '../../projections/testing/events.ts'
import { type Projector, runProjector } from './projector.ts'

const test = suite('the projector')
const space = { type: 'post', id: 'alice/my-post' } as const
const other = { type: 'document', id: '123' } as const

const rows = async (
  session: DatabaseSession,
  table: string,
): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> =>
  session
    .run(sql.unsafe`SELECT to_jsonb(t) AS row FROM ${sql.identifier([table])} t ORDER BY t`)
    .then((all) => all.map(({ row }) => row as Record<string, unknown>))
const say = (log: MemoryLog, ...all: ReadonlyArray<ReturnType<typeof recorded>>): bigint => {
  let position = 0n
  for (const { stream, event } of all) position = log.push(stream, event)
  return position
}
const reached = (projector: Projector, position: bigint): Promise<void> =>
  until(`position ${position}`, () => (projector.state().position ?? -1n) >= position)

test('given events on the log, when it runs, then each table agrees with them', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const projector = runProjector({ log, databaseUrl })
    say(
      log,
      recorded(space, {
        type: 'SpaceOpened',
        data: { title: 'My post', owner: 'alice', visibility: 'public', at: at(0) },
      }),
      recorded(space, joined('s1', alice, 1)),
      recorded(space, joined('s2', bob, 2), bob),
      recorded(space, { type: 'VoiceStarted', data: { sessionId: 's1', at: at(3) } }),
      recorded(space, posted('m1', 'hello', 4)),
    )
    const position = say(
      log,
      recorded(space, {
        type: 'SessionLeft',
        data: { sessionId: 's2', reason: 'kicked', by: alice, note: 'spam', until: null, at: at(5) },
      }),
    )
    await reached(projector, position)
    const sessions = await rows(session, 'presence_sessions')
    assert.equal(sessions.length, 1)
    assert.equal(
      [sessions[0]!.session_id, sessions[0]!.user_account, sessions[0]!.voice_enabled, sessions[0]!.node],
      ['s1', 'alice', true, 'node-1'],
    )
    assert.equal(sessions[0]!.position, { x: 1, y: 0, z: -2.5 })
    assert.equal((await rows(session, 'chat_messages'))[0]!.content, 'hello')
    const audit = await rows(session, 'presence_audit_log')
    assert.equal(
      audit.map(({ action }) => action),
      ['SpaceOpened', 'SessionJoined', 'SessionJoined', 'VoiceStarted', 'MessagePosted', 'SessionLeft'],
    )
    // The kick names a session; the audit log names the person whose session it was.
    assert.equal([audit[5]!.user_account, audit[5]!.target], ['alice', 'bob'])
    assert.is(audit[1]!.prev_hash, audit[0]!.hash)
    await projector.stop()
    assert.is(projector.state().role, 'stopped')
  }))

test('given a projector that leads, when a second starts, then it waits, and leads when the first stops', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const first = runProjector({ log, databaseUrl })
    await until('the first leads', () => first.state().role === 'leading')
    const second = runProjector({ log, databaseUrl })
    await until('the second stands by', () => second.state().role === 'standby')
    await reached(first, say(log, recorded(space, posted('m1', 'one', 1))))
    assert.is(second.state().role, 'standby')
    await first.stop()
    await until('the second leads', () => second.state().role === 'leading')
    assert.is(second.state().epoch, first.state().epoch! + 1n)
    await reached(second, say(log, recorded(space, posted('m2', 'two', 2))))
    assert.equal((await rows(session, 'presence_audit_log')).length, 2)
    await second.stop()
  }))

test('given a projector that wrongly believes it leads, when it writes, then nothing changes and it starts over', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const projector = runProjector({ log, databaseUrl })
    await until('it leads', () => projector.state().role === 'leading')
    const epoch = projector.state().epoch!
    await session.run(sql.unsafe`UPDATE projection_checkpoints SET epoch = epoch + 10`)
    await reached(projector, say(log, recorded(space, posted('m1', 'one', 1))))
    assert.is(projector.state().epoch, epoch + 11n)
    assert.equal((await rows(session, 'presence_audit_log')).length, 1)
    await projector.stop()
  }))

test('given that its connection is lost in the middle of a batch, then the batch is applied once', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog(50)
    let cuts = 0
    const projector = runProjector({
      log,
      databaseUrl,
      beforeCommit: async () => {
        if (cuts >= 3) return
        cuts += 1
        await session.run(sql.unsafe`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'presence projector' AND datname = current_database()`)
      },
    })
    for (let i = 0; i < 500; i += 1) say(log, recorded(space, posted(`m${i}`, `message ${i}`, i)))
    await reached(projector, log.events.at(-1)!.position)
    assert.is(cuts, 3)
    assert.equal((await rows(session, 'chat_messages')).length, 500)
    assert.equal((await rows(session, 'presence_audit_log')).length, 500)
    await projector.stop()
  }))

test('given an event that does not decode, then it and its stream are parked, and other streams go on', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const alarms: string[] = []
    const projector = runProjector({ log, databaseUrl, onParked: ({ event }) => alarms.push(event.type) })
    const strange = recorded(space, posted('m2', 'two', 2))
    say(log, recorded(space, posted('m1', 'one', 1)), {
      ...strange,
      event: { ...strange.event, data: { messageId: 'm2' } },
    })
    await reached(projector, say(log, recorded(space, posted('m3', 'three', 3))))
    await reached(
      projector,
      say(log, recorded(other, posted('n1', 'elsewhere', 4)), recorded(space, posted('m4', 'four', 5))),
    )
    assert.equal((await rows(session, 'chat_messages')).map(({ message_id }) => message_id).sort(), [
      'm1',
      'n1',
    ])
    assert.equal(alarms, ['MessagePosted', 'MessagePosted', 'MessagePosted'])
    assert.equal(
      (await rows(session, 'parked_events')).map(({ revision }) => revision),
      [1, 2, 3],
    )
    // All of it is in the audit log.
    assert.equal((await rows(session, 'presence_audit_log')).length, 5)
    await projector.stop()

    // It stays so when another projector starts.
    const again = runProjector({ log, databaseUrl })
    await reached(again, say(log, recorded(space, posted('m5', 'five', 6))))
    assert.equal(
      (await rows(session, 'parked_events')).map(({ revision }) => revision),
      [1, 2, 3, 4],
    )
    await again.stop()
  }))

test('given an event that decodes and that Postgres refuses, then only its stream is parked', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    for (let i = 0; i < 20; i += 1) say(log, recorded(other, posted(`n${i}`, `fine ${i}`, i)))
    say(log, recorded(space, posted('m1', 'fine', 21)), recorded(space, posted('m2', 'a NUL \0 in it', 22)))
    for (let i = 20; i < 40; i += 1) say(log, recorded(other, posted(`n${i}`, `fine ${i}`, i)))
    const end = say(
      log,
      recorded(space, posted('m3', 'after it', 50)),
      recorded(space, joined('s1', alice, 51)),
    )
    const projector = runProjector({ log, databaseUrl })
    await reached(projector, end)
    assert.equal((await rows(session, 'chat_messages')).length, 41)
    assert.equal((await rows(session, 'parked_events')).length, 2)
    assert.equal((await rows(session, 'presence_sessions')).length, 1)
    assert.equal((await rows(session, 'presence_audit_log')).length, 44)
    await projector.stop()
  }))

test('given one message id in two spaces, then each has its message, and changes go to their own', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const projector = runProjector({ log, databaseUrl })
    const changed = { messageId: 'm1', subspace: 'main', by: alice, at: at(9) }
    say(log, recorded(space, posted('m1', 'here', 1)), recorded(other, posted('m1', 'there', 2)))
    // In the same batch as the posts, and in a later one.
    const first = say(
      log,
      recorded(other, { type: 'MessageEdited', data: { ...changed, content: 'over there' } }),
    )
    await reached(projector, first)
    const end = say(log, recorded(space, { type: 'MessageDeleted', data: changed }))
    await reached(projector, end)
    const said = (await rows(session, 'chat_messages')).map((row) => [
      row.space_id,
      row.content,
      row.is_deleted,
    ])
    assert.equal(said.sort(), [
      ['123', 'over there', false],
      ['alice/my-post', '', true],
    ])
    await projector.stop()
  }))

test('given a projector that was stopped, when another starts, then the hash chain continues, and the kicked session is still recognised', () =>
  withDatabase(async (databaseUrl, session) => {
    const log = memoryLog()
    const first = runProjector({ log, databaseUrl })
    await reached(first, say(log, recorded(space, joined('s1', bob, 1), bob)))
    await first.stop()
    const second = runProjector({ log, databaseUrl })
    await reached(
      second,
      say(
        log,
        recorded(
          space,
          {
            type: 'SessionLeft',
            data: { sessionId: 's1', reason: 'node-lost', by: system, note: null, until: null, at: at(5) },
          },
          system,
        ),
      ),
    )
    const audit = await rows(session, 'presence_audit_log')
    assert.equal([audit[1]!.target, audit[1]!.prev_hash], ['bob', audit[0]!.hash])
    assert.equal(await rows(session, 'presence_sessions'), [])
    await second.stop()
  }))

test.run()
