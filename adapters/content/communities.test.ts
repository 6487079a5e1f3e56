/** Communities come from Hive: who moderates them, whether one exists at all, and what holds while no node answers. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../domain/identity.ts'
import { startHiveStandIn } from '../../infra/hive/stand-in.ts'
import { testHttp } from '../../infra/testing/http.ts'
import { createHive } from '../hive/hive.ts'
import { describeError } from '../refusals.ts'
import { createContent } from './content.ts'

const test = suite('communities')
const http = await testHttp()
const behind = await startHiveStandIn()
const db = new pg.Client({ connectionString: http.databaseUrl })
await db.connect()
let now = Date.now()
const clock = { now: () => now }
const hive = createHive({ nodes: [behind.url, http.hive.url], clock, allowStandIn: true, timeoutMs: 300 })
const content = await createContent({ url: http.databaseUrl, systemAdmins: ['admin-one'], clock, hive })
const account = (id: string): Caller => ({ kind: 'account', id })
const ask = (id: string, by: Caller | null = null) => content.factsFor({ type: 'community', id }, by)()
const facts = async (id: string, by: Caller | null = null) => {
  const answer = await ask(id, by)
  assert.ok(E.isRight(answer), JSON.stringify(answer))
  return answer.right
}
const none = (name: string) => {
  http.hive.setCommunity(name, null)
  behind.setCommunity(name, null)
}

test('given Hive’s team, then the owner, admins and mods have their roles, while members and the muted have none', async () => {
  behind.setCommunity('hive-100001', null)
  http.hive.setCommunity('hive-100001', [
    ['hive-100001', 'owner'],
    ['adam', 'admin'],
    ['mona', 'mod'],
    ['mike', 'member'],
    ['mute', 'muted'],
  ])
  const roles = await Promise.all(
    ['hive-100001', 'adam', 'mona', 'mike', 'mute', 'admin-one', 'constructor'].map(
      async (name) => (await facts('hive-100001', account(name))).role,
    ),
  )
  assert.equal(roles, ['owner', 'admin', 'moderate', null, null, null, null])
  const seen = await facts('hive-100001')
  assert.equal([seen.exists, seen.owner, seen.visibility], [true, 'hive-100001', 'public'])
})

test('given a community without an owner, then the system’s admins own it', async () => {
  http.hive.setCommunity('hive-100002', [['mona', 'mod']])
  behind.setCommunity('hive-100002', [['mona', 'mod']])
  assert.is((await facts('hive-100002', account('admin-one'))).role, 'owner')
  assert.equal((await facts('hive-100002')).owners, ['admin-one'])
})

test('given a name that no node knows, or that no community can have, then there is no such community', async () => {
  none('hive-999999')
  const before = http.hive.asked()
  for (const name of ['hive-999999', 'friends', 'hive-1', 'hive-12345678', 'HIVE-100001'])
    assert.is((await facts(name)).exists, false, name)
  assert.is(http.hive.asked(), before + 1)
})

test('given nodes that do not answer, then what was known counts, and other communities are reported as unavailable', async () => {
  now += 3_600_000
  for (const name of ['hive-100001', 'hive-100005'])
    for (const node of [behind, http.hive]) node.set(name, 'broken')
  assert.is((await facts('hive-100001', account('mona'))).role, 'moderate')
  const unknown = await ask('hive-100005')
  assert.ok(E.isLeft(unknown))
  assert.equal(
    [describeError(unknown.left).status, describeError(unknown.left).code],
    [503, 'hive_unavailable'],
  )
  for (const node of [behind, http.hive]) {
    node.set('hive-100001', null)
    node.set('hive-100005', null)
  }
})

const list = async (query = '') => {
  await http.settled()
  const { body } = await http.app.inject({ url: `/api/spaces?limit=100${query}` })
  return JSON.parse(body).spaces as ReadonlyArray<{
    space_type: string
    space_id: string
    active_users: number
  }>
}
const join = (id: string) =>
  http.app.inject({ method: 'POST', url: `/api/spaces/community/${id}/join`, payload: {} })

test('given strangers who open many communities, then those that Hive has are listed after all posts, and others are not listed', async () => {
  none('hive-888888')
  assert.is((await join('hive-888888')).json().code, 'space_not_found')
  for (let n = 0; n < 30; n += 1)
    assert.is((await join(`hive-2000${String(n).padStart(2, '0')}`)).statusCode, 200)
  const spaces = await list()
  assert.is(spaces[0]!.space_id, 'lobby')
  const types = spaces.map(({ space_type }) => space_type)
  assert.is(types.filter((type) => type === 'community').length, 30)
  assert.ok(types.lastIndexOf('post') < types.indexOf('community'))
  // Each is listed once, on whatever page.
  const paged: string[] = []
  for (let cursor = ''; ; ) {
    const page = (await http.app.inject({ url: `/api/spaces?limit=7${cursor}` })).json()
    paged.push(...page.spaces.map(({ space_id }: { space_id: string }) => space_id))
    if (page.next_cursor === null) break
    cursor = `&cursor=${page.next_cursor}`
  }
  assert.equal(
    paged,
    spaces.map(({ space_id }) => space_id),
  )
})

test('given a Hive post that somebody entered, then it is listed once, and no longer once a node does not have it', async () => {
  http.hive.setPost('gina/on-the-chain', { title: 'On the chain' })
  const url = '/api/spaces/post/gina/on-the-chain'
  const entered = await http.app.inject({ method: 'POST', url: `${url}/join`, payload: {} })
  assert.is(entered.statusCode, 200, entered.body)
  const named = (await list('&type=post')).filter(({ space_id }) => space_id === 'gina/on-the-chain')
  assert.is(named.length, 1)
  const none = await http.app.inject({
    method: 'POST',
    url: '/api/spaces/post/gina/no-such/join',
    payload: {},
  })
  assert.is(none.statusCode, 404)
})

test('given somebody in a community, then it is listed right after the lobby', async () => {
  await db.query(
    `INSERT INTO presence_sessions (session_id, socket_id, user_account, space_type, space_id, subspace, connected_at,
       last_activity, voice_enabled, node, boot, revision, marks)
     VALUES ('here', 's', 'zoe', 'community', 'hive-200007', 'main', now(), now(), false, 'node-1', 'boot-1', 0, '{}')`,
  )
  assert.equal(
    (await list()).slice(0, 2).map(({ space_id, active_users }) => [space_id, active_users]),
    [
      ['lobby', 0],
      ['hive-200007', 1],
    ],
  )
})

test('given a community on the log that Hive no longer has, then it is not listed', async () => {
  none('hive-200003')
  now += 3_600_000
  assert.is((await facts('hive-200003')).exists, false)
  assert.not((await list('&type=community')).some(({ space_id }) => space_id === 'hive-200003'))
})

test('given 3,000 made-up communities that were opened before Hive was asked about any, then none of them is listed, and posts stay where they were', async () => {
  const before = (await list()).map(({ space_id }) => space_id)
  await db.query(
    `INSERT INTO presence_spaces (space_type, space_id, title, owner, visibility, opened_at, revision, position)
     SELECT 'community', 'hive-' || n, 'Made up ' || n, NULL, 'public', now(), 0, 1000000 + n
     FROM generate_series(700001, 703000) AS n`,
  )
  try {
    assert.equal(
      (await list()).map(({ space_id }) => space_id),
      before,
    )
    assert.equal(
      (await list('&type=community')).filter(({ space_id }) => space_id.startsWith('hive-70')),
      [],
    )
    assert.equal(
      (await list('&q=Made%20up')).map(({ space_id }) => space_id),
      [],
    )
    const { total } = (await http.app.inject({ url: '/api/spaces?limit=1&offset=0&type=community' })).json()
    assert.ok(total < 100, `${total} are counted`)
    // A community that Hive has is listed once somebody has asked for it, after the posts.
    http.hive.setCommunity('hive-701234', [['hive-701234', 'owner']])
    assert.is((await facts('hive-701234')).exists, true)
    const listed = (await list()).map(({ space_type, space_id }) => `${space_type}:${space_id}`)
    assert.is(listed.filter((one) => one.startsWith('community:hive-70')).length, 1)
    assert.ok(
      listed.indexOf('community:hive-701234') > listed.findLastIndex((one) => one.startsWith('post:alice/')),
    )
  } finally {
    await db.query(`DELETE FROM presence_spaces WHERE space_id LIKE 'hive-70____'`)
  }
})

test('given a mod on Hive, then they may ban in the community; nobody on the team is banned by somebody of equal rank', async () => {
  http.hive.setCommunity('hive-300001', [
    ['hive-300001', 'owner'],
    ['adam', 'admin'],
    ['mona', 'mod'],
    ['molly', 'mod'],
  ])
  const ban = async (by: string, whom: string) =>
    (
      await http.app.inject({
        method: 'PUT',
        url: `/api/spaces/community/hive-300001/bans/${whom}`,
        headers: http.bearer(by),
        payload: {},
      })
    ).statusCode
  assert.equal(
    [
      await ban('stranger', 'mallory'),
      await ban('mona', 'mallory'),
      await ban('mona', 'molly'),
      await ban('mona', 'adam'),
      await ban('adam', 'molly'),
    ],
    [403, 200, 403, 403, 200],
  )
})

test.after(async () => {
  await db.end()
  await content.stop()
  await behind.close()
  await http.close()
})
test.run()
