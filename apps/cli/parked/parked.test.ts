/** `presence parked`: which events wait, why, which others they hold back, and another try; and who is notified. */
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createReadModels } from '../../../adapters/postgres/read-models.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { letGoOfParked } from '../../operations/parked/parked.ts'
import { rebuild } from '../../operations/rebuild/rebuild.ts'
import { runProjector } from '../../projector/projector.ts'
import { runCommand } from '../dispatcher.ts'
import { parked } from './command.ts'

const test = suite('presence parked')
const database = await testDatabase()
const session = await connectSession(database.url, 'test')
const pool = await createPostgresPool(database.url, { maxConnections: 2 })
const models = createReadModels(pool)
process.env.DATABASE_URL = database.url
process.env.EVENTSTORE_URL = 'esdb://127.0.0.1:1?tls=false'

const space = { type: 'document', id: '123' } as const
const stream = 'chat-document:123'
const log = memoryLog()
const said: Array<{ fields: Readonly<Record<string, unknown>>; message: string }> = []
const say = (fields: Readonly<Record<string, unknown>>, message: string) =>
  void said.push({ fields, message })
const projector = runProjector({
  log,
  databaseUrl: database.url,
  logger: { info: () => {}, warn: () => {}, error: say },
})
const push = async (id: string, second: number, type = 'MessagePosted', into = space): Promise<void> => {
  const { stream: to, event } = recorded(into, posted(id, `words of ${id}`, second))
  const position = log.push(to, { ...event, type })
  await until('it is seen', () => (projector.state().position ?? -1n) >= position)
}
const call = async (...args: ReadonlyArray<string>) => {
  const out: string[] = []
  const err: string[] = []
  const io = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text) }
  return { code: await runCommand(parked, args, io), out: out.join('\n'), err: err.join('\n') }
}
const messages = async () =>
  (await session.run(sql.unsafe`SELECT message_id FROM chat_messages ORDER BY position`)).map((row) =>
    String(row.message_id),
  )

test.after(async () => {
  await projector.stop()
  await models.close()
  await session.close()
  await pool.end()
  await database.drop()
})

test('given that nothing waits, then list says so', async () => {
  await push('a', 1)
  assert.equal(await call(), { code: 0, out: 'nothing is parked', err: '' })
  for (const verb of ['show', 'retry'])
    assert.equal(await call(verb, stream), { code: 1, out: '', err: `Nothing of ${stream} is parked.` })
})

test('given an event that can’t be read, then its stream waits and others go on, which the log, the metrics and the list report', async () => {
  await push('b', 2, 'MessageShouted')
  await push('c', 3)
  await push('d', 4)
  await push('elsewhere', 5, 'MessagePosted', { type: 'document', id: '124' } as unknown as typeof space)
  assert.equal(await messages(), ['a', 'elsewhere'])
  const [first] = said
  assert.match(first!.message, 'parked with its stream')
  assert.equal([first!.fields.stream, first!.fields.type], [stream, 'MessageShouted'])
  assert.is(projector.state().parkedStreams, 1)
  const waiting = await models.parked()()
  assert.equal(waiting, { _tag: 'Right', right: { streams: 1n, events: 3n } })
  const { code, out } = await call('list')
  assert.is(code, 0)
  assert.match(out, new RegExp(`^${stream}  3 events since .*Z, from \\d+: .*MessageShouted`))
  assert.match(out, /^1 stream$/m)
})

test('given the stream, then show has the events that wait, as they are on the log, in order', async () => {
  const { code, out } = await call('show', stream)
  assert.is(code, 0)
  const events = JSON.parse(out) as ReadonlyArray<{
    type: string
    revision: string
    data: { content: string }
  }>
  assert.equal(
    events.map(({ type, revision, data }) => [type, revision, data.content]),
    [
      ['MessageShouted', '1', 'words of b'],
      ['MessagePosted', '2', 'words of c'],
      ['MessagePosted', '3', 'words of d'],
    ],
  )
})

test('given a retry while nothing has changed, then nothing is applied and it says why; once the event can be read, everything is applied in order, and the stream goes on', async () => {
  const still = await call('retry', stream)
  assert.equal([still.code, still.out], [1, '0 events applied'])
  assert.match(still.err, /^MessageShouted at \d+ still waits: /)
  assert.equal(await messages(), ['a', 'elsewhere'])
  // As if a version ran that knows the type.
  await session.exec(`UPDATE parked_events SET type = 'MessagePosted' WHERE type = 'MessageShouted'`)
  const tried = await call('retry', stream)
  assert.equal([tried.code, tried.out, tried.err], [0, '3 events applied', ''])
  assert.equal(await messages(), ['a', 'b', 'c', 'd', 'elsewhere'])
  assert.is((await call()).out, 'nothing is parked')
  await push('e', 6)
  assert.equal((await messages()).at(-1), 'e')
  assert.is(projector.state().parkedStreams, 0)
  assert.equal(await models.parked()(), { _tag: 'Right', right: { streams: 0n, events: 0n } })
})

test('given another program’s events, when they are given up, then none of them waits, who did so is in the audit log, a rebuild in any batches gives the same, and later events are applied as usual', async () => {
  const alien = { type: 'document', id: '125' } as unknown as typeof space
  const theirs = 'chat-document:125'
  for (const n of [1, 2, 3]) await push(`theirs-${n}`, 10 + n, 'SomebodyElses', alien)
  const left = { type: 'document', id: '126' } as unknown as typeof space
  await push('left', 14, 'SomebodyElses', left)
  const record = { by: 'cli:ops', id: '00000000-0000-4000-8000-000000000125', at: '2026-01-01T00:00:00.000Z' }
  await letGoOfParked(log, { stream: theirs, reason: 'of another program' }, record)
  await until('it is let go of', () => projector.state().position === log.all().at(-1)!.position)
  assert.match((await call()).out, /^chat-document:126 .*\n1 stream$/)
  const [row] = await session.run(
    sql.unsafe`SELECT details FROM presence_audit_log WHERE action = 'ParkedLetGo'`,
  )
  assert.match(JSON.stringify(row), 'of another program')
  await push('ours', 15, 'MessagePosted', alien)
  assert.ok((await messages()).includes('ours'))
  await push('again', 16, 'SomebodyElses', alien)
  assert.match((await call()).out, /2 streams$/)
  const waiting = () =>
    session.run(
      sql.unsafe`SELECT stream, position FROM parked_events WHERE stream IN (${theirs}, 'chat-document:126') ORDER BY position`,
    )
  const before = await waiting()
  assert.equal(
    before.map((one) => one.stream),
    ['chat-document:126', theirs],
  )
  for (const batchSize of [1, 3, 1_000]) {
    await rebuild({ log, databaseUrl: database.url, batchSize })
    assert.equal(await waiting(), before, `batches of ${batchSize}`)
  }
})

test('given a stream of which nothing waits, or no reason, then nothing is given up', async () => {
  assert.is((await call('let-go', 'chat-document:999', '--reason', 'why')).code, 1)
  for (const args of [
    [],
    [stream],
    [stream, '--reason'],
    [stream, '--reason', ' '],
    [stream, '--reason', 'a', 'b'],
  ])
    assert.is((await call('let-go', ...args)).code, 2)
})

test('given words that make no sense, then it says how it is used', async () => {
  for (const args of [['list', 'x'], ['show'], ['retry'], ['retry', 'a', 'b'], ['forget', 'a']]) {
    const { code, err } = await call(...args)
    assert.is(code, 2, args.join(' '))
    assert.match(err, 'presence parked ')
  }
})

test.run()
