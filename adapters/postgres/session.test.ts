import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestDatabase, testDatabase } from '../../infra/testing/postgres.ts'
import { connectSession, type DatabaseSession } from './session.ts'

const test = suite('a session’s COPY')

let database: TestDatabase
let session: DatabaseSession
test.before(async () => {
  database = await testDatabase()
  session = await connectSession(database.url, 'test')
  await session.exec('CREATE TABLE copied (n int PRIMARY KEY, words text)')
})
test.after(async () => {
  await session.close()
  await database.drop()
})

const count = async (): Promise<number> =>
  Number((await session.run(sql.unsafe`SELECT count(*) AS rows FROM copied`))[0]?.rows)
const codeOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work
    return null
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
const lines = (from: number, to: number): string => {
  let data = ''
  for (let n = from; n < to; n += 1) data += `${n}\t${'words '.repeat(20)}\n`
  return data
}

test('given more rows than fit one write, then all are there', async () => {
  await session.copy({ statement: 'COPY copied FROM STDIN', data: lines(0, 20_000) })
  assert.is(await count(), 20_000)
})

test('given a statement that Postgres refuses, then its rows are skipped and the session goes on', async () => {
  assert.is(
    await codeOf(session.copy({ statement: 'COPY no_such FROM STDIN', data: lines(0, 20_000) })),
    '42P01',
  )
  assert.is(await count(), 20_000)
})

test('given a row that Postgres refuses, in a transaction, then nothing of it is there and the session goes on', async () => {
  const twice = session.transaction(async () => {
    await session.copy({ statement: 'COPY copied FROM STDIN', data: lines(20_000, 20_100) })
    await session.copy({ statement: 'COPY copied FROM STDIN', data: lines(0, 5_000) })
  })
  assert.is(await codeOf(twice), '23505')
  const wrong = session.copy({ statement: 'COPY copied FROM STDIN', data: 'not a number\tat all\n' })
  assert.is(await codeOf(wrong), '22P02')
  assert.is(await count(), 20_000)
  await session.copy({ statement: 'COPY copied FROM STDIN', data: lines(20_000, 20_100) })
  assert.is(await count(), 20_100)
})

test('given several copies at once, then all of them are there, or none if Postgres refuses one', async () => {
  const before = await count()
  const rows = (from: number, to: number) => ({ statement: 'COPY copied FROM STDIN', data: lines(from, to) })
  await session.copy(rows(30_000, 30_100), { ...rows(0, 0), data: '' }, rows(30_100, 50_000))
  assert.is(await count(), before + 20_000)
  for (const refused of [
    rows(30_000, 30_001),
    { statement: 'COPY no_such FROM STDIN', data: lines(0, 20_000) },
  ]) {
    const code = await codeOf(session.copy(rows(60_000, 60_100), refused, rows(60_100, 80_000)))
    assert.ok(['23505', '42P01'].includes(String(code)))
    assert.is(await count(), before + 20_000)
  }
})

test.run()
