import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import fastify, { type InjectOptions } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../infra/hive/keys.ts'
import { testHttp } from '../../infra/testing/http.ts'
import { proofOfRequest } from '../auth/proof.ts'
import { download } from './download.ts'
import { catchUp, sendStream } from './endpoint.ts'
import { longAnswer } from './long-answers.ts'
import { shared } from './routes/operations.ts'

const test = suite('http')
const http = await testHttp()
const POST = '/api/spaces/post/alice/my-post'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely here
type Json = any
type Answer = { status: number; body: Record<string, Json>; headers: Record<string, unknown> }
const call = async (
  method: InjectOptions['method'],
  url: string,
  options: Partial<InjectOptions> = {},
): Promise<Answer> => {
  if (method === 'GET') await http.settled()
  const response = await http.app.inject({ method: method!, url, ...options })
  const json = String(response.headers['content-type']).startsWith('application/json')
  return {
    status: response.statusCode,
    body: json ? response.json() : { text: response.body },
    headers: response.headers,
  }
}
const as = (account: string, payload?: object) => ({
  headers: http.bearer(account),
  ...(payload ? { payload } : {}),
})
const refused = (answer: Answer, status: number, code: string) => {
  assert.is(answer.status, status, JSON.stringify(answer.body))
  assert.is(answer.body.code, code)
  assert.match(answer.body.error, /^[A-Z].*\.$/)
  assert.is(answer.body.request_id, answer.headers['x-request-id'])
}
const ok = (answer: Answer): Record<string, Json> => {
  assert.is(answer.status, 200, JSON.stringify(answer.body))
  assert.is(answer.body.node, 'node-1')
  return answer.body
}

test('given the wallet’s join, then it holds a seat and returns everything that a client needs', async () => {
  const challenge = `dlux_vr_${http.clock.ms}_abc`
  const join = {
    headers: { authorization: `Bearer ${signAs('bob', challenge)}:bob` },
    payload: { challenge, subspace: 'main-chess' },
  }
  const body = ok(await call('POST', `${POST}/join`, join))
  assert.is(body.success, true)
  assert.equal(body.identity, { kind: 'account', id: 'bob', verified: true })
  assert.is(body.space.title, 'A room to meet in')
  assert.is(body.subspace, 'main-chess')
  assert.match(body.websocket_url, /^ws:\/\/localhost:3000\/\?ticket=[\w-]+$/)
  assert.match(body.position, /^\d+$/)
  assert.is(body.revision, '1')
  const { username, credential } = body.turn_credentials
  assert.match(username, /^\d+:bob$/)
  assert.is(credential, createHmac('sha1', 'turn-secret').update(username).digest('base64'))
  const again = ok(await call('GET', POST, { headers: { authorization: `Bearer ${body.session_token}` } }))
  assert.is(again.has_access, true)
  // As `space-joined` says it: whoever may enter has `access`, which is not a role that was granted.
  assert.is(again.permission, 'access')
  refused(await call('POST', `${POST}/join`, join), 401, 'invalid_proof')
})

test('given a guest, then its token makes it the same guest again', async () => {
  const first = ok(await call('POST', `${POST}/join`, { headers: { authorization: 'Bearer :alice' } }))
  assert.is(first.identity.kind, 'guest')
  assert.is(first.identity.verified, false)
  assert.is(first.identity.claimed, 'alice')
  const second = ok(
    await call('POST', `${POST}/join`, { headers: { authorization: `Bearer ${first.session_token}` } }),
  )
  assert.is(second.identity.id, first.identity.id)
  assert.is(second.session_token, first.session_token)
})

test('both spellings of a post’s id are one space, on every nested route', async () => {
  for (const rest of ['', '/settings', '/permissions', '/subrooms']) {
    const one = ok(await call('GET', `/api/spaces/post/alice/my-post${rest}`, as('alice')))
    const two = ok(await call('GET', `/api/spaces/post/alice%2Fmy-post${rest}`, as('alice')))
    assert.equal(one, two)
  }
  const slash = ok(
    await call('POST', '/api/chat/post/alice/my-post/messages', as('alice', { content: 'one' })),
  )
  const coded = ok(await call('GET', '/api/chat/post/alice%2fmy-post/messages?limit=5', as('bob')))
  assert.is(coded.messages.at(-1).message_id, slash.message_id)
})

test('given a malformed id, then invalid_space, on every route', async () => {
  // `post/alice/bans` is Alice’s post named bans.
  for (const space of [
    'post/alice',
    'post/Alice%2Fx',
    'post/alice%2Fa%2Fb',
    'thing/1',
    `document/${'x'.repeat(300)}`,
    'document/a%00b',
    'global/%E2%80%A8',
    'post/alice%252Fmy-post',
    'post/a/b/c',
    `document/${'x'.repeat(3000)}`,
    `document/${'x'.repeat(9000)}`,
  ])
    for (const [method, url] of [
      ['GET', `/api/spaces/${space}`],
      ['POST', `/api/spaces/${space}/join`],
      ['GET', `/api/spaces/${space}/bans`],
      ['PUT', `/api/spaces/${space}/mutes/bob`],
    ] as const)
      if (url !== '/api/spaces/post/alice/bans')
        refused(await call(method, url, as('alice', method === 'GET' ? undefined : {})), 400, 'invalid_space')
})

