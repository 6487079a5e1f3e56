import { createSecretKey } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createAuthStore } from './store.ts'
import { AGAIN_MS, createTickets, memoryTickets, TICKET_MS, type TicketStore } from './tickets.ts'

const test = suite('tickets')
const database = await testDatabase()
const stores = await Promise.all([
  createAuthStore({ url: database.url }),
  createAuthStore({ url: database.url }),
])
const pool = new pg.Pool({ connectionString: database.url, max: 1 })
// Its connections may be cut with the database before they have ended.
pool.on('error', () => {})

let now = Date.now()
const clock = { now: () => now }
const of = (store: TicketStore, byte = 7) =>
  createTickets({
    key: createSecretKey(Buffer.alloc(32, byte)),
    store,
    clock,
    isRevoked: (sid) => async () => E.right(sid === 'ended'),
  })
const ALICE = { ip: '203.0.113.7', userAgent: 'Quest' }
const JOIN = {
  caller: { kind: 'account', id: 'alice' },
  session: { sid: 's', expiresAt: now + 86_400_000 },
  space: { type: 'post', id: 'alice/my-post' },
  subspace: 'main',
} as const

for (const [name, pair] of [
  ['Postgres', stores.map(({ tickets }) => tickets as TicketStore)],
  ['one process', [memoryTickets()]],
] as const)
  test(`given a ticket (${name}), then it is valid for one connection at a time, for one client, and must first be used within a minute`, async () => {
    const [one, two = one] = pair.map((store) => of(store))
    assert.ok(one && two)
    const text = one.issue(JOIN)
    assert.is(text.includes('alice'), false)
    const uses = await Promise.all([one, two, one, two].map((by, i) => by.redeem(text, ALICE, `boot-${i}`)()))
    assert.is(uses.filter(E.isRight).length, 1)
    const winner = `boot-${uses.findIndex(E.isRight)}`
    const id = one.idOf(text) as string
    const used = async (by = one, client: { ip?: string; userAgent?: string } = ALICE) => {
      const answer = await by.redeem(text, client, 'boot-9')()
      return E.isRight(answer) ? answer.right.caller.id : answer.left._tag
    }
    // If another boot ends it, nothing ends.
    await one.over(id, 'boot-8')()
    assert.is(await used(), 'InvalidProof')
    await two.over(id, winner)()
    assert.is(await used(one, { ...ALICE, ip: '198.51.100.1' }), 'InvalidProof')
    assert.is(await used(one, { ...ALICE, userAgent: 'Curl' }), 'InvalidProof')
    now += TICKET_MS
    assert.is(await used(two), 'alice')
    assert.is(await used(), 'InvalidProof')
    await one.over(id, 'boot-9')()
    now += AGAIN_MS
    assert.is(await used(), 'InvalidProof')
    const late = one.issue(JOIN)
    now += TICKET_MS
    assert.ok(E.isLeft(await one.redeem(late, ALICE, 'boot-1')()))
  })

test('given a process that died with the connection, then the same client may reconnect to another process', async () => {
  const [one, two] = stores.map(({ tickets }) => of(tickets as TicketStore))
  assert.ok(one && two)
  const text = one.issue(JOIN)
  assert.ok(E.isRight(await one.redeem(text, ALICE, 'dead')()))
  await pool.query("INSERT INTO presence_leases (boot, node, renewed_at) VALUES ('dead', 'n', now())")
  assert.ok(E.isLeft(await two.redeem(text, ALICE, 'alive')()))
  await pool.query(
    "UPDATE presence_leases SET renewed_at = now() - interval '30 seconds' WHERE boot = 'dead'",
  )
  assert.ok(E.isRight(await two.redeem(text, ALICE, 'alive')()))
})

test('given a text that is not our ticket, or one with another secret, from an ended session or expired, then it is refused', async () => {
  const mine = of(memoryTickets())
  const good = mine.issue(JOIN)
  for (const wrong of [
    undefined,
    null,
    7,
    '',
    'x',
    [good],
    `${good}A`,
    good.slice(0, -1),
    of(memoryTickets(), 8).issue(JOIN),
    `${good.slice(0, 20)}${good[20] === 'A' ? 'B' : 'A'}${good.slice(21)}`,
  ]) {
    assert.ok(E.isLeft(await mine.redeem(wrong, ALICE, 'b')()))
    assert.is(mine.idOf(wrong), null)
  }
  const ended = mine.issue({ ...JOIN, session: { ...JOIN.session, sid: 'ended' } })
  assert.ok(E.isLeft(await mine.redeem(ended, ALICE, 'b')()))
  const over = await mine.redeem(mine.issue({ ...JOIN, session: { sid: 's', expiresAt: now } }), ALICE, 'b')()
  assert.equal(over, E.left({ _tag: 'TokenExpired' }))
  assert.ok(E.isRight(await mine.redeem(good, ALICE, 'b')()))
})

test.after(async () => {
  await Promise.all(stores.map((store) => store.stop()))
  await pool.end()
  await database.drop()
})
test.run()
