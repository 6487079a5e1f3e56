/** If no primary is followed, any post of Hive can be a room at once. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../domain/identity.ts'
import { startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createHive } from '../hive/hive.ts'
import { createContent } from './content.ts'

const test = suite('Hive’s posts')
const database = await testDatabase()
const node = await startHiveStandIn()
let now = Date.now()
const clock = { now: () => now }
const hiveWithin = (timeoutMs: number) =>
  createHive({ nodes: [node.url], clock, allowStandIn: true, timeoutMs })
// Longer than any stall of a busy machine: only a node that is silent on purpose is given up soon.
const [hive, impatient] = [hiveWithin(30_000), hiveWithin(300)]
const make = (hivePosts: boolean, of = hive) =>
  createContent({ url: database.url, systemAdmins: [], clock, hive: of, hivePosts })
const [content, without, hurried] = await Promise.all([make(true), make(false), make(true, impatient)])
const db = new pg.Client({ connectionString: database.url })
await db.connect()
const account = (id: string): Caller => ({ kind: 'account', id })
const ask = (id: string, by: Caller | null = null, of = content) => of.factsFor({ type: 'post', id }, by)()
const facts = async (id: string, by: Caller | null = null, of = content) => {
  const answer = await ask(id, by, of)
  assert.ok(E.isRight(answer), JSON.stringify(answer))
  return answer.right
}

test('given a post that Hive has and no table, then it is a public room and its author owns it', async () => {
  node.setPost('gina/on-the-chain', { title: 'On the chain' })
  assert.equal(await facts('gina/on-the-chain', account('gina')), {
    exists: true,
    title: 'On the chain',
    owner: 'gina',
    visibility: 'public',
    role: 'owner',
  })
  assert.is((await facts('gina/on-the-chain', account('bob'))).role, null)
  assert.is((await facts('gina/not-on-the-chain')).exists, false)
  assert.is(
    (await facts('gina/on-the-chain', null, without)).exists,
    false,
    'where a primary is followed, it says what there is',
  )
})

test('given a post that its community muted, then it is accessible only to its author', async () => {
  node.setPost('gina/muted', { stats: { gray: true } })
  assert.is((await facts('gina/muted', account('bob'))).visibility, 'private')
  assert.is((await facts('gina/muted', account('gina'))).role, 'owner')
})

test('given Hive, which announces nothing, then listeners hear of every space again and again', async () => {
  const options = { url: database.url, systemAdmins: [], clock, hive, cacheMs: 10 }
  const often = await createContent({ ...options, hivePosts: true })
  let heard = 0
  await new Promise<void>((resolve) => {
    often.onChange?.((space) => {
      heard += space === null ? 1 : 0
      if (heard === 3) resolve()
    })
  })
  await often.stop()
})

test('given a post that is in the table, then the table counts and no node is asked', async () => {
  node.setPost('gina/both', {})
  await db.query("INSERT INTO posts (author, permlink, hidden) VALUES ('gina', 'both', true)")
  const before = node.asked()
  assert.is((await facts('gina/both')).visibility, 'private')
  assert.is(node.asked(), before)
})

test('given no node that answers, then what is known counts, and other posts are reported as unavailable', async () => {
  now += 3_600_000
  node.set('gina/on-the-chain', 'silent')
  node.set('gina/unknown', 'broken')
  assert.is((await facts('gina/on-the-chain', null, hurried)).title, 'On the chain')
  const silent = await ask('gina/unknown')
  assert.ok(E.isLeft(silent) && silent.left._tag === 'ContentUnavailable' && silent.left.what === 'hive')
  for (const how of ['malformed', 'error'] as const) {
    now += 60_000
    node.set('gina/unknown', how)
    assert.is((await ask('gina/unknown'))._tag, 'Left')
  }
  node.set('gina/on-the-chain', null)
})

test('given a stranger who makes up names, then Hive is asked 300 times a minute at most', async () => {
  now += 600_000
  const before = node.asked()
  for (let at = 0; at < 500; at += 20)
    await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`gina/made-up-${at + n}`)))
  assert.is(node.asked() - before, 300)
  const { rows } = await db.query('SELECT count(*)::int AS held FROM hive_posts')
  assert.ok(rows[0].held <= 3, 'and names that are none are not held')
})

test.after(async () => {
  await Promise.all([content.stop(), without.stop(), hurried.stop()])
  await db.end()
  await node.close()
  await database.drop()
})
test.run()