test('given a proof that is wrong in any way, then 401, whatever the call', async () => {
  const four = http.signed('alice')
  for (const headers of [
    { authorization: 'Bearer nonsense' },
    { authorization: `Bearer ${http.auth.issue({ kind: 'account', id: 'alice' }).token}x` },
    { authorization: `Bearer ${signAs('alice', 'x')}:alice` },
    { ...four, 'x-account': 'bob' },
    { ...four, 'x-challenge': String(Number(four['x-challenge']) - 1) },
    { ...four, 'x-signature': '' },
  ])
    for (const [method, url] of [
      ['GET', '/api/spaces'],
      ['GET', POST],
      ['POST', `${POST}/join`],
      ['GET', '/api/audit'],
      ['GET', '/api/turn-credentials'],
      ['POST', '/api/auth/session'],
    ] as const) {
      const answer = await call(method, url, { headers })
      refused(answer, 401, 'invalid_proof')
      assert.is(answer.headers['www-authenticate'], 'Bearer')
    }
  const old = http.auth.issue({ kind: 'account', id: 'alice' }).token
  http.clock.ms += 3_600_001
  refused(await call('GET', POST, { headers: { authorization: `Bearer ${old}` } }), 401, 'token_expired')
  http.clock.ms -= 3_600_001
})

test('given that Hive is out of reach, then a signature is 503 and a token still works', async () => {
  http.hive.set('wendy', 'broken')
  const answer = await call('GET', POST, { headers: http.signed('wendy') })
  refused(answer, 503, 'hive_unavailable')
  assert.ok(Number(answer.headers['retry-after']) > 0)
  ok(await call('GET', POST, as('wendy')))
  http.hive.set('wendy', null)
})

test('a session is made in return for a proof, and once ended stays ended', async () => {
  const { token, identity, expires_at } = ok(
    await call('POST', '/api/auth/session', { headers: http.signed('erin') }),
  ) as Json
  assert.equal(identity, { kind: 'account', id: 'erin', verified: true })
  assert.ok(Date.parse(expires_at) > http.clock.ms)
  const headers = { authorization: `Bearer ${token}` }
  ok(await call('GET', '/api/audit', { headers }))
  ok(await call('DELETE', '/api/auth/session', { headers }))
  refused(await call('GET', '/api/audit', { headers }), 401, 'invalid_proof')
  refused(await call('DELETE', '/api/auth/session'), 401, 'invalid_proof')
})

test('the server’s challenge proves who signs it', async () => {
  const { challenge, expires_at } = ok(
    await call('POST', '/api/auth/challenge', { payload: { account: 'erin', purpose: 'session' } }),
  ) as Json
  assert.ok(Date.parse(expires_at) > http.clock.ms)
  const proof = {
    headers: { authorization: `Bearer ${signAs('erin', challenge)}:erin` },
    payload: { challenge },
  }
  refused(await call('POST', `${POST}/join`, proof), 401, 'invalid_proof')
  assert.is(ok(await call('POST', '/api/auth/session', proof)).identity.id, 'erin')
  refused(await call('POST', '/api/auth/challenge', { payload: { purpose: 'fun' } }), 400, 'invalid_purpose')
  ok(await call('POST', '/api/auth/challenge'))
})

test('given a proof in the body, with or without a key, with each kind of challenge, then the caller is the account; on a join too', async () => {
  const session = (payload: object, headers: Record<string, string> = {}) =>
    call('POST', '/api/auth/session', { payload, headers })
  const wallet = () => `dlux_vr_${http.clock.ms}_${randomUUID()}`
  const seconds = String(Math.floor(http.clock.ms / 1_000))
  const server = () => http.auth.challenge('session', 'erin').challenge
  for (const challenge of [wallet(), seconds, server()]) {
    const proof = { account: 'erin', challenge, signature: signAs('erin', challenge) }
    assert.is(ok(await session(proof)).identity.id, 'erin')
  }
  const named = wallet()
  const pubkey = devKeys('erin').posting.public
  const whole = { account: 'erin', challenge: named, signature: signAs('erin', named), pubkey }
  assert.is(ok(await session(whole)).identity.id, 'erin')
  refused(await session(whole), 401, 'invalid_proof')
  const joining = wallet()
  const joined = {
    account: 'erin',
    challenge: joining,
    signature: signAs('erin', joining),
    user_account: 'erin',
  }
  assert.equal(ok(await call('POST', `${POST}/join`, { payload: joined })).identity.id, 'erin')
})

test('given half a proof, somebody else’s, or a field that nobody reads, then it is refused, and the caller never quietly becomes a guest', async () => {
  const session = (payload: object, headers: Record<string, string> = {}) =>
    call('POST', '/api/auth/session', { payload, headers })
  const challenge = `dlux_vr_${http.clock.ms}_${randomUUID()}`
  const signature = signAs('erin', challenge)
  const wrong: ReadonlyArray<object> = [
    { account: 'erin' },
    { challenge },
    { account: 'erin', challenge },
    { account: 'erin', signature },
    { challenge, signature },
    { account: 'frank', challenge, signature },
    { account: 'erin', challenge, signature: signAs('erin', 'another') },
    { account: 'erin', challenge, signature, pubkey: devKeys('frank').posting.public },
    { account: 'erin', challenge, signature, pubkey: 7 },
  ]
  for (const payload of wrong) refused(await session(payload), 401, 'invalid_proof')
  refused(await session({ account: 'frank' }, { ...http.bearer('erin') }), 401, 'invalid_proof')
  refused(await call('POST', `${POST}/join`, { payload: { challenge, signature } }), 401, 'invalid_proof')
  for (const payload of [{ user: 'erin' }, { acount: 'erin', challenge, signature }, { token: 'x' }])
    refused(await session(payload), 400, 'invalid_body')
  refused(await call('POST', '/api/auth/challenge', { payload: { acount: 'erin' } }), 400, 'invalid_body')
  // The challenge was not used up.
  assert.is(ok(await session({ account: 'erin', challenge, signature })).identity.id, 'erin')
  assert.is(ok(await session({})).identity.kind, 'guest')
})

