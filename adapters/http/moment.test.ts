/** A room at any moment, its replay and its explanations over REST, on the real command path and tables. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'

const test = suite('a moment over REST')
const http = await testHttp()
const ROOM = '/api/spaces/post/alice/my-360-photo'
const CHAT = '/api/chat/post/alice/my-360-photo/messages'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
const ask = async (
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  who: Record<string, string>,
  body?: object,
): Promise<{ status: number; body: Json; text: string; type: string }> => {
  http.clock.ms += 1_000
  const response = await http.app.inject({
    method,
    url,
    headers: who,
    ...(body === undefined ? {} : { payload: body }),
  })
  const text = response.body
  const type = String(response.headers['content-type'])
  return {
    status: response.statusCode,
    text,
    type,
    body: type.includes('application/json') ? JSON.parse(text) : null,
  }
}
const as = (account: string) => ({ ...http.bearer(account) })
const lines = (text: string): Json[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

let banned: Json
let begun = ''
test.before(async () => {
  begun = new Date(http.clock.ms).toISOString()
  const ok = async (...call: Parameters<typeof ask>) => {
    const answer = await ask(...call)
    assert.is(answer.status, 200, answer.text)
    return answer.body
  }
  await ok('PUT', `${ROOM}/permissions/moderator-m`, as('alice'), { permission: 'moderate', reason: 'helps' })
  await ok('POST', CHAT, as('mallory'), { content: 'buy now' })
  banned = await ok('PUT', `${ROOM}/bans/mallory`, as('moderator-m'), { reason: 'spam' })
  await ok('PATCH', `${ROOM}/settings`, as('alice'), { slow_mode_seconds: 5 })
  assert.is((await ask('POST', CHAT, as('mallory'), { content: 'again' })).body.code, 'banned')
  await ok('DELETE', `${ROOM}/bans/mallory`, as('alice'))
  await http.settled()
})

test('given each way to name a moment, then the room is shown as it was, with the event that set each thing', async () => {
  const then = await ask('GET', `${ROOM}/at?position=${banned.position}`, as('moderator-m'))
  assert.is(then.status, 200, then.text)
  assert.equal(
    then.body.bans.map((one: Json) => [one.subject, one.banned_by, one.reason]),
    [['mallory', 'moderator-m', 'spam']],
  )
  assert.is(then.body.bans[0].event.position, banned.position)
  assert.equal(
    then.body.permissions.map((one: Json) => [one.user_account, one.permission]),
    [['moderator-m', 'moderate']],
  )
  assert.is(then.body.settings.slow_mode_seconds, 0)
  assert.equal(
    then.body.messages.map((one: Json) => one.content),
    ['buy now'],
  )
  const byRevision = await ask('GET', `${ROOM}/at?revision=${banned.revision}`, as('auditor'))
  assert.equal(byRevision.body, then.body)
  const byTime = await ask('GET', `${ROOM}/at?time=${then.body.time}`, as('alice'))
  assert.equal(byTime.body, then.body)
  const now = await ask(
    'GET',
    `${ROOM}/at?time=${new Date(http.clock.ms).toISOString()}&messages=1`,
    as('alice'),
  )
  assert.equal([now.body.bans, now.body.settings.slow_mode_seconds], [[], 5])
  assert.ok(now.body.settings_set_by.slow_mode_seconds.event_id)
})

test('given no moment or two, or a revision that does not exist, then 400', async () => {
  for (const query of [
    '',
    '?time=2026-01-01T00:00:00Z&position=3',
    '?time=soon',
    '?revision=-1',
    '?revision=99999',
    '?position=x',
  ]) {
    const answer = await ask('GET', `${ROOM}/at${query}`, as('alice'))
    assert.is(answer.status, 400, query)
    assert.match(answer.body.code, /^invalid_(time|revision|position)$/)
  }
})

test('given anyone but moderators and auditors, then forbidden; for a private space, as if it did not exist', async () => {
  for (const path of ['at?position=1', 'replay', 'why?event=1']) {
    for (const who of [{}, http.guest(), as('mallory')])
      assert.is((await ask('GET', `${ROOM}/${path}`, { ...who })).body.code, 'forbidden', path)
    for (const space of ['document/2', 'document/7'])
      assert.is(
        (await ask('GET', `/api/spaces/${space}/${path}`, as('mallory'))).body.code,
        'space_not_found',
        path,
      )
  }
})

test('given a replay, then each event comes in order with its change, in words and with the room after it', async () => {
  const all = await ask('GET', `${ROOM}/replay?state=true`, as('alice'))
  assert.match(all.type, /^application\/x-ndjson/)
  const events = lines(all.text)
  assert.equal(
    events.map(({ type }) => type),
    [
      'SpaceOpened',
      'PermissionGranted',
      'MessagePosted',
      'AccountBanned',
      'SettingsChanged',
      'CommandRefused',
      'AccountUnbanned',
    ],
  )
  assert.is(events[3].says, 'mallory was banned by moderator-m: spam')
  assert.is(events[3].state.bans.length, 1)
  assert.is(events[6].state.bans.length, 0)
  assert.is(events[3].client, undefined)
  const part = lines(
    (await ask('GET', `${ROOM}/replay?from=${banned.position}&to=${banned.position}`, as('auditor'))).text,
  )
  assert.equal(
    part.map(({ type }) => type),
    ['AccountBanned'],
  )
  assert.ok(part[0].client.ip)
  const none = await ask('GET', `${ROOM}/replay?to=${begun}`, as('alice'))
  assert.is(none.text, '')
  const sse = await ask('GET', `${ROOM}/replay?speed=100000x`, {
    ...as('alice'),
    accept: 'text/event-stream',
  })
  assert.match(sse.type, /^text\/event-stream/)
  assert.is(sse.text.split('\n\n').length, events.length + 1)
  const resumed = await ask('GET', `${ROOM}/replay`, {
    ...as('alice'),
    accept: 'text/event-stream',
    'last-event-id': banned.position,
  })
  assert.is(resumed.text.split('\n\n').length, 4)
})

test('given a day that no month has, then it is not a moment, and no other day is shown instead', async () => {
  for (const path of ['at?time=2026-02-30T00:00:00Z', 'replay?from=2026-04-31', 'audit?to=2026-02-29']) {
    const answer = await ask('GET', `${ROOM}/${path}`, as('alice'))
    assert.is(answer.status, 400, `${path} ${answer.text}`)
  }
})

test('given an event, then why says who had the right and from whom, back to the owner', async () => {
  const events = lines((await ask('GET', `${ROOM}/replay`, as('alice'))).text)
  for (const { event_id, position, type } of events)
    for (const name of [event_id, event_id.toUpperCase(), position]) {
      const answer = await ask('GET', `${ROOM}/why?event=${name}`, as('alice'))
      assert.is(answer.body.agrees, true, `${type} ${answer.text}`)
    }
  const ban = (await ask('GET', `${ROOM}/why?event=${events[3].event_id}`, as('auditor'))).body
  assert.is(ban.right.role, 'moderate')
  assert.is(ban.right.because.event_id, events[1].event_id)
  assert.equal(
    [ban.right.because.by.actor.id, ban.right.because.by.role, ban.right.because.by.via],
    ['alice', 'owner', 'content'],
  )
  const refusal = (await ask('GET', `${ROOM}/why?event=${events[5].event_id}`, as('alice'))).body
  assert.is(refusal.verdict.code, 'banned')
  assert.is(refusal.rules.find((one: Json) => one.rule === 'ban').because.event_id, events[3].event_id)
  const unknown = await ask('GET', `${ROOM}/why?event=00000000-0000-4000-8000-000000000000`, as('alice'))
  assert.is(unknown.body.code, 'event_not_found')
})

test('given a question, then why says whether somebody could have done it then', async () => {
  const could = async (query: string) => (await ask('GET', `${ROOM}/why?${query}`, as('alice'))).body
  const at = banned.position
  assert.is((await could(`subject=mallory&action=PostMessage&at=${at}`)).verdict.code, 'banned')
  assert.is((await could(`subject=frank&action=PostMessage&at=${at}`)).verdict.outcome, 'accepted')
  assert.is((await could(`subject=moderator-m&action=Ban&target=frank&at=${at}`)).verdict.outcome, 'accepted')
  assert.is((await could(`subject=moderator-m&action=Ban&target=alice&at=${at}`)).verdict.code, 'forbidden')
  assert.is(
    (await could(`subject=alice&action=GrantPermission&target=frank&permission=admin&at=${at}`)).verdict
      .outcome,
    'accepted',
  )
  assert.is(
    (await could(`subject=mallory&action=JoinSpace&at=${new Date(http.clock.ms).toISOString()}`)).verdict
      .outcome,
    'accepted',
  )
  assert.is((await could(`subject=mallory&action=Dance&at=${at}`)).code, 'invalid_action')
  assert.is((await could('subject=mallory&action=Ban')).code, 'invalid_at')
  assert.is((await could('event=5&subject=mallory')).code, 'invalid_event')
})

test('given a look, then it is on the log itself before it is answered', async () => {
  const looks = () => http.log.all().filter(({ stream }) => stream.startsWith('access-'))
  const before = looks().length
  await ask('GET', `${ROOM}/at?position=${banned.position}`, as('moderator-m'))
  await ask('GET', `${ROOM}/replay?from=${begun}`, as('moderator-m'))
  await ask('GET', `${ROOM}/why?event=${banned.position}`, as('moderator-m'))
  await ask('GET', `${ROOM}/why?event=${banned.position}`, as('mallory'))
  assert.equal(
    looks()
      .slice(before)
      .map(({ data }) => (data as { call: string; filters: object }).call),
    ['at', 'replay', 'why'],
  )
  assert.equal((looks()[before + 1]!.data as { filters: object }).filters, { from: begun })
})

test('given a client that goes away in the middle of a slow replay, then the server stops working on it', async () => {
  const url = await http.app.listen({ host: '127.0.0.1', port: 0 })
  const gone = new AbortController()
  const response = await fetch(`${url}${ROOM}/replay?speed=0.001x`, {
    headers: as('alice'),
    signal: gone.signal,
  })
  const reader = response.body!.getReader()
  const { value } = await reader.read()
  assert.match(new TextDecoder().decode(value), /SpaceOpened/)
  gone.abort()
  await reader.read().catch(() => {})
  // Closing waits for every answer under way, so one that did not end would delay it for minutes.
})

test('given a room whose beginning is in an archive that is not at hand, when a moment of it is requested, then 410, with the archive and its place; callers without the right get the usual answer', async () => {
  const { readStream } = http.log
  const archive = {
    name: 'archive-000001',
    place: '/mnt/archives/archive-000001',
    before: '2026-01-01T00:00:00.000Z',
  }
  const gone = E.left({ _tag: 'LogUnavailable' as const, cause: 'It is in the archive.', archive })
  const isOfRoom = (stream: string): boolean => /^(space|chat|refusal)-post:/.test(stream)
  Object.assign(http.log, {
    readStream: (stream: string, read: Parameters<typeof readStream>[1]) =>
      isOfRoom(stream) && (read.from ?? 0n) === 0n && read.direction !== 'backwards'
        ? async () => gone
        : readStream(stream, read),
  })
  try {
    for (const url of [`${ROOM}/at?time=${begun}`, `${ROOM}/why?event=${banned.position}`]) {
      const told = await ask('GET', url, as('moderator-m'))
      assert.is(told.status, 410, told.text)
      assert.is(told.body.code, 'archived')
      assert.equal(told.body.archive, archive)
      assert.is((await ask('GET', url, as('mallory'))).status, 403)
    }
    const replayed = await ask('GET', `${ROOM}/replay`, as('auditor'))
    assert.is(lines(replayed.text)[0].code, 'archived')
  } finally {
    Object.assign(http.log, { readStream })
  }
})

test.after(() => http.close())
test('given a setting that has no column of its own, when it is changed, then the tables, the room and a moment have it', async () => {
  const changed = await ask('PATCH', `${ROOM}/settings`, as('alice'), { reactions_enabled: false })
  assert.is(changed.body.reactions_enabled, false, changed.text)
  const min = `min_position=${changed.body.position}`
  assert.is((await ask('GET', `${ROOM}/settings?${min}`, as('alice'))).body.reactions_enabled, false)
  assert.is((await ask('GET', `${ROOM}?${min}`, as('alice'))).body.space.reactions_enabled, false)
  const then = await ask('GET', `${ROOM}/at?position=${changed.body.position}`, as('alice'))
  assert.is(then.body.settings.reactions_enabled, false)
  assert.is(then.body.settings_set_by.reactions_enabled.position, changed.body.position)
  const before = await ask('GET', `${ROOM}/at?revision=0`, as('alice'))
  assert.is(before.body.settings.reactions_enabled, true)
  assert.is((await ask('PATCH', `${ROOM}/settings`, as('alice'), { reactions_enabled: 1 })).status, 400)
})

test.run()
