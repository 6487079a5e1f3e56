/** Retention: refusals, looks and snapshots are kept for their own numbers of days, and on request the tables drop what
 *  is archived, without anything that a rebuild or `audit verify` would report as a difference. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { accessStream } from '../../../domain/names.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { verifierOf } from '../../../projections/proof/note.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { verifyLog } from '../verify/verify.ts'
import { type ArchiveOptions, archiveLog } from './archive.ts'
import { stepsOf } from './tables.ts'
import { BEGIN, HOUR, openRooms, type Rooms, roomOf } from './testing/rooms.ts'

const test = suite<{ rooms: Rooms; session: DatabaseSession; leave: () => Promise<void> }>('retention')
const hour = (n: number): Date => new Date(BEGIN + n * HOUR)
/** Four days and four hours after the first visit. */
const NOW = BEGIN + 100 * HOUR
const options = (rooms: Rooms, before: Date, more: Partial<ArchiveOptions> = {}): ArchiveOptions => ({
  ...{ plain: rooms.plain, archived: rooms.archived, opened: rooms.opened, signer: rooms.signer },
  ...{ databaseUrl: rooms.database.url, dir: rooms.dir, before, now: () => NOW, ...more },
})

const look = async (rooms: Rooms, at: Date): Promise<void> => {
  const id = randomUUID()
  const iso = at.toISOString()
  const data = { call: 'audit', filters: {}, rows: 1, at: iso }
  const metadata = {
    ...{ $correlationId: id, $causationId: id, command: { id, type: 'ReadAudit' }, at: iso, schema: 1 },
    ...{ actor: { kind: 'account', id: 'auditor' }, node: 'test' },
  }
  const stream = accessStream(roomOf(0))
  assert.ok(E.isRight(await rooms.plain.append(stream, 'any', [{ id, type: 'AuditRead', data, metadata }])()))
}

/** The events of an hour: a visit in one of the rooms, a refusal and a look. */
const live = async (rooms: Rooms, n: number): Promise<void> => {
  await rooms.people.visit(n)
  await rooms.people.refused(0)
  await look(rooms, new Date(rooms.people.clock.now()))
  rooms.people.clock.advance(HOUR)
}

const left = async (rooms: Rooms, stream: string): Promise<ReadonlyArray<RecordedEvent>> => {
  const page = await rooms.plain.readStream(stream, { limit: 1_000 })()
  assert.ok(E.isRight(page))
  return page.right
}
/** How many hours after the beginning the second remaining event happened, by its own data; the first is the last that was archived. */
const firstHour = async (rooms: Rooms, stream: string): Promise<number> => {
  const at = (await left(rooms, stream))[1]?.metadata as { readonly at: string }
  return Math.floor((Date.parse(at.at) - BEGIN) / HOUR)
}
const rowsOf = async (session: DatabaseSession, table: string, where: string): Promise<number> =>
  Number(
    (await session.run({ ...sql.unsafe``, sql: `SELECT count(*) AS n FROM ${table} WHERE ${where}` }))[0]?.n,
  )

const holds = async (rooms: Rooms): Promise<void> => {
  await rooms.settled()
  const { opened: log, database } = rooms
  const done = await verifyLog({ log, databaseUrl: database.url, verifiers: [verifierOf(rooms.signer)] })
  assert.equal([done.failures, done.keys, done.kept.faults], [[], [], []])
  assert.is(done.compared?.found, 0, JSON.stringify(done.compared?.differences.slice(0, 3)))
}

test.before(async (context) => {
  context.rooms = await openRooms(2)
  context.session = await connectSession(context.rooms.database.url, 'retention test')
  context.leave = await context.rooms.people.enter(0)
  for (let n = 0; n < 100; n += 1) await live(context.rooms, n)
  await context.rooms.settled()
  await context.rooms.checkpoint()
})
test.after(async ({ rooms, session }) => {
  await session.close()
  await rooms.close()
})

test('given days for refusals, looks and snapshots, when the log is archived, then each is kept for its own time, shorter or longer than the rooms', async ({
  rooms,
}) => {
  const snapshot = { id: randomUUID(), type: 'Snapshot', data: {}, metadata: {} }
  await rooms.plain.append('snapshot-space-document:room-0', 'any', [snapshot])()
  const days = { refusalDays: 1, lookDays: 3, snapshotDays: 7 }
  const done = await archiveLog(options(rooms, hour(50), days))
  assert.equal(done.report.left, [])
  assert.is(await firstHour(rooms, 'chat-document:room-0'), 50)
  assert.is(await firstHour(rooms, 'refusal-document:room-0'), 76)
  assert.is(await firstHour(rooms, accessStream(roomOf(0))), 28)
  const [metadata] = await left(rooms, '$$snapshot-space-document:room-0')
  assert.is((metadata!.data as { $maxAge?: number }).$maxAge, 7 * 86_400)
  await holds(rooms)
})

