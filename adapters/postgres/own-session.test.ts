// needs: pgbouncer
/** A lock that stays held although the process that took it has lost it: behind a real PgBouncer. */
import { randomBytes, randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { runProjector } from '../../apps/projector/projector.ts'
import { LOBBY, streamName } from '../../domain/names.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testPgBouncer } from '../../infra/testing/pgbouncer.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { startProjectorProcess } from '../../infra/testing/server.ts'
import { until } from '../../infra/testing/until.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { createAuthStore } from '../auth/store.ts'
import { connectVault } from '../privacy/connect.ts'
import { migrate } from './migrate.ts'
import { NoOwnSession } from './own-session.ts'
import { connectSession } from './session.ts'

const test = suite('a session of one’s own')
const database = await testDatabase()
const pooled = await testPgBouncer(database.url)
const kept = await testPgBouncer(database.url, 'session')
const direct = new pg.Pool({ connectionString: database.url, max: 2 })
direct.on('error', () => {})
const log = memoryLog()

test.after(async () => {
  await direct.end()
  await Promise.all([pooled.stop(), kept.stop()])
  await database.drop()
})

const refuses = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    assert.instance(error, NoOwnSession)
    assert.match((error as Error).message, 'session mode')
    return
  }
  assert.unreachable('it was taken for a session of its own')
}
const locksHeld = async (): Promise<number> => {
  const { rows } = await direct.query(
    `SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND classid = 7462
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  return rows[0].held
}

test('given Postgres itself, or a pooler in session mode, then each connection has a session of its own, however many are open', async () => {
  for (const url of [database.url, kept.url]) {
    const sessions = await Promise.all([1, 2].map(() => connectSession(url, 'test', { isOwn: true })))
    assert.is.not(sessions[0]!.backend, sessions[1]!.backend)
    for (const session of sessions) await session.close()
  }
})

test('given a pooler in transaction mode, idle or busy, then no connection has a session of its own', async () => {
  await refuses(() => connectSession(pooled.url, 'test', { isOwn: true }))
  const busy = new pg.Pool({ connectionString: pooled.url, max: 3 })
  busy.on('error', () => {})
  let going = true
  const load = Array.from({ length: 3 }, async () => {
    while (going) await busy.query('SELECT pg_sleep(0.001)')
  })
  try {
    for (let i = 0; i < 10; i += 1) await refuses(() => connectSession(pooled.url, 'test', { isOwn: true }))
  } finally {
    going = false
    await Promise.all(load)
    await busy.end()
  }
})

test('given a projector behind the pooler, then it neither leads nor takes the lock, and says why; one with a direct connection leads', async () => {
  const warned: string[] = []
  const options = {
    log,
    logger: { info: () => {}, warn: (f: object) => void warned.push(JSON.stringify(f)), error: () => {} },
  }
  const behind = [1, 2].map(() => runProjector({ ...options, databaseUrl: pooled.url }))
  const own = runProjector({ log, databaseUrl: database.url })
  try {
    await until(
      'all have said what they are',
      () => own.state().role === 'leading' && behind.every((one) => one.state().lastError !== null),
    )
    for (const one of behind) {
      assert.match(one.state().lastError!, 'pooler in transaction mode')
      assert.is(one.state().role, 'waiting')
    }
    assert.is(await locksHeld(), 1)
    const appended = await log.append(streamName('chat', LOBBY), 'any', [
      recorded(LOBBY, posted(randomUUID(), 'words', 0)).event,
    ])()
    assert.is(appended._tag, 'Right')
    await until('its tables follow', () => own.state().events === 1)
  } finally {
    await Promise.all([...behind, own].map((one) => one.stop()))
  }
  assert.is(await locksHeld(), 0)
})

test('given the pooler, when migrations, a rebuild or the projector’s process start behind it, then each says so, and leaves no lock behind', async () => {
  await refuses(() => migrate(pooled.url))
  await refuses(() => rebuild({ log, databaseUrl: pooled.url }))
  const started = startProjectorProcess({
    DATABASE_URL: pooled.url,
    EVENTSTORE_URL: 'esdb://127.0.0.1:1?tls=false',
    HIVE_NODE: 'http://127.0.0.1:1',
  })
  const why = await started.then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(why, 'ended with 1')
  assert.match(why, 'pooler in transaction mode')
  assert.is(await locksHeld(), 0)
})

test('given two servers behind the pooler, when proofs are used and a session is ended, then each proof is used once, and the session is over on both', async () => {
  const stores = await Promise.all([1, 2].map(() => createAuthStore({ url: pooled.url })))
  try {
    const until = Date.now() + 60_000
    const claims = await Promise.all(
      Array.from({ length: 40 }, (_, n) => stores[n % 2]!.claim(`proof-${n >> 1}`, until)()),
    )
    assert.is(claims.filter((claim) => E.isRight(claim) && claim.right).length, 20)
    assert.ok(claims.every(E.isRight))
    assert.ok(E.isRight(await stores[0]!.revoke('sid-1', until)()))
    for (const store of stores) assert.equal(await store.isRevoked('sid-1')(), E.right(true))
    const asked = await Promise.all(
      Array.from({ length: 40 }, (_, n) => stores[n % 2]!.isRevoked(`other-${n}`)()),
    )
    assert.ok(asked.every((one) => E.isRight(one) && !one.right))
  } finally {
    await Promise.all(stores.map((store) => store.stop()))
  }
})

test('given a key that is destroyed elsewhere, with a real pooler in between, then it is not kept here', async () => {
  const vault = connectVault({ databaseUrl: pooled.url, masterKey: randomBytes(32).toString('hex') })
  try {
    await vault.ready
    await vault.sealing(['account:alice'])
    await direct.query(
      `UPDATE privacy_keys SET wrapped = NULL, erased_by = 'request', erased_at = now() WHERE subject = 'account:alice'`,
    )
    await until(
      'it is gone',
      () => vault.openingNow?.({ subject: 'account:alice', generation: 1 }) === undefined,
    )
    assert.is(vault.sealingNow?.('account:alice'), undefined)
    assert.ok(vault.hearing.deaf())
  } finally {
    await vault.close()
  }
})

test.run()
