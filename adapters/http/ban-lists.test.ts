/** Ban lists over REST: set in Matrix's form, copied from another room or from all rooms of an owner, kept up to date, and named by why. */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createListKeeper } from '../../apps/commands/ban-lists.ts'
import { type AnyJson, ask, done } from '../../infra/testing/calls.ts'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'

const test = suite<{ http: TestHttp }>('ban lists over REST')
const [ROOM, OTHER] = ['/api/spaces/post/alice/my-post', '/api/spaces/post/alice/my-360-photo']

const keeping = ({ commands, deps, clock }: TestHttp) => ({
  commands,
  models: deps.readModels,
  content: deps.content,
  clock: { now: () => clock.ms },
  ids: { uuid: () => crypto.randomUUID() },
})
const keeperOf = (http: TestHttp, failures: string[] = []) =>
  createListKeeper({ ...keeping(http), onFailure: (_, cause) => failures.push(cause) })
const rule = (entity: string, reason = 'spam') => ({
  type: 'm.policy.rule.user',
  state_key: `rule:${entity}`,
  content: { entity, reason, recommendation: 'm.ban' },
})

test.before(async (context) => {
  context.http = await testHttp()
  await done(context.http, `PUT ${ROOM}/permissions/maria`, 'alice', { permission: 'moderate' })
})
test.after(({ http }) => http.close())

test('given a list in Matrix’s form, then nobody whom it names may enter, and why names the list and the entry', async ({
  http,
}) => {
  const answer = await done(http, `PUT ${ROOM}/lists/friends`, 'alice', {
    name: 'https://example.org/bans.json',
    rules: [rule('@dave:hive', 'sold hats'), rule('@spam-*:hive'), rule('@erin:example.org')],
  })
  assert.equal([answer.entries, answer.passed_over], [2, 1])
  for (const who of ['dave', 'spam-1'])
    assert.is((await ask(http, `POST ${ROOM}/join`, who, {})).code, 'banned', who)
  assert.is((await ask(http, `POST ${ROOM}/join`, 'erin', {})).status, 200)
  await http.settled()
  const { entries } = await done(http, `GET ${ROOM}/audit?action=CommandRefused&account=dave`, 'maria')
  const why = await done(http, `GET ${ROOM}/why?event=${entries[0].event_id}`, 'maria')
  assert.is(why.agrees, true)
  const named = why.rules.find((one: AnyJson) => one.rule === 'ban_list')
  assert.equal(named.value, { list_id: 'friends', entity: 'dave', reason: 'sold hats', from: null })
  assert.match(
    named.says,
    /The ban list friends \(from https:\/\/example.org\/bans.json\) names dave: dave, because sold hats\./,
  )
  assert.is(named.because.type, 'BanListChanged')
  assert.match(why.says.join(' '), /alice followed the ban list friends/)
  const { lists } = await done(http, `GET ${ROOM}/lists`, 'maria')
  assert.equal(
    lists.map((one: AnyJson) => [one.list_id, one.source, one.name, one.entries]),
    [['friends', 'given', 'https://example.org/bans.json', 2]],
  )
  assert.equal((await done(http, `GET ${ROOM}/lists/friends`, 'maria')).rules, [
    rule('@dave:hive', 'sold hats'),
    rule('@spam-*:hive'),
  ])
})

test('given further rules for a list, then they are added if the list is to be kept, or else replace it', async ({
  http,
}) => {
  await done(http, `PUT ${ROOM}/lists/friends`, 'alice', { rules: [rule('@frank:hive')], keep: true })
  const entities = async () =>
    (await done(http, `GET ${ROOM}/lists/friends`, 'alice')).rules.map((one: AnyJson) => one.content.entity)
  assert.equal(await entities(), ['@dave:hive', '@spam-*:hive', '@frank:hive'])
  await done(http, `PUT ${ROOM}/lists/friends`, 'alice', { rules: [rule('@frank:hive')] })
  assert.equal(await entities(), ['@frank:hive'])
  await done(http, `DELETE ${ROOM}/lists/friends`, 'alice')
  assert.is((await ask(http, `GET ${ROOM}/lists/friends`, 'alice')).code, 'list_not_found')
  assert.is((await ask(http, `POST ${ROOM}/join`, 'frank', {})).status, 200)
})

