/** Filters over REST: setting them, what they hold, mute and report, what moderators do about it, and why; nobody else learns of it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyJson, ask, done } from '../../infra/testing/calls.ts'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'

const test = suite<{ http: TestHttp }>('filters over REST')
const ROOM = '/api/spaces/post/alice/my-post'
const CHAT = '/api/chat/post/alice/my-post/messages'

const contents = async (http: TestHttp, who = 'dave'): Promise<ReadonlyArray<string>> => {
  await http.settled()
  return (await done(http, `GET ${CHAT}`, who)).messages.map(({ content }: AnyJson) => content)
}

test.before(async (context) => {
  context.http = await testHttp()
  await done(context.http, `PUT ${ROOM}/permissions/maria`, 'alice', { permission: 'moderate' })
})
test.after(({ http }) => http.close())

test('given an admin, when they set filters, then moderators read them, and others neither read nor set any', async ({
  http,
}) => {
  const rude = { words: ['darn', 'heck*'], acts: ['hold', 'report'] }
  await done(http, `PUT ${ROOM}/filters/rude`, 'alice', rude)
  await done(http, `PUT ${ROOM}/filters/often`, 'alice', {
    count: 3,
    seconds: 5,
    acts: ['mute'],
    mute_seconds: 60,
  })
  const { filters } = await done(http, `GET ${ROOM}/filters`, 'maria')
  assert.equal(
    filters.map(({ filter_id, words, count, acts, set_by }: AnyJson) => [
      filter_id,
      words,
      count,
      acts,
      set_by,
    ]),
    [
      ['rude', ['darn', 'heck*'], null, ['hold', 'report'], 'alice'],
      ['often', null, 3, ['mute'], 'alice'],
    ],
  )
  for (const [who, call] of [
    ['dave', `GET ${ROOM}/filters`],
    ['dave', `GET ${ROOM}/filtered`],
    ['maria', `PUT ${ROOM}/filters/rude`],
    ['dave', `DELETE ${ROOM}/filters/rude`],
  ] as const)
    assert.equal(
      (await ask(http, call, who, call.startsWith('GET') ? undefined : rude)).code,
      'forbidden',
      call,
    )
  for (const call of [
    'GET filters',
    'GET filtered',
    'PUT filters/rude',
    'POST filtered/00000000-0000-4000-8000-000000000001/approve',
  ]) {
    const [method, path] = call.split(' ')
    const there = await ask(
      http,
      `${method} /api/spaces/post/alice/hidden-draft/${path}`,
      'dave',
      method === 'GET' ? undefined : rude,
    )
    assert.is(there.code, 'space_not_found', call)
  }
  for (const [body, code] of [
    [{ words: [], acts: ['hold'] }, 'invalid_words'],
    [{ words: ['a*b'], acts: ['hold'] }, 'invalid_words'],
    [{ words: ['a'], count: 1, acts: ['hold'] }, 'invalid_words'],
    [{ count: 99, seconds: 5, acts: ['hold'] }, 'invalid_count'],
    [{ words: ['a'], acts: ['mute'] }, 'invalid_mute_seconds'],
    [{ words: ['a'], acts: [] }, 'invalid_acts'],
  ] as const)
    assert.is((await ask(http, `PUT ${ROOM}/filters/bad`, 'alice', body)).code, code, JSON.stringify(body))
  assert.is((await ask(http, `PUT ${ROOM}/filters/Bad`, 'alice', rude)).code, 'invalid_filter_id')
})

test('given a held message, then its author learns of it, moderators see it, and the room does not; when it is approved, it is posted', async ({
  http,
}) => {
  const sent = await done(http, `POST ${CHAT}`, 'dave', { content: 'Oh DARN!' })
  assert.equal([sent.held, sent.content], [true, 'Oh DARN!'])
  // When it is sent again, it still waits.
  const again = await done(http, `POST ${CHAT}`, 'dave', {
    content: 'Oh DARN!',
    message_id: sent.message_id,
  })
  assert.equal([again.held, again.message_id], [true, sent.message_id])
  assert.equal(await contents(http), [])
  const { messages } = await done(http, `GET ${ROOM}/filtered`, 'maria')
  assert.equal(
    messages.map((one: AnyJson) => [
      one.message_id,
      one.user_account,
      one.content,
      one.filters,
      one.held,
      one.reported,
    ]),
    [[sent.message_id, 'dave', 'Oh DARN!', ['rude'], true, true]],
  )
  assert.is(
    (await ask(http, `POST ${ROOM}/filtered/${sent.message_id}/approve`, 'dave', {})).code,
    'forbidden',
  )
  await done(http, `POST ${ROOM}/filtered/${sent.message_id}/approve`, 'maria', {})
  assert.equal(await contents(http), ['Oh DARN!'])
  const row = (await done(http, `GET ${CHAT}`, 'dave')).messages[0]
  assert.equal([row.message_id, row.user_account], [sent.message_id, 'dave'])
  // Approving it again changes nothing.
  await done(http, `POST ${ROOM}/filtered/${sent.message_id}/approve`, 'maria', {})
  assert.equal(await contents(http), ['Oh DARN!'])
  assert.equal((await done(http, `GET ${ROOM}/filtered`, 'maria')).messages, [])
})

test('given a dropped message, then the room never had it; if it had been posted, it is deleted', async ({
  http,
}) => {
  const held = await done(http, `POST ${CHAT}`, 'dave', { content: 'heckle' })
  await done(http, `POST ${ROOM}/filtered/${held.message_id}/drop`, 'maria', { reason: 'not here' })
  assert.equal((await done(http, `GET ${ROOM}/filtered`, 'maria')).messages, [])
  assert.is(
    (await ask(http, `POST ${ROOM}/filtered/${held.message_id}/approve`, 'maria', {})).code,
    'message_not_found',
  )
  assert.equal(await contents(http), ['Oh DARN!'])
  await done(http, `PUT ${ROOM}/filters/seen`, 'alice', { words: ['odd'], acts: ['report'] })
  const odd = await done(http, `POST ${CHAT}`, 'dave', { content: 'odd' })
  assert.is(odd.held, undefined)
  assert.equal(await contents(http), ['Oh DARN!', 'odd'])
  await done(http, `POST ${ROOM}/filtered/${odd.message_id}/drop`, 'maria', {})
  await http.settled()
  const last = (await done(http, `GET ${CHAT}`, 'dave')).messages.at(-1)
  assert.equal([last.content, last.is_deleted], ['', true])
})

test('given an edit with words that a filter holds, then the room reads the message as before until a moderator lets the edit through', async ({
  http,
}) => {
  const { message_id } = await done(http, `POST ${CHAT}`, 'dave', { content: 'fine' })
  const sent = await done(http, `PATCH ${CHAT}/${message_id}`, 'dave', { content: 'darn' })
  assert.equal([sent.held, sent.message_id], [true, message_id])
  assert.equal((await contents(http)).at(-1), 'fine')
  const waiting = (await done(http, `GET ${ROOM}/filtered`, 'maria')).messages
  assert.equal(
    waiting.map((one: AnyJson) => [one.message_id, one.edits, one.content, one.held, one.reported]),
    [[sent.edit_id, message_id, 'darn', true, true]],
  )
  await done(http, `POST ${ROOM}/filtered/${sent.edit_id}/approve`, 'maria', {})
  await http.settled()
  assert.equal((await contents(http)).at(-1), 'darn')
  assert.equal((await done(http, `GET ${ROOM}/filtered`, 'maria')).messages, [])
  const again = await done(http, `PATCH ${CHAT}/${message_id}`, 'dave', { content: 'heckler' })
  await done(http, `DELETE ${CHAT}/${again.edit_id}`, 'dave')
  assert.equal((await done(http, `GET ${ROOM}/filtered`, 'maria')).messages, [])
  await done(http, `DELETE ${CHAT}/${message_id}`, 'dave')
})

test('given too many messages in a while, then their writer is muted in the chat for a time, and approval ends the mute', async ({
  http,
}) => {
  const said = []
  for (const content of ['one', 'two', 'three', 'four'])
    said.push(await done(http, `POST ${CHAT}`, 'erin', { content }))
  const refused = await ask(http, `POST ${CHAT}`, 'erin', { content: 'five' })
  assert.equal([refused.status, refused.code], [403, 'muted'])
  await http.settled()
  const { muted } = await done(http, `GET ${ROOM}/filtered`, 'maria')
  assert.equal(
    muted.map((one: AnyJson) => [one.subject, one.filter_id]),
    [['erin', 'often']],
  )
  const refusal = (await done(http, `GET ${ROOM}/audit?action=CommandRefused`, 'maria')).entries.find(
    (row: AnyJson) => row.details.reason === 'muted',
  )
  const why = await done(http, `GET ${ROOM}/why?event=${refusal.event_id}`, 'maria')
  assert.is(why.agrees, true)
  const rule = why.rules.find((one: AnyJson) => one.rule === 'filter_mute')
  assert.match(rule.says, /The filter often had muted erin until/)
  assert.match(rule.because.says, /alice set the filter often \(more than 3 messages in 5 s: mute\)/)
  await done(http, `POST ${ROOM}/filtered/${said[3].message_id}/approve`, 'maria', {})
  await done(http, `POST ${CHAT}`, 'erin', { content: 'five' })
})

test('given acts of filters, then why names the filter and who set it, and agrees with what happened', async ({
  http,
}) => {
  await http.settled()
  const { entries: events } = await done(http, `GET ${ROOM}/audit?limit=100`, 'maria')
  const kinds = new Set(events.map(({ action }: AnyJson) => action))
  for (const kind of ['FilterSet', 'MessageHeld', 'FilterActed', 'MessageApproved', 'MessageDropped'])
    assert.ok(kinds.has(kind), kind)
  for (const { event_id, action, stream } of events) {
    if (!/^(space|chat)-/.test(stream)) continue
    const why = await done(http, `GET ${ROOM}/why?event=${event_id}`, 'maria')
    assert.is(why.agrees, true, `${action}: ${JSON.stringify(why.verdict)}`)
    if (action !== 'MessageHeld') continue
    const rule = why.rules.find((one: AnyJson) => one.rule === 'filter')
    assert.match(rule.says, /The filter rude, set by alice, caught it \(2 words and phrases: hold, report\)/)
    assert.is(rule.because.type, 'FilterSet')
  }
  const then = await done(http, `GET ${ROOM}/at?time=${new Date(http.clock.ms).toISOString()}`, 'maria')
  assert.equal(
    then.filters.map(({ filter_id, event }: AnyJson) => [filter_id, typeof event.event_id]),
    [
      ['rude', 'string'],
      ['often', 'string'],
      ['seen', 'string'],
    ],
  )
  assert.not(JSON.stringify(then.messages).includes('heckle'))
})

test('given a filter that reported somebody, then they find no trace of it: not in their rows, not by a proof', async ({
  http,
}) => {
  await http.settled()
  const acted = (await done(http, `GET ${ROOM}/audit?action=FilterActed`, 'maria')).entries
  const report = acted.find(({ details }: AnyJson) => details.act === 'report')
  const mute = acted.find(({ details }: AnyJson) => details.act === 'mute')
  assert.equal([report.user_account, mute.user_account], ['dave', 'erin'])
  const proofOf = (event: string, who: string) =>
    ask(http, `GET /api/audit/proof/inclusion?event=${event}`, who)
  assert.is((await proofOf(report.event_id, 'dave')).code, 'event_not_found')
  assert.is((await proofOf(report.event_id, 'maria')).status, 200)
  assert.is((await proofOf(mute.event_id, 'erin')).status, 200)
  for (const url of [`${ROOM}/audit?limit=100`, '/api/me/audit?limit=100']) {
    const own = (await done(http, `GET ${url}`, 'dave')).entries.map(({ action }: AnyJson) => action)
    assert.ok(own.includes('MessageHeld') && !own.includes('FilterActed'), url)
  }
  const muted = (await done(http, `GET ${ROOM}/audit?limit=100`, 'erin')).entries
  assert.ok(muted.some(({ action }: AnyJson) => action === 'FilterActed'))
})

test('given a filter that is removed, then it no longer acts', async ({ http }) => {
  await done(http, `DELETE ${ROOM}/filters/rude`, 'alice')
  assert.is((await done(http, `POST ${CHAT}`, 'dave', { content: 'darn' })).held, undefined)
})
test.run()