test('an owner changes settings, grants, bans and mutes; others are refused and told which role it needs', async () => {
  const at = '/api/spaces/document/123'
  refused(await call('PATCH', `${at}/settings`, as('bob', { max_users: 2 })), 403, 'forbidden')
  const patched = ok(
    await call('PATCH', `${at}/settings`, as('carol', { max_users: 2, settings: { theme: 'dark' } })),
  )
  assert.is(patched.max_users, 2)
  assert.match(patched.position, /^\d+$/)
  const settings = ok(await call('GET', `${at}/settings?min_position=${patched.position}`))
  assert.equal(settings.settings, { theme: 'dark' })
  assert.is(settings.chat_enabled, true)
  refused(await call('PATCH', `${at}/settings`, as('carol', { max_users: 'many' })), 400, 'invalid_max_users')

  ok(await call('PUT', `${at}/permissions/dave`, as('carol', { permission: 'moderate', reason: 'trusted' })))
  assert.is(ok(await call('GET', `${at}/permissions`)).permissions[0].user_account, 'dave')
  refused(
    await call('PUT', `${at}/permissions/dave`, as('carol', { permission: 'owner' })),
    400,
    'invalid_permission',
  )
  refused(
    await call('PUT', `${at}/permissions/Dave`, as('carol', { permission: 'admin' })),
    400,
    'invalid_account',
  )

  ok(
    await call(
      'PUT',
      `${at}/bans/guest:0123456789ab`,
      as('dave', { reason: 'spam', until: new Date(http.clock.ms + 60_000).toISOString() }),
    ),
  )
  assert.is(ok(await call('GET', `${at}/bans`, as('dave'))).bans[0].subject, 'guest:0123456789ab')
  refused(await call('GET', `${at}/bans`, as('bob')), 403, 'forbidden')
  refused(await call('POST', `${at}/join`, { headers: http.guest() }), 403, 'banned')
  refused(await call('GET', '/api/chat/document/123/messages', { headers: http.guest() }), 403, 'banned')
  ok(await call('DELETE', `${at}/bans/guest:0123456789ab`, as('dave')))
  ok(await call('POST', `${at}/join`, { headers: http.guest() }))

  ok(await call('PUT', `${at}/mutes/bob`, as('dave', {})))
  refused(await call('POST', '/api/chat/document/123/messages', as('bob', { content: 'hm' })), 403, 'muted')
  ok(
    await call('DELETE', `${at}/mutes/bob`, {
      ...as('dave'),
      headers: { ...http.bearer('dave'), 'content-type': 'application/json' },
    }),
  )
  ok(await call('DELETE', `${at}/permissions/dave`, as('carol', { reason: 'done' })))
  // A kick of somebody who has already left succeeds: they are not there, as was asked.
  ok(await call('POST', `${at}/kick`, as('carol', { session_id: 'none' })))
  refused(await call('POST', `${at}/kick`, as('carol', {})), 400, 'invalid_session_id')

  ok(await call('POST', `${at}/join`, as('bob')))
  refused(await call('POST', `${at}/join`, as('erin')), 409, 'space_full')
})

test('chat: said, rewritten, reacted to, deleted; the same message_id or Idempotency-Key twice is one message', async () => {
  const at = '/api/chat/post/bob/chess-garden/messages'
  const message_id = randomUUID()
  const first = ok(await call('POST', at, as('alice', { content: 'hello', message_id })))
  assert.is(first.message_id, message_id)
  assert.is(first.display_name, 'alice')
  // Sent again, it gets the same whole answer.
  assert.equal(ok(await call('POST', at, as('alice', { content: 'hello', message_id }))), first)
  refused(await call('POST', at, as('alice', { content: 'other', message_id })), 409, 'conflict')
  const key = {
    headers: { ...http.bearer('alice'), 'idempotency-key': randomUUID() },
    payload: { content: 'once' },
  }
  const [one, two] = [ok(await call('POST', at, key)), ok(await call('POST', at, key))]
  assert.equal(two, one)
  const { headers } = key
  const reused = [
    await call('POST', at, { headers, payload: { content: 'another' } }),
    await call('POST', at, { headers, payload: { content: 'once', message_id: randomUUID() } }),
    await call('PATCH', `${at}/${one.message_id}`, { headers, payload: { content: 'once' } }),
    await call('DELETE', `${at}/${one.message_id}`, { headers }),
  ]
  for (const answer of reused) refused(answer, 400, 'invalid_idempotency_key')
  const list = ok(await call('GET', at))
  assert.equal(
    list.messages.map((m: { content: string }) => m.content),
    ['hello', 'once'],
  )
  assert.is(list.has_more, false)
  ok(await call('PATCH', `${at}/${message_id}`, as('alice', { content: 'hello!' })))
  refused(await call('PATCH', `${at}/${message_id}`, as('carol', { content: 'mine' })), 403, 'forbidden')
  ok(await call('PUT', `${at}/${message_id}/reactions/${encodeURIComponent('👍')}`, as('carol')))
  ok(await call('DELETE', `${at}/${message_id}/reactions/${encodeURIComponent('👍')}`, as('carol')))
  refused(await call('PUT', `${at}/${message_id}/reactions/notone`, as('carol')), 400, 'invalid_emoji')
  const shouted = message_id.toUpperCase()
  ok(await call('GET', `${at}?before=${shouted}`, as('bob')))
  assert.is(
    ok(await call('PATCH', `${at}/${shouted}`, as('alice', { content: 'hello!!' }))).message_id,
    message_id,
  )
  const own = randomUUID()
  const said = () => call('POST', at, as('alice', { content: 'cased', message_id: own.toUpperCase() }))
  const [cased, again] = [ok(await said()), ok(await said())]
  assert.equal([cased.message_id, again.revision], [own, cased.revision])
  ok(await call('DELETE', `${at}/${own}`, as('alice')))
  ok(await call('DELETE', `${at}/${message_id}`, as('bob')))
  refused(await call('DELETE', `${at}/${randomUUID()}`, as('bob')), 404, 'message_not_found')
  refused(await call('PATCH', `${at}/no-uuid`, as('bob', { content: 'x' })), 400, 'invalid_message_id')
  refused(await call('POST', at, as('bob', { content: '' })), 400, 'invalid_content')
  refused(await call('POST', at, as('bob', { content: 'x'.repeat(2_001) })), 400, 'invalid_content')
  refused(await call('POST', at, as('bob', { content: 7 })), 400, 'invalid_content')
  refused(
    await call('POST', at, { ...key, headers: { ...key.headers, 'idempotency-key': 'x' } }),
    400,
    'invalid_idempotency_key',
  )
})

