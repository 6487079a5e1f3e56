// needs: chromium
// timeout: 120
/** LiveKit as the SFU of a large room: whom we let in and with which rights, what we take back, and what it reports. What
 *  stands in for it checks our tokens, and signs its webhooks, with LiveKit's own SDK. */
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, SCENES_AND_VOICES, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { type JsonClient, jsonSocket } from '../testing/json-socket.ts'
import { type LiveKitStandIn, startLiveKit } from '../testing/livekit.ts'
import { startVoice, until, visit } from '../testing/voices.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
type Person = JsonClient & { readonly sessionId: string; readonly id: string }
type Context = {
  livekit: LiveKitStandIn
  product: Embedded
  browser: Browser
  token: string
  people: Person[]
}

const test = suite<Context>('LiveKit as the SFU')
const LOBBY = { spaceType: 'global', spaceId: 'lobby', subspace: 'main' }
const ROOM = 'global:lobby:main'

const ask = async (one: JsonClient, type: string, more: object = {}): Promise<Json> => {
  const request_id = crypto.randomUUID()
  one.send({ type, request_id, ...more })
  return one.until('answer', (answer) => answer.request_id === request_id)
}
const enter = async ({ product }: Context): Promise<Person> => {
  const socket = await jsonSocket(product.endpoints().url)
  socket.send({ type: 'join-space', ...LOBBY })
  const { sessionId, identity } = await socket.until('space-joined')
  return { ...socket, sessionId, id: identity.id }
}
/** Alice, who owns the lobby. */
const logIn = async ({ product }: Context): Promise<string> => {
  const { url } = product.endpoints()
  const call = async (path: string, body: object): Promise<Json> => {
    const headers = { 'content-type': 'application/json' }
    return (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  }
  const { challenge } = await call('/api/auth/challenge', { account: 'alice' })
  const { signature } = await call('/page/sign', { account: 'alice', message: challenge })
  const { token } = await call('/api/auth/session', { account: 'alice', challenge, signature })
  return token
}
const asAlice = async (
  { product, token }: Context,
  method: string,
  path: string,
  body?: object,
): Promise<Json> => {
  const answer = await fetch(`${product.endpoints().url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, ...((await answer.json()) as object) }
}
const post = async (
  { product }: Context,
  { body, authorization }: { body: string; authorization: string },
) => {
  const answer = await fetch(`${product.endpoints().url}/api/voice/webhook`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/webhook+json' },
    body,
  })
  return { status: answer.status, ...((await answer.json()) as Json) }
}
const reported = async (context: Context, event: string, identity: string, name = ROOM) =>
  post(
    context,
    await context.livekit.webhook({ event, id: 'EV_1', room: { name }, participant: { identity } }),
  )
/** The events of a session that its reports made. */
const carriedOf = async (context: Context, { sessionId }: Person): Promise<ReadonlyArray<string>> => {
  const { entries } = await asAlice(
    context,
    'GET',
    `/audit?space=global:lobby&limit=50&min_position=${await headOf(context)}`,
  )
  return entries
    .filter(
      (one: Json) =>
        one.target === sessionId || one.session_id === sessionId || JSON.stringify(one).includes(sessionId),
    )
    .map(({ action }: Json) => action)
    .filter((action: string) => /Carried/.test(action))
    .reverse()
}
const headOf = async ({ people }: Context): Promise<string> => {
  const one = people.at(-1)!
  const { position } = await ask(one, 'chat-message', { content: 'so far' })
  return position
}

test.before(async (context) => {
  context.livekit = await startLiveKit()
  const { url, apiUrl, key, secret } = context.livekit
  context.product = await startEmbedded({
    LIVEKIT_URL: url,
    LIVEKIT_API_URL: apiUrl,
    LIVEKIT_API_KEY: key,
    LIVEKIT_API_SECRET: secret,
  })
  context.browser = await testBrowser(SCENES_AND_VOICES)
  context.token = await logIn(context)
  context.people = []
  for (let n = 0; n < 10; n++) context.people.push(await enter(context))
})
test.after(async ({ browser, product, livekit, people }) => {
  for (const one of people ?? []) await one.close()
  await browser?.close()
  await product?.stop()
  await livekit?.close()
})

test('given a room whose voice goes from browser to browser, then nobody gets a token; with a ninth speaker everybody does, with the right to publish for those alone whose voice is on', async (context) => {
  const { people, livekit } = context
  for (const one of people.slice(0, 8)) assert.is((await ask(one, 'voice-state', { enabled: true })).ok, true)
  assert.is((await ask(people[0]!, 'voice-connect')).code, 'voice_by_mesh')
  // One more than it takes: three of them go in what follows.
  for (const one of people.slice(8)) assert.is((await ask(one, 'voice-state', { enabled: true })).ok, true)
  const listener = await enter(context)
  people.push(listener)
  await people[0]!.until('voice-route', ({ via }) => via === 'sfu')
  const at = '/spaces/global/lobby'
  const { space } = await asAlice(context, 'GET', at)
  const { subrooms } = await asAlice(context, 'GET', `${at}/subrooms`)
  assert.equal([space.voice_route, subrooms[0].voice_route], ['sfu', 'sfu'])
  const moment = await asAlice(context, 'GET', `${at}/at?time=${new Date().toISOString()}`)
  assert.equal(
    moment.voice_routes.map(({ subspace, voice_route }: Json) => [subspace, voice_route]),
    [['main', 'sfu']],
  )
  const before = await asAlice(context, 'GET', `${at}/at?revision=5`)
  assert.equal(before.voice_routes, [])
  const [speaks, listens] = [await ask(people[0]!, 'voice-connect'), await ask(listener, 'voice-connect')]
  assert.equal(
    [speaks.ok, speaks.sfu, speaks.url, speaks.room, speaks.may_speak],
    [true, 'livekit', livekit.url, ROOM, true],
  )
  const now = Date.now() / 1_000
  const { video, sub, iss, exp, nbf } = await livekit.claims(speaks.token)
  assert.equal([sub, iss], [people[0]!.sessionId, livekit.key])
  assert.ok(exp! > now && exp! <= now + 61 && nbf! <= now, 'a minute to connect')
  assert.equal(video, {
    ...{ room: ROOM, roomJoin: true, canSubscribe: true, canPublish: true, canPublishData: false },
    ...{ canUpdateOwnMetadata: false, canPublishSources: ['microphone'] },
  })
  const { video: silent } = await livekit.claims(listens.token)
  assert.equal(
    [silent!.canPublish, silent!.canSubscribe, silent!.canPublishSources],
    [false, true, undefined],
  )
})

test('given somebody on the SFU, when they are muted, kicked or gone, then LiveKit is told within 300 ms', async (context) => {
  const { people, livekit } = context
  const [, one, two, three] = people as [Person, Person, Person, Person]
  for (const each of [one, two, three]) assert.is((await ask(each, 'voice-connect')).ok, true)
  const told = (who: Person) => (asked: { body: Json }) => asked.body.identity === who.sessionId
  assert.is(
    (await asAlice(context, 'PUT', `/spaces/global/lobby/mutes/${encodeURIComponent(one.id)}`, {})).status,
    200,
  )
  const muted = Date.now()
  const silenced = await livekit.until('UpdateParticipant', told(one))
  assert.ok(silenced.at - muted < 300, `${silenced.at - muted} ms`)
  assert.equal(silenced.body, {
    ...{ room: ROOM, identity: one.sessionId },
    permission: { can_subscribe: true, can_publish: false, can_publish_data: false, can_publish_sources: [] },
  })
  assert.is(
    (await asAlice(context, 'POST', '/spaces/global/lobby/kick', { session_id: two.sessionId })).status,
    200,
  )
  const kicked = Date.now()
  const removed = await livekit.until('RemoveParticipant', told(two))
  assert.ok(removed.at - kicked < 300, `${removed.at - kicked} ms`)
  await three.close()
  await livekit.until('RemoveParticipant', told(three))
  assert.is((await ask(one, 'voice-state', { enabled: true })).code, 'muted')
  assert.equal(livekit.refused, [])
})

test('given LiveKit’s webhooks, then what it carries is on the log, once for each change, however often it is said', async (context) => {
  const { people } = context
  const [speaker] = people as [Person]
  for (const event of ['participant_joined', 'track_published', 'track_published'])
    assert.is((await reported(context, event, speaker.sessionId)).status, 200)
  assert.equal(await carriedOf(context, speaker), ['VoiceCarried'])
  for (const event of ['track_unpublished', 'participant_left', 'room_finished'])
    assert.is((await reported(context, event, speaker.sessionId)).status, 200)
  assert.equal(await carriedOf(context, speaker), ['VoiceCarried', 'VoiceNotCarried'])
})

test('given reports of somebody who is not in the room, or publishes without the right, then they are disconnected, or silenced', async (context) => {
  const { people, livekit } = context
  const muted = people[1]!
  const before = livekit.asked.length
  await reported(context, 'participant_joined', 'nobody-of-ours')
  await reported(context, 'track_published', muted.sessionId)
  await reported(context, 'participant_joined', muted.sessionId, 'not one of our rooms')
  const since = livekit.asked.slice(before).filter(({ method }) => method !== 'ListRooms')
  assert.equal(
    since.map(({ method, body }) => [method, body.identity, body.permission?.can_publish]),
    [
      ['RemoveParticipant', 'nobody-of-ours', undefined],
      ['UpdateParticipant', muted.sessionId, false],
    ],
  )
})

test('given webhooks that LiveKit did not sign, or that say something else than was signed, then they are refused and change nothing', async (context) => {
  const { livekit, people } = context
  const said = { event: 'participant_joined', room: { name: ROOM }, participant: { identity: 'x' } }
  const signed = await livekit.webhook(said)
  const other = JSON.stringify({ ...said, participant: { identity: people[0]!.sessionId } })
  const [head, , signature] = signed.authorization.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  const before = livekit.asked.length
  for (const wrong of [
    { ...signed, body: other },
    { ...signed, authorization: '' },
    { ...signed, authorization: `${none}.${signed.authorization.split('.')[1]}.` },
    { ...signed, authorization: `${head}.e30.${signature}` },
    { ...signed, authorization: 'x'.repeat(5_000) },
  ]) {
    const answer = await post(context, wrong)
    assert.equal([answer.status, answer.code], [401, 'invalid_proof'])
  }
  const odd = await livekit.webhook({ event: 'egress_started' })
  assert.is((await post(context, odd)).status, 200)
  assert.equal(
    livekit.asked.slice(before).filter(({ method }) => method !== 'ListRooms'),
    [],
  )
})

test('given a browser in such a room, then it loads LiveKit’s own client from us, which comes to LiveKit with the token', async (context) => {
  const { livekit, product } = context
  const page = await visit(context as Context & { product: Embedded }, null, 'all')
  await until(page, 'room.voice.isThroughServer')
  await startVoice(page)
  const own = String(await page.evaluate('room.me.sessionId'))
  const deadline = Date.now() + 15_000
  let subjects: ReadonlyArray<string> = []
  while (!subjects.includes(own) && Date.now() < deadline) {
    await delay(100)
    subjects = (await Promise.all(livekit.doors.map((token) => livekit.claims(token).catch(() => ({}))))).map(
      ({ sub }) => sub,
    )
  }
  assert.ok(subjects.includes(own), `${livekit.doors.length} came`)
  // LiveKit's client asks an older server over HTTP before it connects: the page's policy must let it.
  for (const path of ['/', '/examples/', '/examples/chat.html']) {
    const policy = (await fetch(`${product.endpoints().url}${path}`)).headers.get('content-security-policy')
    assert.ok(policy?.includes(` ${livekit.url.replace(/^ws/, 'http')}`), `${path}: ${policy}`)
  }
  const script = await fetch(`${product.endpoints().url}/presence-livekit.mjs`)
  assert.is(script.status, 200)
  await page.close()
})

test('given a LiveKit that does not answer, then rooms go back to a mesh, and health says so', async (context) => {
  const { livekit, people, product } = context
  livekit.isUp = false
  const looked = async (): Promise<Json> =>
    ((await (await fetch(`${product.endpoints().url}/api/health`)).json()) as Json).checks.sfu
  // It is asked every five seconds.
  const deadline = Date.now() + 15_000
  while ((await looked()).ok && Date.now() < deadline) await delay(100)
  const { ok, kind, error } = await looked()
  assert.equal([ok, kind], [false, 'livekit'])
  assert.match(error, 'does not answer')
  const told = await people[0]!.until('voice-route', ({ why }) => why === 'sfu-lost')
  assert.is(told.via, 'mesh')
})

test.run()
