/** The REST calls of DLUX's wallet and panel, one by one, each with the answer that the client reads. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { signAs } from '../../infra/hive/keys.ts'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
const test = suite<{ http: TestHttp }>('panel')
const POST = 'alice/my-post'
/** The wallet and the panel send it with a GET too. */
const AS_JSON = { 'content-type': 'application/json' }

test.before(async (context) => {
  context.http = await testHttp()
})
test.after(({ http }) => http.close())

const call = async (
  { app }: TestHttp,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  { payload, headers = {} }: { readonly payload?: object; readonly headers?: Record<string, string> } = {},
) => {
  const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }), headers })
  return { status: answer.statusCode, body: JSON.parse(answer.body) as Json }
}

test('given the list in the panel’s form, then each space has its capacity and its creator', async ({
  http,
}) => {
  const listed = '/api/spaces?limit=50&include_events=true'
  const headers = { ...AS_JSON, authorization: 'Bearer :alice' }
  const { status, body } = await call(http, 'GET', listed, { headers })
  assert.is(status, 200)
  assert.equal((await call(http, 'GET', listed, { headers: AS_JSON })).body.spaces, body.spaces)
  for (const space of body.spaces) {
    for (const field of ['space_type', 'space_id', 'display_name', 'type'])
      assert.type(space[field], 'string', `${space.space_id} ${field}`)
    assert.type(space.active_users, 'number')
    assert.ok(space.created_at === null || !Number.isNaN(Date.parse(space.created_at)))
    assert.equal(Object.keys(space.capacity), ['used', 'total', 'available', 'premiumBonus'])
    assert.ok('creator' in space)
    // A room that named one of these would be shown as a paid event, or as boosted by somebody who pays.
    for (const field of ['viral_metrics', 'is_event', 'requires_ticket', 'event_time'])
      assert.not(field in space)
  }
  assert.not('viral_discovery' in body)
  const post = body.spaces.find(({ space_id }: Json) => space_id === POST)
  assert.is(post.creator, 'alice')
  assert.equal(post.capacity, { used: 0, total: post.max_users, available: post.max_users, premiumBonus: 0 })
  const only = await call(http, 'GET', '/api/spaces?limit=50&include_events=true&space_type=document')
  assert.ok(only.body.spaces.length > 0)
  assert.ok(only.body.spaces.every(({ space_type }: Json) => space_type === 'document'))
})

test('given a type of content, all types or an offset, as the wallet asks, then those are listed, and anything else is refused', async ({
  http,
}) => {
  const all = (await call(http, 'GET', '/api/spaces?limit=100')).body
  const headers = { ...AS_JSON, authorization: 'Bearer :alice' }
  const of360 = await call(http, 'GET', '/api/spaces?limit=20&offset=0&type=360', { headers })
  assert.is(of360.status, 200)
  assert.ok(of360.body.spaces.some(({ space_id }: Json) => space_id === 'alice/my-360-photo'))
  assert.ok(of360.body.spaces.every(({ type }: Json) => type === '360'))
  assert.is(of360.body.total, of360.body.spaces.length)
  for (const type of ['aframe', 'vrml', 'blog', 'art', 'game', 'document', 'all'])
    assert.is((await call(http, 'GET', `/api/spaces?type=${type}`)).status, 200)
  assert.equal((await call(http, 'GET', '/api/spaces?type=all&limit=100')).body.spaces, all.spaces)
  const rest = (await call(http, 'GET', '/api/spaces?limit=100&offset=2')).body
  assert.equal(rest.spaces, all.spaces.slice(2))
  assert.is((await call(http, 'GET', '/api/spaces?offset=100')).body.spaces.length, 0)
  for (const [query, code] of [
    ['type=planet', 'invalid_type'],
    ['offset=-1', 'invalid_offset'],
    ['offset=x', 'invalid_offset'],
    ['space_type=360', 'invalid_space_type'],
  ])
    assert.is((await call(http, 'GET', `/api/spaces?${query}`)).body.code, code)
})

test('given a space’s address as the wallet writes it, then it is returned whole, and one that does not exist with a sentence', async ({
  http,
}) => {
  const headers = { ...AS_JSON, authorization: 'Bearer :alice' }
  const { status, body } = await call(http, 'GET', `/api/spaces/post/${POST}`, { headers })
  assert.is(status, 200)
  assert.equal(body.space.space_id, POST)
  const missing = await call(http, 'GET', '/api/spaces/post/alice/nowhere', { headers })
  assert.is(missing.status, 404)
  assert.match(missing.body.error, /^[A-Z].*\.$/)
})

