import { strict as assert } from 'node:assert'
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { LOBBY } from '../../../domain/names.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import { account, join, pathOn } from '../../../infra/testing/command-path.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { type TestDatabase, testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { runProjector } from '../../projector/projector.ts'
import { runCommand } from '../dispatcher.ts'
import { changesIn, endAfter } from './ask.ts'
import { space } from './command.ts'

const MASTER = '5e'.repeat(32)
const spaces = suite<{ store: TestEventStore; database: TestDatabase; before: NodeJS.ProcessEnv }>(
  'presence space',
)
spaces.before(async (context) => {
  ;[context.store, context.database] = await Promise.all([testEventStore(), testDatabase()])
  context.before = { ...process.env }
  Object.assign(process.env, {
    EVENTSTORE_URL: context.store.url,
    DATABASE_URL: context.database.url,
    PRIVACY_MASTER_KEY: MASTER,
    HIVE_NODE: 'http://127.0.0.1:2',
    SUDO_USER: 'olga',
  })
})
spaces.after(async ({ store, database, before }) => {
  process.env = before
  await store.stop()
  await database.drop()
})

const run = async (...args: string[]) => {
  const out: string[] = []
  const err: string[] = []
  const code = await runCommand(space, args, { out: (text) => out.push(text), err: (text) => err.push(text) })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
const withLog = async <A>(
  url: string,
  database: string,
  work: (log: ReturnType<typeof sealedLog<ReturnType<typeof connectEventLog>>>) => Promise<A>,
): Promise<A> => {
  const vault = connectVault({ databaseUrl: database, masterKey: MASTER })
  const log = sealedLog(connectEventLog({ url }), vault)
  try {
    return await work(log)
  } finally {
    await log.close()
    await vault.close()
  }
}
const events = (url: string, database: string): Promise<ReadonlyArray<RecordedEvent>> =>
  withLog(url, database, async (log) => {
    const read = await log.readStream('space-global:lobby', { limit: 100 })()
    return E.isRight(read) ? read.right : []
  })

spaces(
  'given each verb, then it is decided like everybody’s acts, as the system, with the operator’s name',
  async ({ store, database }) => {
    await withLog(store.url, database.url, async (log) => {
      const path = pathOn(log)
      const joined = await path.space({
        id: randomUUID(),
        by: account('bobby'),
        command: join(1),
        space: LOBBY,
      })()
      assert.ok(E.isRight(joined))
      await path.drain()
    })
    assert.equal((await run('mute', 'global:lobby', 'bobby', '--for', '2h', '--reason', 'too loud')).code, 0)
    assert.equal((await run('kick', 'global:lobby', 'bobby')).code, 0)
    assert.match((await run('ban', 'global:lobby', 'bobby', '--json')).out, /"ok":true,"events":1/)
    assert.match((await run('ban', 'global:lobby', 'bobby')).out, /It was so already/)
    assert.equal((await run('unban', 'global:lobby', 'bobby', '--as', 'Pete Smith')).code, 0)
    assert.equal((await run('unmute', 'global:lobby', 'bobby')).code, 0)
    assert.equal((await run('grant', 'global:lobby', 'carol', 'moderate')).code, 0)
    assert.equal((await run('revoke', 'global:lobby', 'carol')).code, 0)
    assert.equal((await run('settings', 'global:lobby', 'max_users=20', 'chat_enabled=false')).code, 0)
    assert.match((await run('settings', 'global:lobby')).out, /^max_users=20$/m)
    const all = await events(store.url, database.url)
    const types = all.map(({ type }) => type)
    assert.deepEqual(types.slice(2), [
      'AccountMuted',
      'SessionLeft',
      'AccountBanned',
      'AccountUnbanned',
      'AccountUnmuted',
      'PermissionGranted',
      'PermissionRevoked',
      'SettingsChanged',
    ])
    const by = all.slice(2).map(({ metadata }) => (metadata as { actor: unknown }).actor)
    assert.deepEqual(by[0], { kind: 'system', id: 'cli:olga' })
    assert.deepEqual(by[3], { kind: 'system', id: 'cli:Pete_Smith' })
    const { data } = all[2]! as { data: { reason: string; until: string } }
    assert.equal(data.reason, 'too loud')
    assert.ok(Date.parse(data.until) - Date.now() > 7_000_000)
  },
)

spaces('then the audit log has the name, too', async ({ store, database }) => {
  const projector = await withLog(store.url, database.url, async (log) => {
    const running = runProjector({ log, databaseUrl: database.url })
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    const rows = async () =>
      (await client.query("SELECT user_agent FROM presence_audit_log WHERE action = 'AccountBanned'")).rows
    await until('the ban is in the tables', async () => (await rows()).length === 1)
    assert.deepEqual(await rows(), [{ user_agent: 'presence cli (olga)' }])
    await client.end()
    await running.stop()
    return running
  })
  assert.ok(projector)
})

const WRONG: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
  [[], 2, /presence space ban SPACE WHO/],
  [['bann', 'global:lobby', 'bob'], 2, /Did you mean ban/],
  [['ban', 'lobby', 'bobby'], 2, /A space is type:id/],
  [['ban', 'galaxy:lobby', 'bobby'], 2, /presence space/],
  [['ban', 'global:lobby'], 1, /ban whom/],
  [['ban', 'global:lobby', 'Bob!'], 1, /./],
  [['ban', 'global:lobby', 'bobby', 'now'], 1, /takes no now/],
  [['ban', 'global:lobby', 'bobby', '--until', 'tomorrow'], 1, /ISO 8601/],
  [['ban', 'global:lobby', 'bobby', '--until', '2020-01-01T00:00:00Z'], 1, /not in the future/],
  [['ban', 'global:lobby', 'bobby', '--for', 'ever'], 2, /--for takes/],
  [['unban', 'global:lobby', 'bobby', '--for', '2h'], 2, /has no end/],
  [['kick', 'global:lobby', 'nobody'], 1, /nobody is not there/],
  [['grant', 'global:lobby', 'carol', 'king'], 1, /access, moderate or admin/],
  [['settings', 'global:lobby', 'max_user=3'], 1, /did you mean max_users/],
  [['settings', 'global:lobby', 'max_users=many'], 1, /max_users can’t be many/],
  [['settings', 'global:lobby', 'max_users'], 1, /needs a value/],
  [['ban', 'post:nobody/nothing', 'bobby'], 1, /./],
  [['ban', 'global:lobby', 'bobby', '--colour'], 2, /--colour/],
]
for (const [args, code, says] of WRONG)
  spaces(
    `given “space ${args.join(' ')}”, then it says why not, and changes nothing`,
    async ({ store, database }) => {
      const before = (await events(store.url, database.url)).length
      const done = await run(...args)
      assert.equal(done.code, code, done.err)
      assert.match(done.err, says)
      assert.equal((await events(store.url, database.url)).length, before)
    },
  )

spaces('times and settings are read as they are written', () => {
  assert.equal(endAfter('2h', 0), '1970-01-01T02:00:00.000Z')
  assert.equal(endAfter('-2h', 0), null)
  assert.deepEqual(
    changesIn(['chat_enabled=false', 'settings={"sky":"red"}']),
    E.right({ chat_enabled: false, settings: { sky: 'red' } }),
  )
})

spaces.run()