test('given a guest without a token, when it posts a message, then it is told who it is, and with the returned token it is the same guest', async () => {
  const at = '/api/chat/post/bob/chess-garden/messages'
  const said = ok(await call('POST', at, { payload: { content: 'who am I?' } }))
  assert.is(said.identity.kind, 'guest')
  assert.is(said.identity.id, said.guest_id)
  const mine = { authorization: `Bearer ${said.session_token}` }
  const edited = { headers: mine, payload: { content: 'that is me' } }
  const answer = ok(await call('PATCH', `${at}/${said.message_id}`, edited))
  assert.is('session_token' in answer, false)
  const more = ok(await call('POST', at, { headers: mine, payload: { content: 'and again' } }))
  assert.equal([more.guest_id, 'session_token' in more], [said.guest_id, false])
  const reaction = `${at}/${said.message_id}/reactions/${encodeURIComponent('👍')}`
  const other = ok(await call('PUT', reaction))
  assert.is.not(other.identity.id, said.guest_id)
  assert.type(other.session_token, 'string')
  assert.is('session_token' in ok(await call('PUT', reaction, as('carol'))), false)
  const refusal = await call('PATCH', `${at}/${said.message_id}`, { payload: { content: 'not mine' } })
  refused(refusal, 403, 'forbidden')
  assert.is('session_token' in refusal.body, false)
  assert.is('session_token' in ok(await call('GET', at)), false)
})

test('the name of a subspace keeps nobody out: whoever may enter the space sees it listed and reads it', async () => {
  const subspace = 'main-private-alice-bob'
  const at = '/api/chat/post/bob/chess-garden/messages'
  ok(await call('POST', at, as('alice', { content: 'psst', subspace })))
  const read = ok(await call('GET', `${at}?subspace=${subspace}`, as('carol')))
  assert.equal(
    read.messages.map((message: Json) => message.content),
    ['psst'],
  )
  ok(await call('POST', '/api/spaces/post/bob/chess-garden/join', { payload: { subspace } }))
})

test('given a request for TURN credentials in a space, then those who may hear somebody there get them', async () => {
  const at = '/api/turn-credentials'
  const of = (space: string) => `${at}?space=${encodeURIComponent(space)}`
  assert.ok(ok(await call('GET', of('document:2'), as('bob'))).credential)
  assert.ok(ok(await call('GET', of('post:alice/my-360-photo'))).credential)
  refused(await call('GET', of('document:2'), as('mallory')), 404, 'space_not_found')
  refused(await call('GET', of('document:2')), 404, 'space_not_found')
  refused(await call('GET', of('no space')), 400, 'invalid_space')
  const post = 'post:erin/train-over-the-alps'
  const settings = '/api/spaces/post/erin/train-over-the-alps/settings'
  ok(await call('PATCH', settings, as('erin', { guests_allowed: false })))
  refused(await call('GET', of(post)), 403, 'guests_not_allowed')
  assert.ok(ok(await call('GET', of(post), as('dave'))).credential)
  ok(await call('PUT', '/api/spaces/post/erin/train-over-the-alps/mutes/dave', as('erin', {})))
  assert.ok(ok(await call('GET', of(post), as('dave'))).credential, 'the muted may listen')
  ok(await call('PATCH', settings, as('erin', { voice_enabled: false })))
  refused(await call('GET', of(post), as('dave')), 403, 'voice_disabled')
  ok(await call('PUT', '/api/spaces/post/erin/train-over-the-alps/bans/dave', as('erin', {})))
  refused(await call('GET', of(post), as('dave')), 403, 'banned')
})

test('given a request for TURN credentials without a space, then accounts get them, and guests if the lobby admits guests', async () => {
  for (const at of ['/api/turn-credentials', '/api/webrtc/turn-config']) {
    assert.ok(ok(await call('GET', at)).credential)
    const settings = (guests_allowed: boolean) =>
      call('PATCH', '/api/spaces/global/lobby/settings', as('admin-one', { guests_allowed }))
    ok(await settings(false))
    refused(await call('GET', at), 403, 'guests_not_allowed')
    assert.ok(ok(await call('GET', at, as('dave'))).credential)
    ok(await settings(true))
    assert.ok(ok(await call('GET', at)).credential)
  }
})

test('guests who are kept out may see that a space exists, and nothing inside', async () => {
  const at = '/api/spaces/post/carol/gallery-of-light'
  ok(await call('PATCH', `${at}/settings`, as('carol', { guests_allowed: false })))
  const inside = await http.commands.space({
    by: { kind: 'account', id: 'carol' },
    id: randomUUID(),
    space: { type: 'post', id: 'carol/gallery-of-light' },
    command: {
      type: 'JoinSpace',
      sessionId: randomUUID(),
      socketId: 'carol',
      subspace: 'main-quiet-corner',
      position: null,
      avatarData: null,
      boot: 'boot',
    },
  })()
  assert.is(inside._tag, 'Right')
  assert.equal(ok(await call('GET', `${at}/subrooms`, as('dave'))).subrooms, [
    { subspace: 'main', active_users: 0, voice_route: 'mesh' },
    { subspace: 'main-quiet-corner', active_users: 1, voice_route: 'mesh' },
  ])
  const empty = ok(await call('GET', '/api/spaces/post/bob/chess-garden/subrooms')).subrooms
  const unseen = empty.map((room: Json) => ({ ...room, voice_route: null }))
  assert.equal(ok(await call('GET', `${at}/subrooms`)).subrooms, unseen)
  const seen = ok(await call('GET', at))
  assert.is(seen.has_access, false)
  assert.is(seen.permission, null)
  assert.equal([seen.space.connected_users, seen.space.voice_route], [[], null])
  refused(await call('POST', `${at}/join`), 403, 'guests_not_allowed')
  refused(await call('GET', '/api/chat/post/carol/gallery-of-light/messages'), 403, 'guests_not_allowed')
  assert.is(ok(await call('GET', at, as('carol'))).permission, 'owner')
})

