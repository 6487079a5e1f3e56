import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { migrate, readMigrations } from '../../adapters/postgres/migrate.ts'
import { testDatabase } from './postgres.ts'

const test = suite('test databases and migrations')

const asking = async (url: string, text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('each database is fresh and migrated, and dropping one leaves the other', async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()])
  await asking(one.url, `INSERT INTO posts (author, permlink) VALUES ('alice', 'first')`)
  assert.equal(await asking(two.url, 'SELECT author FROM posts'), [])
  await one.drop()
  assert.is((await asking(two.url, 'SELECT name FROM schema_migrations')).length > 1, true)
  await two.drop()
})

test('given a migrated database, when it is migrated again, then nothing is applied', async () => {
  const database = await testDatabase()
  assert.equal(await Promise.all([migrate(database.url), migrate(database.url)]), [[], []])
  await database.drop()
})

test('given an applied file that was changed, when migrating, then it says which', async () => {
  const database = await testDatabase()
  const changed = (await readMigrations()).map((one) => ({ ...one, hash: `${one.hash.slice(1)}0` }))
  try {
    await migrate(database.url, changed)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), '0002_content.sql was changed after it was applied')
  }
  await database.drop()
})

test('given data of a newer version, when migrating, then it says so', async () => {
  const database = await testDatabase()
  await asking(
    database.url,
    `INSERT INTO schema_migrations (name, hash) VALUES ('9999_from_the_future.sql', 'x')`,
  )
  try {
    await migrate(database.url)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), 'made by a newer version')
  }
  await database.drop()
})

test('given a file that fails, when migrating, then nothing of it stays and the next run tries again', async () => {
  const database = await testDatabase()
  const known = await readMigrations()
  const broken = { name: '9000_broken.sql', text: 'CREATE TABLE half (); SELECT nonsense', hash: 'x' }
  try {
    await migrate(database.url, [...known, broken])
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), '9000_broken.sql failed')
  }
  const mended = { ...broken, text: 'CREATE TABLE half ()', hash: 'y' }
  assert.equal(await migrate(database.url, [...known, mended]), ['9000_broken.sql'])
  await database.drop()
})

test.run()