test('given joins as the wallet and the panel send them, then a signature makes the account’s, none a guest’s, and a wrong one 401 with a sentence', async ({
  http,
}) => {
  const join = (path: string, authorization: string, challenge: string | null, user: string | null) =>
    call(http, 'POST', `/api/spaces/${path}/join`, {
      payload: { subspace: 'main', user_account: user, challenge },
      headers: { ...AS_JSON, authorization },
    })
  const challenge = () => `dlux_vr_${http.clock.ms}_${Math.random().toString(36).slice(2, 11)}`
  const signed = challenge()
  const alice = await join(`post/${POST}`, `Bearer ${signAs('alice', signed)}:alice`, signed, 'alice')
  assert.equal([alice.status, alice.body.identity.id], [200, 'alice'])
  // Neither signs for a global room: the wallet sends an empty header then, the panel a name without a signature.
  for (const authorization of ['', 'Bearer :alice']) {
    const guest = await join('global/lobby', authorization, null, 'alice')
    assert.equal([guest.status, guest.body.identity.kind], [200, 'guest'])
    assert.match(guest.body.websocket_url, /^wss?:\/\/[^/]+\/\?ticket=[\w-]+$/)
    assert.ok(guest.body.turn_credentials.username && guest.body.turn_credentials.credential)
  }
  const stranger = await join(`post/${POST}`, '', null, null)
  assert.equal([stranger.status, stranger.body.identity.kind], [200, 'guest'])
  const other = challenge()
  for (const authorization of [
    `Bearer ${signAs('alice', 'another challenge')}:alice`,
    `Bearer ${signAs('bob', other)}:alice`,
    'Bearer nonsense:alice',
  ]) {
    const wrong = await join(`post/${POST}`, authorization, other, 'alice')
    assert.is(wrong.status, 401)
    assert.match(wrong.body.error, /^[A-Z].*\.$/)
  }
})

test('given the wallet’s question about sub-rooms, without a proof, then they are listed', async ({
  http,
}) => {
  const { status, body } = await call(http, 'GET', `/api/spaces/post/${POST}/subrooms`)
  assert.is(status, 200)
  assert.ok(Array.isArray(body.subrooms))
})

test('given questions about capacity and queue, then the seats are counted, and nobody waits; a space that the caller may not know of does not exist', async ({
  http,
}) => {
  const { body } = await call(http, 'GET', `/api/presence/spaces/post/${POST}/capacity?creator_account=alice`)
  assert.is(body.space.capacity.used, 0)
  assert.ok(body.space.capacity.total > 0)
  assert.is(body.space.capacity.available, body.space.capacity.total)
  assert.equal(body.space.users, { total: 0, premium: 0, regular: 0, guests: 0 })
  assert.is(body.space.viral_metrics.additional_guest_slots, 0)
  const queue = await call(http, 'GET', `/api/presence/spaces/post/${encodeURIComponent(POST)}/queue`)
  assert.is(queue.body.success, true)
  assert.is(queue.body.queue_info.current_queue.total_waiting, 0)
  for (const what of ['capacity', 'queue'])
    for (const id of ['alice/hidden-draft', 'alice/nowhere'])
      assert.is(
        (await call(http, 'GET', `/api/presence/spaces/post/${id}/${what}`)).body.code,
        'space_not_found',
      )
})

test('given questions about waiting, paying and counting, then the answers are in the form that the panel understands', async ({
  http,
}) => {
  const spaces = await call(http, 'GET', '/api/presence/users/unknown/spaces')
  assert.equal([spaces.body.spaces, spaces.body.is_guest, spaces.body.guest_limit_info], [[], true, null])
  assert.equal((await call(http, 'GET', '/api/presence/waitlist/web-1-0.5/status')).body.waitlist_entries, [])
  const left = await call(http, 'DELETE', '/api/presence/waitlist/web-1-0.5/leave', {
    payload: { space_type: 'post', space_id: POST },
  })
  assert.equal([left.body.success, left.body.removed_entries], [true, 0])
  const before = http.log.all().length
  assert.is(
    (await call(http, 'POST', '/api/presence/viral/track', { payload: { event_type: 'x', event_data: {} } }))
      .status,
    200,
  )
  assert.is(http.log.all().length, before)
  const { body } = await call(http, 'GET', '/api/subscriptions/user/alice')
  assert.equal([body.has_active_subscription, body.current_tier, body.is_premium], [false, 'free', false])
})