test('given people who may not follow lists, then they neither read nor follow any, and do not learn that a room exists', async ({
  http,
}) => {
  for (const [who, call] of [
    ['erin', `GET ${ROOM}/lists`],
    ['erin', `GET ${ROOM}/ban-list`],
    ['maria', `PUT ${ROOM}/lists/mine`],
    ['erin', `DELETE ${ROOM}/lists/mine`],
  ] as const)
    assert.is(
      (await ask(http, call, who, call.startsWith('GET') ? undefined : { rules: [] })).code,
      'forbidden',
      call,
    )
  for (const call of ['GET lists', 'GET ban-list', 'PUT lists/mine']) {
    const [method, path] = call.split(' ')
    const there = await ask(
      http,
      `${method} /api/spaces/post/alice/hidden-draft/${path}`,
      'erin',
      method === 'GET' ? undefined : { rules: [] },
    )
    assert.is(there.code, 'space_not_found', call)
  }
  for (const body of [
    {},
    { rules: [], owner: true },
    { rules: ['x'] },
    { space: 'nonsense' },
    { space: 'post:alice/my-post' },
  ])
    assert.match(
      (await ask(http, `PUT ${ROOM}/lists/mine`, 'alice', body)).code,
      /^invalid_/,
      JSON.stringify(body),
    )
})

test('given a room that publishes its bans, when another room follows them, then its list is kept up to date until they are no longer published', async ({
  http,
}) => {
  const keeper = keeperOf(http)
  await done(http, `PUT ${OTHER}/bans/dave`, 'alice', { reason: 'sold hats' })
  await http.settled()
  const CAROLS = '/api/spaces/document/123'
  const follow = () => ask(http, `PUT ${CAROLS}/lists/theirs`, 'carol', { space: 'post:alice/my-360-photo' })
  assert.is((await follow()).code, 'forbidden')
  await done(http, `PATCH ${OTHER}/settings`, 'alice', { publish_bans: true })
  assert.equal((await done(http, `GET ${OTHER}/ban-list`, 'erin')).rules, [rule('@dave:hive', 'sold hats')])
  assert.is((await follow()).entries, 1)
  await done(http, `PUT ${OTHER}/bans/frank`, 'alice', {})
  await http.settled()
  assert.is(await keeper.pass(), 1)
  assert.is(await keeper.pass(), 0)
  const entities = async () =>
    (await done(http, `GET ${CAROLS}/lists/theirs`, 'carol')).rules.map((one: AnyJson) => one.content.entity)
  assert.equal(await entities(), ['@dave:hive', '@frank:hive'])
  await done(http, `DELETE ${OTHER}/bans/dave`, 'alice', {})
  await http.settled()
  await keeper.pass()
  assert.equal(await entities(), ['@frank:hive'])
  await done(http, `PATCH ${OTHER}/settings`, 'alice', { publish_bans: false })
  await http.settled()
  await keeper.pass()
  assert.equal(await entities(), [])
})

