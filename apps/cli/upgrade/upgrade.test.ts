import { strict as assert } from 'node:assert'
import pg from 'pg'
import { suite } from 'uvu'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { type TestDatabase, testDatabase } from '../../../infra/testing/postgres.ts'
import { logFormat } from '../../operations/instance/log-backup.ts'
import { runCommand } from '../dispatcher.ts'
import { toldOf, upgrade } from './command.ts'

const upgrades = suite<{ store: TestEventStore; database: TestDatabase; before: NodeJS.ProcessEnv }>(
  'presence upgrade --check',
)
upgrades.before(async (context) => {
  ;[context.store, context.database] = await Promise.all([testEventStore(), testDatabase()])
  context.before = { ...process.env }
  Object.assign(process.env, { EVENTSTORE_URL: context.store.url, DATABASE_URL: context.database.url })
})
upgrades.after(async ({ store, database, before }) => {
  process.env = before
  await store.stop()
  await database.drop()
})
const run = async (...args: string[]) => {
  const out: string[] = []
  const code = await runCommand(upgrade, args, {
    out: (text) => out.push(text),
    err: (text) => out.push(text),
  })
  return { code, out: out.join('\n') }
}
const sql = async (url: string, text: string) => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(text)
  await client.end()
}

upgrades('given tables of this version, then nothing has to change', async () => {
  const { code, out } = await run('--check')
  assert.equal(code, 0)
  assert.match(out, /Tables: nothing to change/)
})
upgrades(
  'given tables of an older version, then it lists what would run, and nothing runs',
  async ({ database }) => {
    await sql(database.url, "DELETE FROM schema_migrations WHERE name LIKE '09%'")
    for (let twice = 0; twice < 2; twice += 1) {
      const { code, out } = await run('--check', '--json')
      const told = JSON.parse(out) as { ok: boolean; migrations: { fresh: string[] } }
      assert.deepEqual([code, told.ok, told.migrations.fresh[0]], [0, true, '0900_leases.sql'])
    }
  },
)
upgrades(
  'given migrations that are to run, then it says that the version before does not start with them',
  async () => {
    const told = toldOf({ migrations: { fresh: ['9998_next.sql'], trouble: null }, log: null }).join('\n')
    assert.match(told, /1 migration at its start: 9998_next.sql/)
    assert.match(told, /can’t be undone.*does not start with such tables.*restore/)
  },
)
upgrades('given tables of a newer version, then it refuses', async ({ database }) => {
  await sql(database.url, "INSERT INTO schema_migrations VALUES ('9999_newer.sql', 'x')")
  const { code, out } = await run('--check')
  assert.equal(code, 1)
  assert.match(out, /made by a newer version: it has 9999_newer.sql/)
})
upgrades(
  'given a log of an older form, then it says what can’t be undone; of this one, that it stays',
  ({ store }) => {
    const format = logFormat(store.dataDir)
    assert.equal(format.is, format.becomes)
    const migrations = { fresh: [], trouble: null }
    const told = (log: typeof format) => toldOf({ migrations, log }).join('\n')
    assert.match(told(format), /which stays/)
    assert.match(told({ ...format, is: format.is - 1 }), /can’t be undone. Run presence log backup/)
    assert.match(told({ ...format, is: format.is + 1 }), /run the newer version/)
  },
)
upgrades('given no --check, or an unknown flag, then that is reported', async () => {
  assert.equal((await run()).code, 2)
  assert.equal((await run('--now')).code, 2)
})
upgrades.run()