test('given the panel’s join, then it is a guest’s whatever account the body names, and the answer is 429 with a message if the room is full', async ({
  http,
}) => {
  const asked = {
    socket_id: 'web-1',
    user_account: 'alice',
    space_type: 'post',
    space_id: POST,
    subspace: 'main',
    position: null,
    avatar_data: null,
    voice_enabled: false,
    creator_account: 'alice',
  }
  const { status, body } = await call(http, 'POST', '/api/presence/sessions', { payload: asked })
  assert.is(status, 200)
  assert.is(body.session.user_account, null)
  assert.match(body.session.guest_id, /^guest:[0-9a-f]{12}$/)
  assert.is(body.identity.verified, false)
  assert.is(body.is_premium, false)
  assert.match(body.websocket_url, /\?ticket=/)
  assert.not(body.websocket_url.includes(body.session_token))
  assert.ok(body.capacity.total > 0)
  await call(http, 'POST', '/api/presence/sessions', { payload: { ...asked, space_type: 'planet' } }).then(
    ({ body: told }) => assert.is(told.code, 'invalid_space'),
  )
  const set = await http.app.inject({
    method: 'PATCH',
    url: `/api/spaces/post/${POST}/settings`,
    payload: { max_users: 1 },
    headers: http.bearer('alice'),
  })
  assert.is(set.statusCode, 200)
  const full = await call(http, 'POST', '/api/presence/sessions', { payload: asked })
  assert.equal([full.status, full.body.code], [429, 'space_full'])
  assert.match(full.body.message, /seats/)
  assert.equal(
    [full.body.capacity, full.body.is_premium],
    [{ used: 0, total: 1, available: 1, premiumBonus: 0 }, false],
  )
})

test('given an older server that relays, then it gets the health, its reports about others are accepted but change nothing, and nobody can speak for others', async ({
  http,
}) => {
  const health = await http.app.inject('/api/presence/health')
  assert.is(health.statusCode, (await http.app.inject('/api/health')).statusCode)
  const told = { space_type: 'post', space_id: POST, user_account: 'alice', activity_type: 'join' }
  assert.is((await call(http, 'POST', '/api/presence/activity', { payload: told })).status, 200)
  const head = http.log.all().length
  for (const method of ['PUT', 'DELETE'] as const) {
    const { status, body } = await call(http, method, '/api/presence/sessions/some-socket', {
      payload: { position: { x: 1 }, voice_enabled: true },
    })
    assert.equal([status, body.success, body.sessions], [200, true, 0])
  }
  const words = { ...told, content: 'not mine', message_type: 'text', subspace: 'main' }
  const said = await call(http, 'POST', '/api/presence/chat/messages', { payload: words })
  assert.equal([said.status, said.body.code], [403, 'forbidden'])
  assert.is(http.log.all().length, head)
})

test('given requests for tickets and paid events, then there are none, and the answer has CORS headers', async ({
  http,
}) => {
  for (const [method, url] of [
    ['GET', '/api/user/tickets'],
    ['POST', '/api/events/purchase'],
    ['POST', '/api/events/1/verify-access'],
    ['POST', '/api/events/1/join'],
    ['GET', '/api/events?limit=1&upcoming=true'],
  ] as const) {
    const answer = await http.app.inject({ method, url, headers: { origin: 'https://dlux.io' } })
    assert.is(answer.statusCode, 404)
    assert.is(JSON.parse(answer.body).code, 'not_found')
    assert.is(answer.headers['access-control-allow-origin'], 'https://dlux.io')
  }
})

test('given the fields of a join and of TURN that the wallet reads, then they are there, and no ticket is logged', async ({
  http,
}) => {
  const joined = await call(http, 'POST', '/api/spaces/global/lobby/join', {
    payload: { subspace: 'main', user_account: null, challenge: null },
    headers: { ...AS_JSON, authorization: '' },
  })
  const ticket = new URL(joined.body.websocket_url).searchParams.get('ticket') ?? ''
  assert.ok(ticket.length > 40)
  assert.not(ticket.includes('.'))
  assert.ok(joined.body.turn_credentials.username && joined.body.turn_credentials.credential)
  for (const path of ['/api/turn-credentials', '/api/webrtc/turn-config']) {
    const { body } = await call(http, 'GET', path)
    const [first] = body.iceServers
    assert.ok(first.urls.every((url: string) => /^turns?:/.test(url)))
    assert.ok(first.username && first.credential)
    assert.equal([body.iceTransportPolicy, body.iceCandidatePoolSize], ['all', 10])
  }
  await http.app.inject({
    method: 'GET',
    url: `/nowhere?ticket=${ticket}`,
    headers: { referer: `http://x/?ticket=${ticket}` },
  })
  await http.app.inject({ method: 'GET', url: `/api/spaces?ticket=${ticket}` })
  assert.not(http.lines.some((line) => line.includes(ticket)))
})

test('given a page of networked-aframe, then the scripts that it loads from its server are there, with their licence', async ({
  http,
}) => {
  const script = await http.app.inject('/easyrtc/easyrtc.js')
  assert.is(script.statusCode, 200)
  assert.match(String(script.headers['content-type']), /javascript/)
  assert.match(script.body, /Redistribution and use in source and binary forms/)
  assert.is((await http.app.inject('/easyrtc/LICENSE')).statusCode, 200)
  // networked-aframe 0.11 sets its room before it connects, and pages include whichever Socket.IO they have.
  assert.not.match(script.body, /Attempt to join room without a valid connection/)
  assert.not.match(script.body, /json\.emit/)
})

test.run()