test('given a second archive with other days, when refusals that were archived before stay, then none is archived twice or lost', async ({
  rooms,
}) => {
  const done = await archiveLog(options(rooms, hour(60), { refusalDays: 2, lookDays: 3 }))
  assert.is(done.made?.number, 2)
  assert.is(await firstHour(rooms, 'chat-document:room-0'), 60)
  assert.is(await firstHour(rooms, 'refusal-document:room-0'), 76)
  await holds(rooms)
})

test('given the tables, when the log is only archived, then no row is gone from them', async ({
  rooms,
  session,
}) => {
  await rooms.settled()
  assert.ok((await rowsOf(session, 'presence_audit_log', `created_at < '${hour(10).toISOString()}'`)) > 0)
  assert.ok((await rowsOf(session, 'chat_messages', `created_at < '${hour(10).toISOString()}'`)) > 0)
})

test('given many rows, when they are deleted, then that is done in steps of a limited size, the last up to the end', async ({
  session,
}) => {
  const iso = hour(60).toISOString()
  const steps = await stepsOf(session, { before: iso, refusals: hour(5).toISOString(), looks: iso }, 30)
  assert.ok(steps.length > 8)
  assert.equal(steps.at(-1), { before: iso, refusals: hour(5).toISOString(), looks: iso })
  for (const [i, { before }] of steps.entries()) assert.ok(i === 0 || before > steps[i - 1]!.before)
  assert.ok(steps.every(({ refusals }) => refusals <= hour(5).toISOString()))
})

test('given an archive that also cuts the tables, then what is in it is in no table, who is still there is known, and everything is as a rebuild makes it', async ({
  rooms,
  session,
  leave,
}) => {
  const done = await archiveLog(options(rooms, hour(70), { cutTables: true, lookDays: 3 }))
  assert.equal(done.report.left, [])
  await rooms.settled()
  const before = (n: number): string => `created_at < '${hour(n).toISOString()}'`
  const audited = (stream: string, n: number) =>
    rowsOf(session, 'presence_audit_log', `starts_with(stream, '${stream}') AND ${before(n)}`)
  assert.is(await audited('chat-', 70), 0)
  assert.is(await audited('space-', 70), 1, 'who came first and has not left')
  assert.is(await audited('refusal-', 70), 0)
  assert.is(await audited('access-', 28), 0)
  assert.ok((await audited('access-', 70)) > 0)
  assert.is(await rowsOf(session, 'chat_messages', before(70)), 0)
  assert.ok((await rowsOf(session, 'chat_messages', 'true')) >= 60)
  assert.is(await rowsOf(session, 'proof_leaves', 'true'), await rowsOf(session, 'proof_leaves', 'leaf >= 0'))
  await holds(rooms)
  await leave()
  await rooms.people.startAgain()
  for (let n = 0; n < 4; n += 1) await live(rooms, n)
  assert.equal(rooms.people.failures, [])
  await holds(rooms)
  const made = await rebuild({
    log: rooms.opened,
    databaseUrl: rooms.database.url,
    compare: true,
    swap: true,
    batchSize: 7,
  })
  assert.equal(made.differences, [])
  assert.is(await audited('chat-', 70), 0)
})

test('given tables that were cut, when one projection is rebuilt alone, then it is cut in the same way', async ({
  rooms,
}) => {
  for (const only of ['audit', 'chat', 'sessions']) {
    const made = await rebuild({
      log: rooms.opened,
      databaseUrl: rooms.database.url,
      compare: true,
      swap: false,
      only,
    })
    assert.equal(made.differences, [], only)
  }
})

test('given tables that were cut, when more is archived, then that continues from there, and an earlier bundle is made with the archives', async ({
  rooms,
}) => {
  const { exportBundleTo } = await import('../export/bundle.ts')
  const done = await archiveLog(options(rooms, hour(80), { cutTables: true }))
  assert.is(done.made?.number, 4)
  const { events } = await exportBundleTo({
    ...{ log: rooms.archived, databaseUrl: rooms.database.url, signer: rooms.signer, space: roomOf(1) },
    ...{ from: hour(20), to: hour(90), write: async () => {} },
  })
  assert.ok(events >= 4 * 34)
  await holds(rooms)
})

test.run()