test('given an owner’s rooms, when one follows the bans of all of them, then anybody who is banned from one is removed from it', async ({
  http,
}) => {
  const failures: string[] = []
  const keeper = keeperOf(http, failures)
  assert.is((await ask(http, `PUT ${ROOM}/lists/mine`, 'maria', { owner: true })).code, 'forbidden')
  await done(http, `PUT ${ROOM}/lists/mine`, 'alice', { owner: true })
  const rest = { socketId: 'judy-socket', subspace: 'main', position: null, avatarData: null, boot: 'b' }
  const joined = await http.commands.space({
    by: { kind: 'account', id: 'judy' },
    space: { type: 'post', id: 'alice/my-post' },
    id: crypto.randomUUID(),
    command: { type: 'JoinSpace', sessionId: 'judy-session', ...rest },
  })()
  assert.is(joined._tag, 'Right')
  await done(http, `PUT ${OTHER}/bans/judy`, 'alice', { reason: 'loud' })
  await http.settled()
  await keeper.pass()
  assert.equal(failures, [])
  await http.settled()
  const { rules } = await done(http, `GET ${ROOM}/lists/mine`, 'alice')
  assert.ok(
    rules.some((one: AnyJson) => one.content.entity === '@judy:hive' && one.content.reason === 'loud'),
  )
  const { entries } = await done(http, `GET ${ROOM}/audit?action=SessionLeft`, 'alice')
  const left = entries.find((row: AnyJson) => row.details.sessionId === 'judy-session')
  assert.equal([left.details.reason, left.details.note], ['banned', 'loud'])
  const why = await done(http, `GET ${ROOM}/why?event=${left.event_id}`, 'alice')
  assert.is(why.agrees, true)
  const refused = await ask(http, `POST ${ROOM}/join`, 'judy', {})
  assert.is(refused.code, 'banned')
  await http.settled()
  const then = await done(http, `GET ${ROOM}/at?time=${new Date(http.clock.ms).toISOString()}`, 'alice')
  assert.equal(
    then.ban_lists.map((one: AnyJson) => [one.list_id, one.source.kind]),
    [['mine', 'owner']],
  )
})

test('given an owner’s private room, when another room follows the bans of all of them, then those who read the list are not told that there is such a room', async ({
  http,
}) => {
  const keeper = keeperOf(http)
  await done(http, `PUT ${ROOM}/lists/all`, 'alice', { owner: true })
  await done(http, 'PUT /api/spaces/post/alice/hidden-draft/bans/niaj', 'alice', { reason: 'rude' })
  await done(http, `PUT ${OTHER}/bans/olivia`, 'alice')
  await http.settled()
  await keeper.pass()
  // Once more from the beginning, since giving the same list again is another way to fill it.
  await done(http, `PUT ${ROOM}/lists/again`, 'alice', { owner: true })
  await http.settled()
  for (const name of ['niaj', 'olivia'])
    assert.is((await ask(http, `POST ${ROOM}/join`, name, {})).code, 'banned')
  const { rules } = await done(http, `GET ${ROOM}/lists/all`, 'maria')
  assert.ok(
    rules.some((one: AnyJson) => one.content.entity === '@niaj:hive' && one.content.reason === 'rude'),
  )
  assert.is((await ask(http, 'GET /api/spaces/post/alice/hidden-draft', 'maria')).code, 'space_not_found')
  const record = await done(http, `GET ${ROOM}/audit?limit=100`, 'maria')
  assert.not(JSON.stringify(record).includes('hidden-draft'))
  // A public room is named.
  const changes = record.entries.filter((row: AnyJson) => row.action === 'BanListChanged')
  const added = changes.flatMap((row: AnyJson) => row.details.added)
  const from = (name: string) => added.find((one: AnyJson) => one.entity === name)?.from
  assert.equal([from('niaj'), from('olivia')], [null, 'post:alice/my-360-photo'])
})

test('given an owner who follows all their bans in a room that is another’s since, when they ban somebody elsewhere, then the list is empty; the new owner may follow theirs', async ({
  http,
}) => {
  const keeper = keeperOf(http)
  const [DOCUMENT, BOBS] = ['/api/spaces/document/1', '/api/spaces/document/2']
  const entities = async (): Promise<ReadonlyArray<string>> => {
    await http.settled()
    await keeper.pass()
    const { rules } = await done(http, `GET ${DOCUMENT}/lists/all`, 'bob')
    return rules.map((one: AnyJson) => one.content.entity)
  }
  await done(http, `PUT ${DOCUMENT}/permissions/bob`, 'alice', { permission: 'moderate' })
  await done(http, `PUT ${DOCUMENT}/lists/all`, 'alice', { owner: true })
  await done(http, `PUT ${OTHER}/bans/peggy`, 'alice')
  assert.ok((await entities()).includes('@peggy:hive'))
  const client = new pg.Client({ connectionString: http.databaseUrl })
  await client.connect()
  const give = (to: string) =>
    client.query("UPDATE collaboration_documents SET creator = $1 WHERE id = '1'", [to])
  await give('bob')
  http.clock.ms += 3_600_000
  await done(http, `PUT ${OTHER}/bans/rupert`, 'alice')
  assert.equal(await entities(), [])
  await done(http, `PUT ${BOBS}/bans/sybil`, 'bob')
  await done(http, `PUT ${DOCUMENT}/lists/all`, 'bob', { owner: true })
  assert.equal(await entities(), ['@sybil:hive'])
  await give('alice')
  await client.end()
})