test('audit: auditors see all, moderators their space’s, anyone what concerns them, addresses are for auditors', async () => {
  const all = ok(await call('GET', '/api/audit?limit=100', as('auditor')))
  assert.ok(new Set(all.entries.map((e: Json) => e.space_id)).size > 2)
  assert.ok(all.entries.some((e: Json) => e.ip_address !== null))
  const theirs = ok(await call('GET', '/api/audit?space=document:123', as('carol')))
  assert.ok(theirs.entries.some((e: Json) => e.user_account === 'dave'))
  assert.ok(theirs.entries.every((e: Json) => e.ip_address === null && e.space_id === '123'))
  const own = ok(await call('GET', '/api/audit', as('bob')))
  assert.ok(own.entries.length > 0)
  assert.ok(own.entries.every((e: Json) => e.user_account === 'bob' || e.target === 'bob'))
  refused(await call('GET', '/api/audit?account=alice', as('bob')), 403, 'forbidden')
  refused(await call('GET', '/api/audit?space=document:2', as('dave')), 404, 'space_not_found')
  refused(await call('GET', '/api/audit?space=nothing', as('dave')), 400, 'invalid_space')
  refused(await call('GET', '/api/audit?from=yesterday', as('auditor')), 400, 'invalid_from')
  ok(await call('GET', '/api/audit?from=2020-01-01T00:00:00Z&to=2020-01-02', as('auditor')))
})

test('min_position waits for the tables, and says so past two seconds; odd ones are refused', async () => {
  refused(await call('GET', '/api/spaces?min_position=x'), 400, 'invalid_min_position')
  refused(await call('GET', '/api/spaces?min_position=99999999999999999999'), 400, 'invalid_min_position')
  const silent = { waitFor: () => () => new Promise<never>(() => {}) }
  const [late, never] = await Promise.all([
    call('GET', '/api/spaces?min_position=9999999999'),
    catchUp(1n, { readModels: silent }).catch((error) => error),
  ])
  refused(late, 504, 'not_caught_up')
  assert.is(never.told.code, 'not_caught_up')
  for (const ends of [
    ['9999999999999999999', '0'],
    ['2147483648', '0'],
    ['0', '9999999999999999999'],
  ]) {
    const cursor = Buffer.from(JSON.stringify([...ends, 'post', 'x'])).toString('base64url')
    refused(await call('GET', `/api/spaces?cursor=${cursor}`), 400, 'invalid_cursor')
  }
  for (const query of ['limit=0', 'limit=101', 'limit=-1', 'limit=1.5', 'limit=1&limit=2', 'limit[]=1'])
    if (query !== 'limit[]=1') refused(await call('GET', `/api/spaces?${query}`), 400, 'invalid_limit')
  refused(await call('GET', '/api/spaces?cursor=abc'), 400, 'invalid_cursor')
  refused(await call('GET', '/api/spaces?type=room'), 400, 'invalid_type')
  ok(await call('GET', '/api/spaces?q=chess&type=post&cursor='))
})

