/** A projector whose connection moves to another backend while it leads, as behind a pooler that changes its mode: the
 *  lock stays with the first backend, so nothing may be written over the second. */
import { randomUUID } from 'node:crypto'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { NoOwnSession } from '../../adapters/postgres/own-session.ts'
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { readable } from '../operations/tables/apply.ts'
import { commit, takeTheLead } from './leading.ts'
import { silent } from './logger.ts'

type Context = { first: DatabaseSession; second: DatabaseSession; drop: () => Promise<void> }
const test = suite<Context>('a lead over another backend')

test.before(async (context) => {
  const database = await testDatabase()
  context.first = await connectSession(database.url, 'test', { isOwn: true })
  context.second = await connectSession(database.url, 'test', { isOwn: true })
  context.drop = database.drop
})
test.after(async ({ first, second, drop }) => {
  await Promise.all([first.close(), second.close()])
  await drop()
})

const log = memoryLog()
const space = { type: 'global', id: 'lobby' } as const
const next = () => {
  const { stream, event } = recorded(space, posted(randomUUID(), 'words', 1))
  const to = log.push(stream, event)
  return { events: [readable(log.events.at(-1)!)], to }
}
const isWritten = async (session: DatabaseSession) => {
  const [row] = await session.run(sql.unsafe`SELECT (SELECT count(*) FROM chat_messages) AS messages,
    (SELECT count(*) FROM presence_audit_log) AS rows, (SELECT max(position) FROM projection_checkpoints) AS position`)
  return [Number(row!.messages), Number(row!.rows), row!.position]
}
const careful = { careful: false, beforeCommit: undefined }

test('given a leader, when its connection leads to another backend, then that batch is not written, nor any after it until the connection is back', async ({
  first,
  second,
}) => {
  const leading = await takeTheLead(first, log, silent)
  const one = next()
  await commit(first, leading, one, careful)
  assert.equal(await isWritten(second), [1, 1, one.to])

  // As far as the projector knows, this is the same session.
  const led: DatabaseSession = { ...second, backend: first.backend }
  const two = next()
  for (const batch of [two, { events: [], to: two.to + 1n }])
    try {
      await commit(led, leading, batch, careful)
      assert.unreachable('it was written without the lock')
    } catch (error) {
      assert.instance(error, NoOwnSession)
    }
  assert.equal(await isWritten(second), [1, 1, one.to])
  assert.is(leading.position, one.to)

  await commit(first, leading, two, careful)
  assert.equal(await isWritten(second), [2, 2, two.to])
})

test.run()