test('given a room with very many bans that very many lists follow, when the server looks for changes, then it reads no more of them than a list may have', async ({
  http,
}) => {
  const client = new pg.Client({ connectionString: http.databaseUrl })
  await client.connect()
  await client.query(`INSERT INTO presence_bans (space_type, space_id, subject, reason, banned_by, created_at)
    SELECT 'post', 'eve/many', 'spammer-' || lpad(n::text, 5, '0'), repeat('x', 500), 'eve', now() FROM generate_series(1, 20000) n`)
  await client.query(`INSERT INTO presence_ban_lists (space_type, space_id, list_id, source_kind, source_type, source_id, followed_by)
    SELECT 'post', 'eve/room-' || n, 'list', 'space', 'post', 'eve/many', 'eve' FROM generate_series(1, 200) n`)
  const printed = async (): Promise<ReadonlySet<string>> => {
    // Those of alice's rooms come first.
    const read = await http.deps.readModels.followedLists(['post', 'eve', ''], 200)()
    assert.ok(E.isRight(read), E.isLeft(read) ? read.left.cause : '')
    return new Set(E.isRight(read) ? read.right.map(({ print }) => print) : [])
  }
  const begun = performance.now()
  const before = await printed()
  // Reading all of them takes longer than a statement may.
  assert.ok(performance.now() - begun < 5_000)
  assert.is(before.size, 1)
  await client.query("UPDATE presence_bans SET reason = 'other' WHERE subject = 'spammer-20000'")
  assert.equal(await printed(), before)
  await client.query("UPDATE presence_bans SET reason = 'other' WHERE subject = 'spammer-01000'")
  assert.not.equal(await printed(), before)
  for (const table of ['presence_bans', 'presence_ban_lists'])
    await client.query(`DELETE FROM ${table} WHERE space_id LIKE 'eve/%'`)
  await client.end()
})

test('given a published ban list, when it is read from a network, then it counts as a costly read, and by its length', async () => {
  const http = await testHttp({ costlyPerMinute: 2 })
  await done(http, `PATCH ${ROOM}/settings`, 'alice', { publish_bans: true })
  for (const name of ['judy', 'niaj', 'olivia']) await done(http, `PUT ${ROOM}/bans/${name}`, 'alice')
  const paid: number[] = []
  const { paid: pay } = http.app.costly
  Object.assign(http.app.costly, {
    paid: (...given: Parameters<typeof pay>) => {
      paid.push(given[2])
      return pay(...given)
    },
  })
  const codeOf = async (remoteAddress: string) =>
    (await http.app.inject({ url: `${ROOM}/ban-list`, remoteAddress, headers: http.guest() })).statusCode
  const codes = []
  for (let n = 0; n < 3; n += 1) codes.push(await codeOf('203.0.113.7'))
  assert.equal([codes, paid], [[200, 429, 429], [768]])
  assert.is(await codeOf('203.0.114.7'), 200)
  await http.close()
})

test('given tables that can’t be read, then the keeper of ban lists says so', async ({ http }) => {
  const failures: Array<readonly [unknown, string]> = []
  const keeper = createListKeeper({
    ...keeping(http),
    models: {
      ...http.deps.readModels,
      followedLists: () => async () => E.left({ _tag: 'PostgresUnavailable', cause: 'gone' } as const),
    },
    onFailure: (list, cause) => failures.push([list, cause]),
  })
  assert.is(await keeper.pass(), 0)
  assert.equal(failures, [[null, 'gone']])
})
test.run()
