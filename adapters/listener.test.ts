// test: waits
/** What holds if notifications do not arrive: behind a pooler in transaction mode, and after the pooler was set right. */
import { randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startPooler } from '../infra/testing/pooler.ts'
import { testDatabase } from '../infra/testing/postgres.ts'
import { until } from '../infra/testing/until.ts'
import { createAuthStore } from './auth/store.ts'
import { createContent } from './content/content.ts'
import { deafSentence, listen } from './listener.ts'
import { connectVault } from './privacy/connect.ts'

const test = suite('hearing what Postgres notifies of')
const database = await testDatabase()
const pooler = await startPooler(database.url)
const pool = new pg.Pool({ connectionString: database.url, max: 2 })
const through = new pg.Pool({ connectionString: pooler.url, max: 2 })
for (const one of [pool, through]) one.on('error', () => {})
const stops: Array<() => Promise<void>> = []
const listening = (url: string, timings = { proveMs: 50, hearMs: 100, fetchMs: 50 }) => {
  const notices: string[] = []
  const seen = { notices, fetched: 0 }
  const listener = listen({
    url,
    channels: ['news'],
    pool: through,
    onNotice: (_, payload) => void notices.push(payload),
    onListening: async () => {
      seen.fetched += 1
    },
    retryMs: 20,
    timings,
  })
  stops.push(listener.stop)
  return { listener, seen }
}

test.after(async () => {
  for (const stop of stops) await stop()
  await Promise.all([pool.end(), through.end()])
  await pooler.close()
  await database.drop()
})

test('given a direct connection to Postgres, then notices arrive, what was missed is fetched once, and nothing is reported', async () => {
  const { listener, seen } = listening(database.url)
  await listener.ready
  assert.equal([listener.connected(), listener.deaf(), seen.fetched], [true, false, 1])
  await pool.query(`SELECT pg_notify('news', 'one')`)
  await until('it is heard', () => seen.notices.length === 1)
  assert.is(deafSentence({ news: listener }), null)
  await listener.stop()
})

test('given a pooler in transaction mode, then it is noticed that no notices arrive, everything is polled, and that is reported; once notices arrive, polling stops', async () => {
  const { listener, seen } = listening(pooler.url)
  await listener.ready
  assert.equal([listener.connected(), listener.deaf()], [false, true])
  const before = seen.fetched
  await until('it is fetched again', () => seen.fetched > before + 2)
  assert.match(deafSentence({ news: listener })!, 'pooler in session mode')
  pooler.passOn(true)
  await until('it hears', () => listener.connected())
  assert.equal([listener.deaf(), deafSentence({ news: listener })], [false, null])
  pooler.passOn(false)
  await until('it is found out that it hears no more', () => listener.deaf())
  assert.not(listener.connected())
  await listener.stop()
})

test('given a session that is ended elsewhere while no notices arrive, then it is over here within about a second, and at once for whoever asks', async () => {
  const [here, elsewhere] = await Promise.all(
    [pooler.url, database.url].map((url) => createAuthStore({ url })),
  )
  stops.push(here!.stop, elsewhere!.stop)
  const told: string[] = []
  here!.onRevoked((sid) => void told.push(sid))
  await elsewhere!.revoke('sid-1', Date.now() + 60_000)()
  assert.equal(await here!.isRevoked('sid-1')(), E.right(true))
  await until('its sockets are told', () => told.includes('sid-1'))
  assert.ok(here!.hearing.deaf())
  assert.ok(elsewhere!.hearing.connected())
})

test('given a document that becomes private while no notices arrive, then whoever asks is told so, and people inside are checked again', async () => {
  const facts = { url: pooler.url, systemAdmins: [], clock: { now: Date.now } }
  await pool.query(
    `INSERT INTO collaboration_documents (id, title, creator, is_public) VALUES ('d-1', 'Notes', 'alice', true)`,
  )
  const content = await createContent(facts)
  stops.push(content.stop)
  let looks = 0
  content.onChange?.(() => {
    looks += 1
  })
  const visibility = async () => {
    const found = await content.factsFor({ type: 'document', id: 'd-1' } as never, null)()
    return E.isRight(found) && found.right.exists ? found.right.visibility : null
  }
  assert.is(await visibility(), 'public')
  await pool.query(`UPDATE collaboration_documents SET is_public = false WHERE id = 'd-1'`)
  assert.is(await visibility(), 'private')
  const before = looks
  await until('those inside are looked at again', () => looks > before)
  assert.ok(content.hearing.deaf())
})

test('given a key that is destroyed elsewhere while no notices arrive, then it is not kept here', async () => {
  const vault = connectVault({ databaseUrl: pooler.url, masterKey: randomBytes(32).toString('hex') })
  stops.push(vault.close)
  await vault.ready
  await vault.sealing(['account:alice'])
  await pool.query(
    `UPDATE privacy_keys SET wrapped = NULL, erased_by = 'request', erased_at = now() WHERE subject = 'account:alice'`,
  )
  await until(
    'it is gone',
    () => vault.openingNow?.({ subject: 'account:alice', generation: 1 }) === undefined,
  )
  assert.is(vault.sealingNow?.('account:alice'), undefined)
  assert.ok(vault.hearing.deaf())
})

test.run()
