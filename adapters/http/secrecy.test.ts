/** A space that a caller may not know of looks, byte for byte, like one that does not exist: every call, by every kind
 *  of caller, for a private document, a hidden post, and their counterparts that do not exist. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import { ABOUT_A_SPACE } from './testing/endpoints.ts'

const test = suite('secrecy')
const http = await testHttp()

const callers: Record<string, () => Record<string, string>> = {
  nobody: () => ({}),
  'one who claims to be the owner': () => ({ authorization: 'Bearer :bob' }),
  'a guest': () => ({ ...http.guest() }),
  'a stranger': () => ({ ...http.bearer('mallory') }),
  'a stranger by signature': () => http.signed('mallory'),
  'an owner of another space': () => ({ ...http.bearer('erin') }),
  'a system admin': () => ({ ...http.bearer('admin-one') }),
}
const AUDITORS = new Set(['a system admin'])
const THEIRS = /^\/api\/(audit|feed)|\/cases(?!.*appeal)|\/transparency/

const answer = async (
  sample: (typeof ABOUT_A_SPACE)[number],
  space: string,
  headers: Record<string, string>,
) => {
  const response = await http.app.inject({
    method: sample.method,
    url: sample.url(space),
    headers: { ...headers, 'x-request-id': 'the-same' },
    ...(sample.body === undefined ? {} : { payload: sample.body as object }),
  })
  const { date: _, 'x-ratelimit-remaining': __, 'x-ratelimit-reset': ___, ...rest } = response.headers
  return { status: response.statusCode, headers: rest, body: response.body }
}

/** Things have happened in the private spaces, so that there is a history to leak. */
test.before(async () => {
  for (const [space, owner] of [
    ['document/2', 'bob'],
    ['post/alice/hidden-draft', 'alice'],
  ] as const) {
    for (const sample of ABOUT_A_SPACE.slice(0, 8)) await answer(sample, space, { ...http.bearer(owner) })
    await answer(
      { method: 'POST', url: (s) => `/api/chat/${s}/messages`, body: { content: 'secret plans' } },
      space,
      { ...http.bearer(owner) },
    )
    await answer({ method: 'PUT', url: (s) => `/api/spaces/${s}/bans/mallory`, body: {} }, space, {
      ...http.bearer(owner),
    })
  }
})

for (const [name, headers] of Object.entries(callers))
  test(`given ${name}, then a private space looks as if it did not exist, on all ${ABOUT_A_SPACE.length} calls`, async () => {
    for (const [hidden, missing] of [
      ['document/2', 'document/7'],
      ['post/alice/hidden-draft', 'post/alice/hidden-drafx'],
    ] as const)
      for (const sample of ABOUT_A_SPACE) {
        // A system admin may read the whole audit log and handle every space's cases.
        if (AUDITORS.has(name) && THEIRS.test(sample.url(''))) continue
        const who = headers()
        const [there, none] = [await answer(sample, hidden, who), await answer(sample, missing, who)]
        assert.ok(JSON.stringify(there) === JSON.stringify(none), `${sample.method} ${sample.url(hidden)}`)
        assert.is(there.status, 404, `${sample.method} ${sample.url(hidden)} ${there.body}`)
      }
  })

test('given its owners, then the space exists', async () => {
  for (const account of ['bob', 'alice', 'carol'])
    assert.is((await answer(ABOUT_A_SPACE[0]!, 'document/2', { ...http.bearer(account) })).status, 200)
  assert.is(
    (await answer(ABOUT_A_SPACE[0]!, 'post/alice/hidden-draft', { ...http.bearer('alice') })).status,
    200,
  )
})

