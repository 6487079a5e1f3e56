/** API keys: shown once, with exactly the rights that they were granted, and none from the moment they are revoked. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OUTSIDE_STREAM } from '../../domain/names.ts'
import { testHttp } from '../../infra/testing/http.ts'
import { until } from '../../infra/testing/until.ts'

const test = suite('API keys')
const http = await testHttp()
// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
const as = (account: string): Record<string, string> => ({ ...http.bearer(account) })
const by = (secret: string) => ({ authorization: `Bearer ${secret}` })

/** `what`: a method and a path. */
const call = async (what: string, who: object, body?: object) => {
  const [method, url] = what.split(' ') as [Method, string]
  const response = await http.app.inject({
    method,
    url,
    headers: { ...who },
    ...(body === undefined ? {} : { payload: body }),
  })
  http.clock.ms += 1_000
  return { status: response.statusCode, body: response.json() as Json }
}
const done = async (what: string, who: object, body?: object): Promise<Json> => {
  const answer = await call(what, who, body)
  assert.is(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}
const refused = async (code: string, what: string, who: object, body?: object) => {
  const answer = await call(what, who, body)
  assert.is(answer.body.code, code, JSON.stringify(answer.body))
}
const make = (who: string, body: object) => done('POST /api/keys', as(who), body)
const ROOM = { space: 'document:2' }

test('given an admin of a space, when a key is made, then its secret is shown once and stored nowhere', async () => {
  const { key, secret } = await make('bob', { name: 'greeter', permission: 'moderate', ...ROOM })
  assert.match(secret, /^dpk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/)
  assert.match(key.service, /^service:greeter-[0-9a-f]{8}$/)
  const listed = await done('GET /api/keys?space=document:2', as('bob'))
  assert.equal(listed.keys, [{ ...key }])
  await http.settled()
  const db = new pg.Client({ connectionString: http.databaseUrl })
  await db.connect()
  const { rows } = await db.query("SELECT * FROM presence_audit_log WHERE action = 'ApiKeyCreated'")
  await db.end()
  const [row] = rows
  assert.equal([row.user_account, row.target, row.space_id], ['bob', key.service, '2'])
  for (const where of [listed, rows, http.log.stream(OUTSIDE_STREAM), http.lines])
    assert.not.ok(JSON.stringify(where, (_, v) => (typeof v === 'bigint' ? String(v) : v)).includes(secret))
})

test('given a key with a role in a private space, when its bot reads, says and moderates there, then it may, under its own name', async () => {
  const { key, secret } = await make('bob', { name: 'mod-bot', permission: 'moderate', ...ROOM })
  const bot = by(secret)
  assert.is((await done('GET /api/spaces/document/2', bot)).permission, 'moderate')
  await done('POST /api/chat/document/2/messages', bot, { content: 'beep' })
  const { message_id } = await done('POST /api/chat/document/2/messages', as('bob'), { content: 'mine' })
  await refused('forbidden', `PATCH /api/chat/document/2/messages/${message_id}`, bot, { content: 'x' })
  await done('PUT /api/spaces/document/2/mutes/frank', bot, { reason: 'too loud' })
  await http.settled()
  const { messages } = await done('GET /api/chat/document/2/messages', as('bob'))
  const said = messages.find(({ content }: Json) => content === 'beep')
  assert.equal([said.user_account, said.guest_id, said.display_name], [key.service, null, key.service])
  const feed = await http.app.inject({
    url: '/api/feed?space=document:2&after=start&live=false',
    headers: bot,
  })
  assert.match(feed.body, `"actor":{"kind":"service","id":"${key.service}"}`)
  const { entries } = await done(`GET /api/audit?account=${key.service}`, as('auditor'))
  assert.ok(entries.some(({ action }: Json) => action === 'AccountMuted'))
})

test('given a key for one space, when it is used for another, then nothing exists for it', async () => {
  const { secret } = await make('bob', { name: 'homebody', permission: 'admin', ...ROOM })
  for (const url of ['/api/spaces/document/1', '/api/spaces/global/lobby/settings'])
    await refused('space_not_found', `GET ${url}`, by(secret))
  await refused('space_not_found', 'POST /api/chat/global/lobby/messages', by(secret), { content: 'hi' })
  await refused('forbidden', 'GET /api/feed?live=false', by(secret))
})

test('given a moderating key for every space, when it asks for everything, then it gets everything', async () => {
  const { secret } = await make('admin-one', { name: 'backend', permission: 'moderate' })
  const feed = await http.app.inject({ url: '/api/feed?after=start&live=false', headers: by(secret) })
  assert.match(feed.body, 'mod-bot')
  const reader = await make('admin-one', { name: 'visitor', permission: 'access' })
  await refused('forbidden', 'GET /api/feed?live=false', by(reader.secret))
})

test('given a key, when it asks for something that only people have, then it is refused', async () => {
  const { secret } = await make('bob', { name: 'person', permission: 'admin', ...ROOM })
  await refused('forbidden', 'POST /api/auth/session', by(secret), {})
  await refused('forbidden', 'POST /api/spaces/document/2/join', by(secret), {})
  await refused('forbidden', 'POST /api/keys', by(secret), {
    name: 'child',
    permission: 'access',
    ...ROOM,
  })
})

test('given a feed that a bot reads, when its key is revoked, then the feed ends within a second and the key no longer works', async () => {
  const { key, secret } = await make('bob', { name: 'short-lived', permission: 'moderate', ...ROOM })
  const url = await http.app.listen({ host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}/api/feed?space=document:2`, { headers: by(secret) })
  assert.is(response.status, 200)
  const text = response.text()
  const since = performance.now()
  await done(`DELETE /api/keys/${key.id}`, as('bob'), { reason: 'leaked' })
  assert.match(await text, 'invalid_proof')
  assert.ok(performance.now() - since < 1_000, `${performance.now() - since} ms`)
  await refused('invalid_proof', 'GET /api/spaces/document/2', by(secret))
  await done(`DELETE /api/keys/${key.id}`, as('bob'), {})
  const { keys } = await done('GET /api/keys?space=document:2', as('bob'))
  assert.is(keys.find(({ id }: Json) => id === key.id).active, false)
})

test('given a key that expires, when its time is over, then it no longer works', async () => {
  const expires_at = new Date(http.clock.ms + 60_000).toISOString()
  const { secret } = await make('bob', { name: 'till-noon', permission: 'access', expires_at, ...ROOM })
  await done('GET /api/spaces/document/2', by(secret))
  http.clock.ms += 61_000
  await refused('invalid_proof', 'GET /api/spaces/document/2', by(secret))
})

test('given a secret that is nearly right, then it does not work', async () => {
  const { secret } = await make('bob', { name: 'guessed', permission: 'access', ...ROOM })
  const last = secret.at(-1) === 'A' ? 'B' : 'A'
  for (const wrong of [
    `${secret.slice(0, -1)}${last}`,
    secret.slice(0, -1),
    'dpk_',
    `dpk_${'0'.repeat(32)}_${'A'.repeat(43)}`,
  ])
    await refused('invalid_proof', 'GET /api/spaces/document/2', by(wrong))
})

test('given people without the right, when they try to make, see or revoke a key, then they can’t, and do not learn that there is one', async () => {
  const { key } = await make('bob', { name: 'hidden', permission: 'access', ...ROOM })
  const body = { name: 'other', permission: 'access' }
  await refused('space_not_found', 'POST /api/keys', as('frank'), { ...body, ...ROOM })
  await refused('forbidden', 'POST /api/keys', as('frank'), { ...body, space: 'document:1' })
  await refused('forbidden', 'POST /api/keys', as('bob'), body)
  await refused('forbidden', 'POST /api/keys', {}, body)
  await refused('space_not_found', 'GET /api/keys?space=document:2', as('frank'))
  await refused('key_not_found', `DELETE /api/keys/${key.id}`, as('frank'), {})
  await done('PUT /api/spaces/document/2/permissions/mona', as('bob'), { permission: 'admin' })
  await refused('forbidden', 'POST /api/keys', as('mona'), { ...body, permission: 'admin', ...ROOM })
  await done('POST /api/keys', as('mona'), { ...body, ...ROOM })
})

const WRONG: ReadonlyArray<readonly [string, object]> = [
  ['invalid_name', { name: 'No Good', permission: 'access', ...ROOM }],
  ['invalid_name', { name: 'x', permission: 'access', ...ROOM }],
  ['invalid_permission', { name: 'bot', permission: 'owner', ...ROOM }],
  ['invalid_space', { name: 'bot', permission: 'access', space: 'nowhere' }],
  ['invalid_expires', { name: 'bot', permission: 'access', expires_at: '2001-01-01T00:00:00Z', ...ROOM }],
  ['invalid_body', { name: 'bot', permission: 'access', spcae: 'document:2' }],
]
for (const [code, body] of WRONG)
  test(`when a key is asked for with ${JSON.stringify(body)}, then it is told ${code}`, () =>
    refused(code, 'POST /api/keys', as('bob'), body))

test('given twenty keys of a space, when another is requested, then there are too many', async () => {
  const space = { space: 'document:1' }
  for (let i = 0; i < 20; i += 1) await make('alice', { name: `bot-${i}`, permission: 'access', ...space })
  await refused('too_many', 'POST /api/keys', as('alice'), {
    name: 'more',
    permission: 'access',
    ...space,
  })
})

test('given a bot in a chat, when a moderator bans it, then it may say nothing more', async () => {
  const { key, secret } = await make('bob', { name: 'noisy', permission: 'access', ...ROOM })
  await done(`PUT /api/spaces/document/2/bans/${key.service}`, as('bob'), {})
  await refused('banned', 'POST /api/chat/document/2/messages', by(secret), { content: 'beep' })
})

test('given another process, when a key is made or revoked there, then this one knows', async () => {
  const { key, secret } = await make('bob', { name: 'known', permission: 'access', ...ROOM })
  const at = new Date(http.clock.ms).toISOString()
  http.log.push(OUTSIDE_STREAM, {
    id: key.id,
    type: 'ApiKeyRevoked',
    data: {
      key: key.id,
      subject: key.service,
      space: 'document:2',
      reason: null,
      by: { kind: 'account', id: 'bob' },
      at,
    },
    metadata: {},
  })
  await until('it is revoked here', async () => {
    const { status } = await call('GET /api/spaces/document/2', by(secret))
    return status === 401
  })
})

test.after(async () => {
  http.app.server.closeAllConnections()
  await http.close()
})
test.run()