test('bodies that are no JSON, too large, poisoned or of another type are refused before anything sees them', async () => {
  const raw = (payload: string | Buffer, type = 'application/json') =>
    call('POST', `${POST}/join`, { headers: { 'content-type': type }, payload })
  for (const payload of ['{', 'nonsense', '{"a":1}x', '\u0000', Buffer.from([0x22, 0xff, 0x22])])
    refused(await raw(payload), 400, 'invalid_json')
  for (const payload of [
    '{"__proto__":{"admin":true}}',
    '{"a":{"__proto__":1}}',
    '{"a":"\\u0000"}',
    '{"a":"\\ud800"}',
    `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
    '{"\\ud800":1}',
  ])
    refused(await raw(payload), 400, 'invalid_json')
  for (const payload of ['[]', '"x"', '7', 'null', 'true'])
    assert.ok([200, 400].includes((await raw(payload)).status))
  refused(await raw(`{"a":"${'x'.repeat(70_000)}"}`), 413, 'too_large')
  refused(await raw('a=1', 'application/x-www-form-urlencoded'), 400, 'invalid_content_type')
  refused(await raw('<a/>', 'text/xml'), 400, 'invalid_content_type')
  assert.is((await raw('{}', 'application/json; charset=utf-8')).status, 200)
})

test('unknown addresses get an error of the usual shape', async () => {
  refused(await call('GET', '/api/nothing'), 404, 'not_found')
  refused(await call('GET', '/api/spaces/%zz/1'), 400, 'invalid_url')
  refused(await call('GET', '/api/spaces/global/%E0%A4%A'), 400, 'invalid_space')
  for (const query of ['subspace=a%00', 'subspace=other', 'subspace=main&subspace=main-b'])
    refused(await call('GET', `/api/chat/global/lobby/messages?${query}`), 400, 'invalid_space')
})

test('given a method that an address does not support, then 405 and those that it does support, whether or not the thing exists', async () => {
  const refusal = (answer: Answer) => {
    refused(answer, 405, 'method_not_allowed')
    return answer.headers.allow
  }
  assert.is(refusal(await call('PUT', POST)), 'GET, HEAD, OPTIONS')
  assert.is(refusal(await call('PUT', '/api/spaces/post/alice%2Fmy-post/')), 'GET, HEAD, OPTIONS')
  assert.is(refusal(await call('GET', `${POST}/join`)), 'POST, OPTIONS')
  assert.is(refusal(await call('PUT', '/api/auth/session')), 'POST, DELETE, OPTIONS')
  assert.is(refusal(await call('DELETE', '/api/%61udit?account=bob')), 'GET, HEAD, OPTIONS')
  assert.is(refusal(await call('PROPFIND' as never, '/metrics')), 'GET, HEAD, OPTIONS')
  assert.is((await call('OPTIONS', '/api/audit')).headers.allow, 'GET, HEAD, OPTIONS')
  // A private space, for its owner and for a stranger, a space that does not exist, and an invalid id.
  const told = []
  for (const space of ['document/2', 'document/none-such', `document/${'x'.repeat(300)}`])
    for (const who of ['carol', 'dave']) {
      const { status, headers, body } = await call('DELETE', `/api/spaces/${space}/settings`, as(who))
      told.push(JSON.stringify([status, headers.allow, { ...body, request_id: '' }]))
    }
  assert.is(new Set(told).size, 1, told.join('\n'))
  for (const url of ['/api/nothing', '/api/audit/nothing', '/api', '/api/spaces/global', '/api/auditx'])
    refused(await call('PUT', url), 404, 'not_found')
})

test('HEAD is answered as GET is, without the body, and reads nothing of what would be streamed', async () => {
  for (const url of [
    '/api/spaces?limit=2',
    '/api/nothing',
    '/api/spaces?limit=0',
    '/api/health',
    '/metrics',
  ]) {
    const [head, get] = [await http.app.inject({ method: 'HEAD', url }), await call('GET', url)]
    assert.equal([head.statusCode, head.body], [get.status, ''], url)
    assert.is(head.headers['content-type'], get.headers['content-type'])
  }
  let read = 0
  const app = fastify()
  app.get('/', (request, reply) => {
    const rows = function* () {
      for (; read < 100; read += 1) yield `${read}\n`
    }
    return sendStream(request, reply.type('text/csv'), Readable.from(rows()))
  })
  const head = await app.inject({ method: 'HEAD', url: '/' })
  assert.equal([head.statusCode, head.headers['content-type'], head.body, read], [200, 'text/csv', '', 0])
  assert.match((await app.inject({ method: 'GET', url: '/' })).body, '99\n')
  await app.close()
})

test('given a client that goes away in the middle of an export, then no more rows are asked for', async () => {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const rows = async function* () {
    try {
      for (;;) {
        yield [{ position: 'x'.repeat(65_536) }]
        await setImmediate()
      }
    } finally {
      end()
    }
  }
  const app = fastify()
  app.get('/', (request, reply) =>
    sendStream(
      request,
      reply,
      Readable.from(
        longAnswer(
          { deps: http, reply, right: { proof: proofOfRequest({}), check: async () => {} }, word: () => '' },
          'somebody',
          () =>
            download('ndjson', { name: 'audit', columns: ['position'], rows: rows(), check: async () => {} })
              .rows,
        ),
      ),
    ),
  )
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const gone = new AbortController()
  const reader = (await fetch(url, { signal: gone.signal })).body!.getReader()
  await reader.read()
  gone.abort()
  await reader.read().catch(() => {})
  await ended
  await app.close()
})

test('health names every part; a vital one that is down makes it 503, another does not', async () => {
  const before = http.checks
  for (const url of ['/api/health', '/health']) {
    const { status, checks, version } = ok(await call('GET', url))
    assert.is(status, 'ok')
    assert.is(version, '0.0.1')
    assert.equal(Object.keys(checks).sort(), ['eventstore', 'postgres', 'projections', 'redis', 'turn'])
  }
  http.checks = { ...before, redis: { ok: false, vital: false, error: 'gone' } }
  assert.is((await call('GET', '/health')).status, 200)
  http.checks = { ...before, eventstore: { ok: false, vital: true, error: 'gone' } }
  const down = await call('GET', '/health')
  assert.is(down.status, 503)
  assert.is(down.body.status, 'degraded')
  http.checks = before
})

test('given a stranger, then health shows names, lags and kinds of trouble; metrics do not exist for them, however the address is written', async () => {
  const before = http.checks
  const token = 'operator-token-of-at-least-32-characters'
  const strangers = {
    'from afar': { remoteAddress: '192.0.2.7' },
    'through a proxy here': { headers: { 'x-forwarded-for': '192.0.2.7' } },
    'through another': { headers: { via: '1.1 proxy' }, remoteAddress: '::1' },
    'with a wrong token': { remoteAddress: '192.0.2.7', headers: { authorization: `Bearer ${token}x` } },
    'with no token of this server': { remoteAddress: '10.0.0.7', headers: { authorization: 'Bearer ' } },
  }
  http.checks = {
    ...before,
    postgres: {
      ok: false,
      vital: true,
      error: 'Error: connect ECONNREFUSED 10.231.0.9:5432',
      host: '10.231.0.9',
    },
    eventstore: { ok: true, vital: true, state: 'up', position: '4711', since: '2026-01-01T00:00:00Z' },
    projections: { ok: false, vital: true, lag_ms: 45_000, error: 'The tables are 45 s behind the log.' },
    redis: { ok: false, vital: false, error: 'no answer from redis://redis:6379 within 2 s' },
    turn: { ok: true, vital: false, uris: ['turn:10.0.0.1'] },
  }
  for (const [who, how] of Object.entries(strangers)) {
    for (const url of ['/api/health', '/health', '/health/']) {
      const { statusCode, body } = await http.app.inject({ url, ...how })
      assert.is(statusCode, 503, who)
      assert.equal(
        JSON.parse(body).checks,
        {
          eventstore: { ok: true, vital: true },
          postgres: { ok: false, vital: true, error: 'unreachable' },
          redis: { ok: false, vital: false, error: 'silent' },
          projections: { ok: false, vital: true, lag_ms: 45_000, error: 'behind' },
          turn: { ok: true, vital: false },
        },
        who,
      )
    }
    for (const url of ['/metrics', '/metrics/', '/%6detrics', '/metrics?x'])
      assert.is((await http.app.inject({ url, ...how })).statusCode, 404, `${who}: ${url}`)
  }
  const own = await http.app.inject({ url: '/api/health', remoteAddress: '::ffff:127.0.0.1' })
  assert.match(JSON.parse(own.body).checks.postgres.error, 'ECONNREFUSED')
  http.checks = before
  const other = await testHttp({ operatorToken: token })
  const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.7' }
  assert.is((await other.app.inject({ url: '/metrics', remoteAddress: '10.0.0.7', headers })).statusCode, 200)
  assert.is((await other.app.inject({ url: '/metrics', remoteAddress: '10.0.0.7' })).statusCode, 404)
  await other.close()
})

test('given a proxy that writes ports or brackets, then the client’s address is the same over REST as on sockets', async () => {
  const behind = await testHttp({ trustProxy: ['10.0.0.0/8'] })
  const cases = {
    '1.1.1.1:4711': '1.1.1.1',
    '[2001:DB8::1]:80': '2001:db8::1',
    '6.6.6.6, ::ffff:c000:207': '192.0.2.7',
    '"[fe80::1%eth0]:9"': 'fe80::1',
  }
  for (const [forwarded, address] of Object.entries(cases)) {
    const answer = await behind.app.inject({
      method: 'POST',
      url: '/api/chat/global/lobby/messages',
      remoteAddress: '::ffff:10.0.0.7',
      headers: { 'x-forwarded-for': forwarded },
      payload: { content: 'hello' },
    })
    assert.is(answer.statusCode, 200, answer.body)
    const { metadata } = behind.log.stream('chat-global:lobby').at(-1)!
    assert.is((metadata as { client: { ip: string } }).client.ip, address, forwarded)
  }
  await behind.close()
})

test('given many who ask for health at once, then it is determined once; later requests determine it anew, whatever the result was', async () => {
  const found: Array<{ resolve: (value: string) => void; reject: (error: Error) => void }> = []
  const health = shared(() => new Promise<string>((resolve, reject) => void found.push({ resolve, reject })))
  const many = Array.from({ length: 50 }, health)
  found[0]!.resolve('fine')
  assert.equal(new Set(await Promise.all(many)), new Set(['fine']))
  const failing = health()
  found[1]!.reject(new Error('gone'))
  await failing.catch(() => {})
  void health()
  assert.is(found.length, 3)
})

test('metrics are Prometheus text, and the documentation names every call', async () => {
  assert.match((await call('GET', '/metrics')).body.text, 'presence_http_request_seconds_bucket')
  const docs = await call('GET', '/docs/json')
  const paths = Object.keys(docs.body.paths)
  for (const path of [
    '/api/spaces/{type}/{id}/join',
    '/api/chat/{type}/{id}/messages/{message_id}/reactions/{emoji}',
    '/api/audit',
    '/metrics',
  ])
    assert.ok(paths.includes(path), path)
  assert.is(docs.body.servers[0].url, '/')
  const { schemas } = docs.body.components
  assert.match(schemas.Error.properties.code.description, 'guests_not_allowed')
  assert.ok(schemas.Space.required.includes('connected_users'))
  const post = docs.body.paths['/api/chat/{type}/{id}/messages'].post
  const { schema } = post.requestBody.content['application/json']
  assert.equal(schema.required, ['content'])
  assert.is(schema.properties.content.maxLength, 2_000)
  const header = post.parameters.find((one: Json) => one.name === 'Idempotency-Key')
  assert.equal([header.in, header.required], ['header', false])
  assert.is(docs.body.paths['/api/spaces/{type}/{id}/join'].post.requestBody.required, false)
  const operations = Object.values<Json>(docs.body.paths).flatMap((one) => Object.values<Json>(one))
  assert.is(new Set(operations.map((one) => one.operationId)).size, operations.length)
  // Each answer has a schema, and every reference leads to one.
  for (const { operationId, responses } of operations)
    for (const { content } of Object.values<Json>(responses))
      for (const media of Object.values<Json>(content ?? {})) assert.ok(media.schema, operationId)
  for (const [, name] of JSON.stringify(docs.body).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    assert.ok(schemas[name!], name)
  assert.ok([200, 302].includes((await call('GET', '/docs')).status))
  assert.is((await call('GET', '/docs/')).status, 200)
})

test('cross-origin calls are for the allow-list, and answers carry security headers and the request’s id', async () => {
  const preflight = (origin: string) =>
    call('OPTIONS', POST, {
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization',
      },
    })
  assert.is((await preflight('https://dlux.io')).headers['access-control-allow-origin'], 'https://dlux.io')
  for (const evil of ['https://evil.example', 'https://a.b.ipfs.dlux.io', 'https://ipfs.dlux.io'])
    assert.is((await preflight(evil)).headers['access-control-allow-origin'], undefined, evil)
  const dapp = await preflight('https://bafy1.ipfs.dlux.io')
  assert.is(dapp.headers['access-control-allow-origin'], 'https://bafy1.ipfs.dlux.io')
  assert.match(String(dapp.headers.vary), /origin/i)
  assert.is((await call('OPTIONS', POST)).status, 204)
  const answer = await call('GET', POST, { headers: { 'x-request-id': 'abc-1', origin: 'https://dlux.io' } })
  assert.is(answer.headers['x-request-id'], 'abc-1')
  assert.is(answer.headers['access-control-allow-origin'], 'https://dlux.io')
  assert.is(answer.headers['x-content-type-options'], 'nosniff')
  assert.ok(answer.headers['content-security-policy'])
  const odd = await call('GET', '/api/nothing', { headers: { 'x-request-id': 'bad id\u00ff' } })
  assert.match(odd.body.request_id, /^[0-9a-f-]{36}$/)
})

test('given that the log is out of reach, then the answer is 503 with the time to come back', async () => {
  http.log.onRead = () => 'unavailable'
  http.log.onAppend = () => 'unavailable'
  const answer = await call('GET', '/api/spaces/post/dave/open-mic-night')
  refused(answer, 503, 'eventstore_unavailable')
  assert.ok(Number(answer.headers['retry-after']) > 0)
  http.log.onRead = () => null
  http.log.onAppend = () => null
})

test('bytes that are not HTTP, and endless headers, are answered in the same shape', async () => {
  await http.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = http.app.server.address() as AddressInfo
  const say = async (bytes: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    let answer = ''
    for await (const chunk of socket) answer += chunk
    return answer
  }
  const garbage = await say('NONSENSE\r\n\r\n')
  assert.match(garbage, /^HTTP\/1\.1 400 /)
  assert.is(JSON.parse(garbage.split('\r\n\r\n')[1]!).code, 'invalid_request')
  const endless = await say(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`)
  assert.match(endless, /^HTTP\/1\.1 431 /)
  assert.is(JSON.parse(endless.split('\r\n\r\n')[1]!).code, 'too_large')
  const rather = await say(
    'GET /api/health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
  )
  assert.match(rather, /^HTTP\/1\.1 200 /)
  // Node keeps the first of two headers, but nobody can know which one was meant.
  const [alice, bob] = ['alice', 'bob'].map((one) => http.bearer(one).authorization)
  const both = await say(
    `GET /api/me/audit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${alice}\r\nauthorization: ${bob}\r\n\r\n`,
  )
  assert.match(both, /^HTTP\/1\.1 401 /)
  const smuggled = await say(
    'POST /api/auth/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  )
  assert.match(smuggled, /^HTTP\/1\.1 400 /)
})

test('given a request that never ends, then it is told so and is not waited for', async () => {
  assert.ok(http.app.server.requestTimeout > 0)
  const socket = new PassThrough()
  const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  http.app.server.emit('clientError', late, socket as never)
  const answer = await text(socket)
  assert.match(answer, /^HTTP\/1\.1 408 /)
  assert.is(JSON.parse(answer.split('\r\n\r\n')[1]!).code, 'invalid_request')
})

test('nothing secret is in the logs', () => {
  const all = http.lines.join('')
  assert.ok(http.lines.length > 50)
  for (const secret of ['turn-secret', 'dlux_vr_', 'v1.ey', 'Bearer '])
    assert.not.ok(all.includes(secret), `${secret}: ${http.lines.find((line) => line.includes(secret))}`)
})

test('given too many requests from one address, then slow_down', async () => {
  const small = await testHttp({ requestsPerMinute: 3 })
  const from = (remoteAddress: string, url: string) => small.app.inject({ method: 'GET', url, remoteAddress })
  const answers = []
  for (let i = 0; i < 5; i++) answers.push(await from('203.0.113.9', '/api/spaces'))
  assert.equal(
    answers.map((a) => a.statusCode),
    [200, 200, 200, 429, 429],
  )
  assert.is(answers[4]!.json().code, 'slow_down')
  assert.ok(Number(answers[4]!.headers['retry-after']) >= 1)
  assert.is((await from('203.0.113.9', '/health')).statusCode, 200)
  assert.is((await from('203.0.113.9', '/api/nothing')).statusCode, 429)
  assert.is((await from('203.0.113.10', '/api/spaces')).statusCode, 200)
  // An IPv6 network counts as one address.
  const network = []
  for (let i = 1; i < 6; i++) network.push((await from(`2001:db8:1:2::${i}`, '/api/spaces')).statusCode)
  assert.equal(network, [200, 200, 200, 429, 429])
  await small.close()
})

test('given too many costly reads of any kind from one address, then slow_down, and cheap requests still work', async () => {
  const small = await testHttp({ costlyPerMinute: 4 })
  const from = (remoteAddress: string, url: string) => small.app.inject({ method: 'GET', url, remoteAddress })
  const costly = [
    '/api/spaces/global/lobby/at?revision=0',
    '/api/audit',
    '/api/spaces/global/lobby/why?position=0',
    '/api/me/audit',
    '/api/spaces/global/lobby/replay',
    '/api/audit/proof/consistency?from=1&to=2',
  ]
  const codes = []
  for (const url of costly) codes.push((await from('203.0.113.9', url)).statusCode)
  assert.ok(codes.slice(0, 4).every((code) => code !== 429))
  assert.equal(codes.slice(4), [429, 429])
  assert.is((await from('203.0.113.9', '/api/spaces')).statusCode, 200)
  // A search for words counts as three requests, an export as the whole allowance.
  assert.is((await from('203.0.113.11', '/api/audit?text=hello')).statusCode, 200)
  assert.is((await from('203.0.113.11', '/api/audit?text=hello')).statusCode, 429)
  assert.is((await from('203.0.113.12', '/api/audit?format=csv')).statusCode, 200)
  assert.is((await from('203.0.113.12', '/api/audit')).statusCode, 429)
  assert.is.not((await from('203.0.113.10', costly[0]!)).statusCode, 429)
  // This machine's own addresses belong to proxies.
  for (let n = 0; n < 6; n += 1) assert.is.not((await from('127.0.0.1', costly[0]!)).statusCode, 429)
  await small.close()
})

test('given a server that is closing, then a request over a connection in use is answered as usual, and is its last', async () => {
  const { port } = http.app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  const head = 'Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n'
  const arrived = once(http.app.server, 'request')
  socket.write(`POST /api/auth/challenge HTTP/1.1\r\n${head}`)
  await arrived
  const closed = http.app.close()
  while (http.app.server.listening) await setImmediate()
  socket.write(`{}POST /api/auth/challenge HTTP/1.1\r\n${head}{}`)
  const answers = (await text(socket)).split(/(?=HTTP\/1\.1 )/)
  assert.equal(
    answers.map((one) => one.split('\r\n')[0]),
    ['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK'],
  )
  assert.match(answers[1]!, /^connection: close/im)
  await closed
})

test.after(() => http.close())
test.run()