test('given somebody with a permission in the space, then it exists for them; once that is revoked, it no longer does', async () => {
  const see = async () => (await answer(ABOUT_A_SPACE[0]!, 'document/2', { ...http.bearer('grace') })).status
  assert.is(await see(), 404)
  await answer(
    { method: 'PUT', url: (s) => `/api/spaces/${s}/permissions/grace`, body: { permission: 'access' } },
    'document/2',
    { ...http.bearer('bob') },
  )
  assert.is(await see(), 200)
  await answer({ method: 'DELETE', url: (s) => `/api/spaces/${s}/permissions/grace` }, 'document/2', {
    ...http.bearer('bob'),
  })
  assert.is(await see(), 404)
})

test('given a list or a search of spaces, then hidden ones appear only to those who may enter them', async () => {
  const listed = async (headers: Record<string, string>, search = '') => {
    const { spaces } = (
      await http.app.inject({ method: 'GET', url: `/api/spaces?limit=100${search}`, headers })
    ).json()
    return (spaces as ReadonlyArray<{ space_type: string; space_id: string }>).map(
      (space) => `${space.space_type}:${space.space_id}`,
    )
  }
  const HIDDEN = ['document:2', 'post:alice/hidden-draft']
  for (const headers of Object.values(callers))
    for (const search of ['', '&q=plans', '&q=draft', '&type=document', '&q=bob']) {
      const spaces = await listed(headers(), search)
      assert.not.ok(
        spaces.some((space) => HIDDEN.includes(space)),
        search,
      )
    }
  assert.is((await listed({}))[0], 'global:lobby')
  assert.ok((await listed({ ...http.bearer('bob') })).includes('document:2'))
  assert.ok((await listed({ ...http.bearer('carol') }, '&q=spring')).includes('document:2'))
  assert.ok((await listed({ ...http.bearer('alice') })).includes('post:alice/hidden-draft'))
})

test('given somebody banned from a space that they may not know of, then their own audit log does not reveal it', async () => {
  const say = { method: 'POST', url: () => '/api/chat/document/1/messages', body: { content: 'hi' } } as const
  await answer(say, '', { ...http.bearer('mallory') })
  await http.settled()
  const response = await http.app.inject({
    method: 'GET',
    url: '/api/audit',
    headers: { ...http.bearer('mallory') },
  })
  const rows = response.json().entries as ReadonlyArray<{ action: string }>
  assert.ok(rows.length > 0)
  assert.not.ok(rows.some((row) => row.action === 'AccountBanned'))
  assert.is(response.json().next_cursor, null)
  const one = await http.app.inject({
    url: '/api/me/audit?limit=1&order=oldest',
    headers: { ...http.bearer('mallory') },
  })
  assert.equal([one.json().entries.length, one.json().next_cursor], [1, null])
})

test('the same work is done for both: Postgres is asked the same for a private space as for one that does not exist', async () => {
  const asked = new AsyncLocalStorage<string[]>()
  const { prototype } = pg.Client
  const { query } = prototype
  prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const [first] = given
    asked.getStore()?.push(typeof first === 'string' ? first : String((first as { text?: unknown }).text))
    return Reflect.apply(query, this, given)
  } as typeof query
  const statements = async (sample: (typeof ABOUT_A_SPACE)[number], space: string) => {
    const made: string[] = []
    await asked.run(made, () => answer(sample, space, { ...http.bearer('mallory') }))
    return made
  }
  try {
    let all = 0
    for (const sample of ABOUT_A_SPACE) {
      // Afterwards, everything that is cached about either space is cached.
      for (const space of ['document/2', 'document/7']) await statements(sample, space)
      const [there, none] = [await statements(sample, 'document/2'), await statements(sample, 'document/7')]
      // A refusal does not wait for queries that were started beside it: they may still be waiting for a connection.
      const late = Date.now() + 5_000
      while (there.length !== none.length && Date.now() < late) await setImmediate()
      assert.equal(there, none, `${sample.method} ${sample.url('{space}')}`)
      all += there.length
    }
    assert.ok(all > 0, 'nothing was asked of Postgres at all')
  } finally {
    prototype.query = query
  }
})

test.after(() => http.close())
test.run()
