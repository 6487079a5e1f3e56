/** What is held on a person is shown to them alone, without anything that they may not know; their erasure, and legal holds. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'

type Json = Readonly<Record<string, unknown>>
const test = suite<{ http: TestHttp }>('what is held on a person')
const ROOM = '/api/spaces/document/1'
const DAY = 86_400_000

/** `what`: a method and a path. */
const ask = async ({ app, bearer }: TestHttp, who: string | null, what: string, payload?: object) => {
  const [method, url] = what.split(' ') as ['GET' | 'POST' | 'PUT' | 'DELETE', string]
  const headers = who === null ? {} : bearer(who)
  const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
  const isJson = String(answer.headers['content-type']).startsWith('application/json')
  return { status: answer.statusCode, text: answer.body, body: isJson ? answer.json() : null }
}
const fine = async (...asked: Parameters<typeof ask>) => {
  const { status, text, body } = await ask(...asked)
  assert.is(status, 200, text)
  return body
}
const linesOf = async (http: TestHttp, who: string): Promise<ReadonlyArray<Json>> => {
  const { status, text } = await ask(http, who, 'GET /api/me/data')
  assert.is(status, 200, text)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

test.before(async (context) => {
  const http = await testHttp({ erasureWaitDays: 14 })
  context.http = http
  const say = (who: string, content: string) =>
    fine(http, who, 'POST /api/chat/document/1/messages', { content })
  await say('judy', 'what judy said')
  await say('judy', 'what judy said then')
  await say('peggy', 'what peggy said')
  await fine(http, 'alice', `PUT ${ROOM}/permissions/ivan`, { permission: 'moderate' })
  await fine(http, 'alice', `PUT ${ROOM}/mutes/judy`, { reason: 'shouting' })
  // Somebody reports judy: she learns nothing of it until a moderator acts.
  await fine(http, 'peggy', `POST ${ROOM}/reports`, { subject: 'judy', text: 'a secret report' })
  await http.settled()
  await fine(http, 'ivan', `GET ${ROOM}/cases`)
  await fine(http, 'ivan', `GET ${ROOM}/audit`)
  await fine(http, 'ivan', `GET ${ROOM}/audit?account=judy`)
  await fine(http, 'ivan', `GET ${ROOM}/audit?account=peggy`)
  // A room that only bob may know of.
  for (const account of ['judy', 'mallory'])
    await fine(http, 'bob', `GET /api/spaces/document/2/audit?account=${account}`)
  await http.settled()
})
test.after(({ http }) => http.close())

/** All holds, and after them all erasures that wait, read in pages of `limit`. */
const standing = async (http: TestHttp, limit: number): Promise<Json[]> => {
  const found: Json[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { holds: Json[]; erasures: Json[]; next_cursor: string | null } = await fine(
      http,
      'admin-one',
      `GET /api/holds?limit=${limit}&cursor=${cursor}`,
    )
    assert.ok(page.holds.length + page.erasures.length <= limit)
    found.push(...page.holds, ...page.erasures)
    cursor = page.next_cursor
  }
  return found
}

test('given a caller without a proof, or with a key, then these calls are not for them', async ({ http }) => {
  for (const what of [
    'GET /api/me',
    'GET /api/me/looks',
    'GET /api/me/data',
    'POST /api/me/erasure',
    'DELETE /api/me/erasure',
  ]) {
    const { status, body } = await ask(http, null, what, what.startsWith('GET') ? undefined : {})
    assert.equal([status, body.code], [403, 'forbidden'], what)
  }
})
test('given somebody who was in a room, then they see their data in numbers, and who looked at the room’s record or searched for their name', async ({
  http,
}) => {
  const { subject, held, erasure, holds, waits_for } = await fine(http, 'judy', 'GET /api/me')
  assert.equal([subject, erasure, holds, waits_for], ['judy', null, [], []])
  const [{ first_at: _, last_at: __, ...room }] = held.rooms
  assert.equal(
    [held.rooms.length, room],
    [1, { space_type: 'document', space_id: '1', sessions: 0, messages: 2, others: 0 }],
  )
  assert.equal([held.reports, held.receipts, held.is_whole], [0, 0, true])
  const { looks } = await fine(http, 'judy', 'GET /api/me/looks')
  assert.equal(
    looks.map(({ by, by_name, call }: Json) => [by, by_name, call]),
    [
      ['ivan', true, 'audit of document:1'],
      ['ivan', false, 'audit of document:1'],
    ],
  )
  const one = await fine(http, 'judy', 'GET /api/me/looks?limit=1')
  const rest = await fine(http, 'judy', `GET /api/me/looks?cursor=${one.next_cursor}`)
  assert.equal([...one.looks, ...rest.looks], looks)
  // Nobody looked at a person who was never there, and nobody's own looks at themselves are listed. A private room in
  // which somebody searched for them by name stays unknown to them.
  assert.equal((await fine(http, 'mallory', 'GET /api/me/looks')).looks, [])
  assert.equal((await fine(http, 'mallory', 'GET /api/me')).held.rooms, [])
})
test('given a private room in which somebody was searched for who was never there, then nothing that they are given names it', async ({
  http,
}) => {
  for (const who of ['judy', 'mallory']) {
    const looks = (await linesOf(http, who)).filter(({ kind }) => kind === 'look')
    assert.equal(
      looks.filter(({ space_id }) => space_id === '2'),
      [],
    )
  }
})
test('given somebody who asks for their erasure and withdraws it again and again, or takes their data as often, then after a while they must wait, and others need not', async ({
  http,
}) => {
  const answers: string[] = []
  for (let n = 0; n < 7; n += 1)
    for (const what of ['POST /api/me/erasure', 'DELETE /api/me/erasure', 'GET /api/me/data']) {
      const { status, body } = await ask(http, 'trent', what, what.startsWith('GET') ? undefined : {})
      answers.push(status === 200 ? 'ok' : `${status} ${body.code} ${body.retry_after}`)
    }
  assert.equal(answers, [...Array.from({ length: 20 }, () => 'ok'), '429 slow_down 300'])
  await fine(http, 'victor', 'POST /api/me/erasure', {})
  await fine(http, 'victor', 'DELETE /api/me/erasure', {})
  http.clock.ms += 300_000
  await linesOf(http, 'trent')
})
test('given many guests of one network who ask for their erasure, then after a while all of them must wait, and guests of another network need not', async ({
  http,
}) => {
  const codeOf = async (remoteAddress: string) =>
    (
      await http.app.inject({
        method: 'POST',
        url: '/api/me/erasure',
        remoteAddress,
        headers: http.guest(`guest:${crypto.randomUUID().slice(-12)}`),
        payload: {},
      })
    ).statusCode
  for (let n = 0; n < 120; n += 1) assert.is(await codeOf('203.0.113.7'), 200)
  assert.is(await codeOf('203.0.113.7'), 429)
  assert.is(await codeOf('203.0.114.7'), 200)
})
test('given the file of a person’s data, then it has all their data, nothing about a case against them, and nobody else’s address; the export is recorded', async ({
  http,
}) => {
  const lines = await linesOf(http, 'judy')
  const text = JSON.stringify(lines)
  assert.match(text, /what judy said then/)
  assert.not.match(text, /secret report|what peggy said|"peggy"|ReportFiled|CaseOpened|"cases"/)
  const kinds = new Set(lines.map(({ kind }) => kind))
  assert.equal([...kinds].sort(), ['entry', 'look', 'person', 'room'])
  const mute = lines.find(({ action }) => action === 'AccountMuted')
  assert.equal([mute?.user_account, mute?.ip_address, mute?.user_agent], ['alice', null, null])
  assert.ok(lines.some(({ action, ip_address }) => action === 'MessagePosted' && ip_address === '127.0.0.1'))
  const given = http.log.all().findLast(({ type }) => type === 'DataGiven')
  assert.is((given!.data as Json).subject, 'judy')
  // The reporter's own words are given to the reporter.
  assert.match(JSON.stringify(await linesOf(http, 'peggy')), /"kind":"report".*a secret report/s)
})
test('given a requested erasure, then it waits, requesting it again changes nothing, and it can be withdrawn', async ({
  http,
}) => {
  const { clock } = http
  const first = await fine(http, 'judy', 'POST /api/me/erasure', {})
  assert.is(Date.parse(first.erasure.due_at), clock.ms + 14 * DAY)
  const again = await fine(http, 'judy', 'POST /api/me/erasure', {})
  assert.equal(again.erasure, first.erasure)
  assert.equal((await fine(http, 'judy', 'GET /api/me')).erasure, first.erasure)
  assert.is((await fine(http, 'peggy', 'GET /api/me')).erasure, null)
  await fine(http, 'judy', 'DELETE /api/me/erasure', {})
  assert.is((await fine(http, 'judy', 'GET /api/me')).erasure, null)
  const none = await ask(http, 'judy', 'DELETE /api/me/erasure', {})
  assert.equal([none.status, none.body.code], [404, 'erasure_not_found'])
  // Both are in the audit log, and in the person’s own view of it.
  await http.settled()
  const { entries } = await fine(http, 'judy', 'GET /api/me/audit?limit=20')
  const acts = entries.map(({ action }: Json) => action)
  for (const act of ['ErasureAsked', 'ErasureWithdrawn']) assert.ok(acts.includes(act), act)
})
test('given an erasure that is being carried out, then it can’t be withdrawn', async ({ http }) => {
  const { erasure } = await fine(http, 'frank', 'POST /api/me/erasure', {})
  http.clock.ms += 15 * DAY
  const begun = await http.deps.outside!.act({
    sender: { by: { kind: 'system', id: 'node-1' } },
    id: erasure.id,
    command: { type: 'BeginErasure', erasure: erasure.id, subject: 'frank' },
  })
  assert.is(begun._tag, 'Right')
  const late = await ask(http, 'frank', 'DELETE /api/me/erasure', {})
  assert.equal([late.status, late.body.code], [409, 'erasure_begun'])
  http.clock.ms -= 15 * DAY
})
test('given a legal hold, then only the system’s admins place and release it, and the person sees it', async ({
  http,
}) => {
  for (const who of ['judy', 'alice', null]) {
    for (const [what, body] of [
      ['GET /api/holds', undefined],
      ['POST /api/holds', { subject: 'judy', reason: 'x' }],
      ['DELETE /api/holds/00000000-0000-4000-8000-000000000001', {}],
    ] as const)
      assert.is((await ask(http, who, what, body)).status, 403, `${who} ${what}`)
  }
  const { hold } = await fine(http, 'admin-one', 'POST /api/holds', {
    subject: 'judy',
    reason: 'a court asked',
  })
  await fine(http, 'judy', 'POST /api/me/erasure', {})
  const mine = await fine(http, 'judy', 'GET /api/me')
  assert.equal([mine.holds, mine.waits_for], [[hold], ['legal_hold']])
  assert.equal((await fine(http, 'peggy', 'GET /api/me')).holds, [])
  const [first, ...others] = await standing(http, 50)
  assert.equal([first, others.some(({ subject }) => subject === 'judy')], [hold, true])
  const wordless = await ask(http, 'admin-one', 'POST /api/holds', { subject: 'judy', reason: '' })
  assert.is(wordless.body.code, 'invalid_reason')
  await fine(http, 'admin-one', `DELETE /api/holds/${hold.id}`, { reason: 'it is over' })
  assert.equal((await fine(http, 'judy', 'GET /api/me')).holds, [])
  const gone = await ask(http, 'admin-one', `DELETE /api/holds/${hold.id}`, {})
  assert.equal([gone.status, gone.body.code], [404, 'hold_not_found'])
})
test('given a legal hold that is placed again under its key, then nothing changes; under the same key nobody else is held', async ({
  http,
}) => {
  const place = async (subject: string, reason: string) => {
    const answer = await http.app.inject({
      method: 'POST',
      url: '/api/holds',
      headers: {
        ...http.bearer('admin-one'),
        'idempotency-key': '00000000-0000-4000-8000-00000000000a',
      },
      payload: { subject, reason },
    })
    return [answer.statusCode, answer.json().hold?.subject ?? answer.json().code]
  }
  assert.equal(await place('judy', 'a court asked'), [200, 'judy'])
  assert.equal(await place('judy', 'a court asked'), [200, 'judy'])
  assert.equal(await place('peggy', 'a court asked'), [400, 'invalid_idempotency_key'])
  const { holds } = await fine(http, 'admin-one', 'GET /api/holds')
  assert.equal(
    holds.map(({ subject }: Json) => subject),
    ['judy'],
  )
  await fine(http, 'admin-one', `DELETE /api/holds/${holds[0].id}`, {})
})
test('given more holds and erasures than a page has, then the pages together have each once, and other cursors are refused', async ({
  http,
}) => {
  const placed: string[] = []
  for (const subject of ['judy', 'ivan', 'peggy'])
    placed.push(
      (await fine(http, 'admin-one', 'POST /api/holds', { subject, reason: 'a court asked' })).hold.id,
    )
  await fine(http, 'peggy', 'POST /api/me/erasure', {})
  const whole = await standing(http, 100)
  const found = await standing(http, 7)
  assert.equal(found, whole)
  assert.is(new Set(found.map(({ id, subject }) => id ?? subject)).size, found.length)
  assert.ok(placed.every((id) => found.some((one) => one.id === id)))
  assert.is((await ask(http, 'admin-one', 'GET /api/holds?cursor=x')).body.code, 'invalid_cursor')
  for (const id of placed) await fine(http, 'admin-one', `DELETE /api/holds/${id}`, {})
})
test.run()
