/** Deliveries: signed, in order, each naming the one before, repeated until they are accepted, and only while the
 *  subscription's maker may see the events. */
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deliverFor } from '../../../apps/server/deliveries.ts'
import { testHttp } from '../../../infra/testing/http.ts'
import { until } from '../../../infra/testing/until.ts'

// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
type Got = { readonly headers: IncomingMessage['headers']; readonly body: string; readonly json: Json }
const test = suite('deliveries')
const http = await testHttp()
const as = (account: string): Record<string, string> => ({ ...http.bearer(account) })

/** Each receiver: everything that it received, and what it answers. */
const receivers = new Map<string, { got: Got[]; answer: (got: Got) => number }>()
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  let body = ''
  request.on('data', (chunk: Buffer) => {
    body += chunk
  })
  request.on('end', () => {
    const receiver = receivers.get(request.url ?? '')
    const got = { headers: request.headers, body, json: JSON.parse(body) }
    receiver?.got.push(got)
    response.writeHead(receiver?.answer(got) ?? 404).end('thanks')
  })
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
let made = 0
const receiver = (answer: (got: Got) => number = () => 204) => {
  made += 1
  const path = `/${made}`
  const one = { got: [] as Got[], answer, url: `${base}${path}` }
  receivers.set(path, one)
  return one
}

const pace = { backoffMs: () => 5, parkAfterMs: 24 * 3_600_000 }
const start = () =>
  deliverFor(http.deps, {
    databaseUrl: http.databaseUrl,
    allowsLoopback: true,
    metrics: { count: () => {}, observe: () => {} },
    pace,
  })
let deliveries = start()

const call = async (what: string, who: object, body?: object) => {
  const [method, url] = what.split(' ') as ['GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT', string]
  const response = await http.app.inject({
    method,
    url,
    headers: { ...who },
    ...(body === undefined ? {} : { payload: body }),
  })
  return { status: response.statusCode, body: response.json() as Json }
}
const done = async (what: string, who: object, body?: object): Promise<Json> => {
  const answer = await call(what, who, body)
  assert.is(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}
const subscribe = (url: string, more: object = {}, who = 'bob') =>
  done('POST /api/subscriptions', as(who), { url, space: 'document:2', ...more })
const say = async (content: string, space = 'document/2', who = 'bob') => {
  http.clock.ms += 1_000
  return (await done(`POST /api/chat/${space}/messages`, as(who), { content })).position as string
}
const shown = async (id: string, who = 'bob') =>
  (await done(`GET /api/subscriptions/${id}`, as(who))).subscription
const isShown = (id: string, what: string, holds: (subscription: Json) => boolean) =>
  until(what, async () => holds(await shown(id)))
const words = (got: ReadonlyArray<Got>) => got.map(({ json }) => json.data.data?.content)

test('given a subscription, when something happens, then it is delivered once, signed as Standard Webhooks, with its position and the previous one', async () => {
  const one = receiver()
  const { subscription, secret } = await subscribe(one.url)
  const positions = [await say('first'), await say('second')]
  await until('both came', () => one.got.length === 2)
  assert.equal(
    one.got.map(({ json }) => json.data.position),
    positions,
  )
  assert.is(one.got[1]!.json.data.previous, positions[0])
  const [{ headers, body, json }] = one.got as [Got]
  assert.equal(
    [json.type, json.data.data.content, headers['webhook-id']],
    ['MessagePosted', 'first', json.data.id],
  )
  assert.match(secret, /^whsec_/)
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  assert.is(headers['webhook-signature'], `v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
  assert.not.ok(http.lines.some((line) => line.includes(secret)))
  await isShown(
    subscription.id,
    'it is told',
    ({ delivered, position }) => delivered === 2 && position === positions[1],
  )
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a subscription from the start to some types, then only those are delivered, from the first', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url, { after: 'start', types: ['MessagePosted'] })
  const last = await say('of this type')
  await until('the last came', () => one.got.at(-1)?.json.data.position === last)
  assert.equal(new Set(one.got.map(({ json }) => json.type)), new Set(['MessagePosted']))
  assert.is(one.got[0]!.json.data.previous, null)
  for (const [i, { json }] of one.got.slice(1).entries())
    assert.is(json.data.previous, one.got[i]!.json.data.position)
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a receiver that refuses for a while, when it accepts again, then it gets everything, in order, under the same ids', async () => {
  let refusals = 3
  const one = receiver(() => {
    refusals -= 1
    return refusals >= 0 ? 500 : 200
  })
  const { subscription } = await subscribe(one.url)
  await say('again and again')
  await say('and then this')
  await until('all came', () => one.got.length === 5)
  assert.equal(words(one.got), [...Array(4).fill('again and again'), 'and then this'])
  assert.is(new Set(one.got.slice(0, 4).map(({ headers }) => headers['webhook-id'])).size, 1)
  await isShown(
    subscription.id,
    'it is well',
    ({ status, failures }) => status === 'active' && failures === 3,
  )
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a receiver that refuses for a day, then the subscription is parked and says so; when replayed, it continues where it stopped', async () => {
  let isOpen = false
  const one = receiver(() => (isOpen ? 200 : 503))
  const { subscription } = await subscribe(one.url)
  const position = await say('nobody takes this')
  await isShown(subscription.id, 'it fails', ({ status }) => status === 'failing')
  http.clock.ms += 25 * 3_600_000
  await isShown(subscription.id, 'it is parked', ({ status }) => status === 'parked')
  const { parked } = await shown(subscription.id)
  assert.equal([parked.position, parked.error], [position, 'It answered 503.'])
  isOpen = true
  const count = one.got.length
  await say('later')
  await done(`POST /api/subscriptions/${subscription.id}/replay`, as('bob'), {})
  await until('both came', () => one.got.length === count + 2)
  assert.equal(words(one.got.slice(count)), ['nobody takes this', 'later'])
  await http.settled()
  const { entries } = await done('GET /api/audit?action=SubscriptionParked', as('auditor'))
  assert.is(entries[0].details.position, position)
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a receiver that has everything, when its subscription is replayed from a position, then everything from there is delivered again, under the same ids', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url)
  const [first] = [await say('one'), await say('two'), await say('three')]
  await until('all came', () => one.got.length === 3)
  await done(`POST /api/subscriptions/${subscription.id}/replay`, as('bob'), { after: first })
  await until('it came again', () => one.got.length === 5)
  assert.equal(words(one.got), ['one', 'two', 'three', 'two', 'three'])
  const ids = one.got.map(({ headers }) => headers['webhook-id'])
  assert.equal(ids.slice(3), ids.slice(1, 3))
  assert.is(one.got[3]!.json.data.previous, first)
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a process that delivers, when it stops and another begins, then the other continues where it stopped', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url)
  await say('by the one')
  await isShown(subscription.id, 'it is told', ({ delivered }) => delivered === 1)
  await deliveries.stop()
  await say('while nobody delivers')
  deliveries = start()
  await until('it came', () => one.got.length === 2)
  assert.equal(words(one.got), ['by the one', 'while nobody delivers'])
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a log that went back before a subscription’s position, when it is delivered to, then it is parked and says so, and continues from a place that exists', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url)
  const at = `POST /api/subscriptions/${subscription.id}/replay`
  const first = await say('of before')
  await isShown(subscription.id, 'it is told', ({ delivered }) => delivered === 1)
  await deliveries.stop()
  const client = new pg.Client({ connectionString: http.databaseUrl })
  await client.connect()
  await client.query('UPDATE subscription_positions SET position = $1 WHERE subscription = $2', [
    '99999999999',
    subscription.id,
  ])
  await client.end()
  deliveries = start()
  await isShown(subscription.id, 'it is parked', ({ status }) => status === 'parked')
  const { parked } = await shown(subscription.id)
  assert.is(parked.position, '99999999999')
  assert.match(parked.error, 'went back')
  await say('of after')
  for (const body of [{}, { after: '99999999999' }]) {
    const refused = await call(at, as('bob'), body)
    assert.equal([refused.status, refused.body.code], [410, 'beyond_log'])
  }
  await done(at, as('bob'), { after: first })
  await until('it came', () => one.got.length === 2)
  assert.equal(words(one.got), ['of before', 'of after'])
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a subscription with proofs, then each delivery has its own proof, under a signed checkpoint', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url, { proofs: true })
  const position = await say('provable')
  await until('it came', () => one.got.length === 1)
  const { proof } = one.got[0]!.json.data
  const asked = await done(
    `GET /api/audit/proof/inclusion?position=${position}&size=${proof.size}`,
    as('bob'),
  )
  assert.equal([proof.leaf_hash, proof.proof], [asked.leaf_hash, asked.proof])
  assert.match(proof.checkpoint, 'presence.test/log')
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a new secret, then deliveries are signed with both for a day', async () => {
  const one = receiver()
  const { subscription, secret } = await subscribe(one.url)
  const changed = await done(`POST /api/subscriptions/${subscription.id}/secret`, as('bob'), {})
  assert.is.not(changed.secret, secret)
  await say('signed twice')
  await until('it came', () => one.got.length === 1)
  assert.match(String(one.got[0]!.headers['webhook-signature']), /^v1,\S+ v1,\S+$/)
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given a moderator’s subscription, when the role is revoked, then it ends, and later events are not sent', async () => {
  await done('PUT /api/spaces/document/2/permissions/mona', as('bob'), { permission: 'moderate' })
  const one = receiver()
  const { subscription } = await subscribe(one.url, {}, 'mona')
  await say('while she may')
  await until('it came', () => one.got.length === 1)
  await done('DELETE /api/spaces/document/2/permissions/mona', as('bob'), {})
  await until(
    'the role is gone',
    async () => (await call('GET /api/spaces/document/2', as('mona'))).status === 404,
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  await say('when she may not')
  await until('it is over', async () => {
    const { subscriptions } = await done('GET /api/subscriptions?space=document:2', as('bob'))
    return !subscriptions.some(({ id }: Json) => id === subscription.id)
  })
  assert.equal(words(one.got), ['while she may'])
})

test('given an auditor, when they subscribe to all spaces, then events of both spaces come, each in its order', async () => {
  const one = receiver()
  const { subscription } = await done('POST /api/subscriptions', as('auditor'), {
    url: one.url,
    types: ['MessagePosted'],
  })
  await say('here')
  await say('there', 'document/1', 'alice')
  await until('both came', () => one.got.length === 2)
  assert.equal(new Set(one.got.map(({ json }) => json.data.space_id)), new Set(['1', '2']))
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('auditor'), {})
})

test('given a receiver that is gone for good (410), then the subscription is parked at once', async () => {
  const one = receiver(() => 410)
  const { subscription } = await subscribe(one.url)
  await say('to nobody')
  await isShown(subscription.id, 'it is parked', ({ status }) => status === 'parked')
  await done(`PATCH /api/subscriptions/${subscription.id}`, as('bob'), { url: receiver().url })
  assert.is((await shown(subscription.id)).status, 'parked')
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

const WRONG: ReadonlyArray<readonly [string, string | null, object, number]> = [
  ['invalid_url', 'bob', { url: 'ftp://x/', space: 'document:2' }, 400],
  ['invalid_url', 'bob', { url: 'https://me:secret@example.com/', space: 'document:2' }, 400],
  ['invalid_url', 'bob', { url: `https://example.com/${'x'.repeat(2_000)}`, space: 'document:2' }, 400],
  ['invalid_types', 'bob', { url: 'https://example.com/', space: 'document:2', types: [] }, 400],
  ['invalid_after', 'bob', { url: 'https://example.com/', space: 'document:2', after: 'now' }, 400],
  ['beyond_log', 'bob', { url: 'https://example.com/', space: 'document:2', after: '99999999999' }, 410],
  ['space_not_found', 'frank', { url: 'https://example.com/', space: 'document:2' }, 404],
  ['forbidden', 'frank', { url: 'https://example.com/', space: 'document:1' }, 403],
  ['forbidden', 'bob', { url: 'https://example.com/' }, 403],
  ['forbidden', null, { url: 'https://example.com/' }, 403],
]
for (const [code, who, body, status] of WRONG)
  test(`when one is asked for with ${JSON.stringify(body).slice(0, 80)}, then it is told ${code}`, async () => {
    const answer = await call('POST /api/subscriptions', who === null ? {} : as(who), body)
    assert.equal([answer.body.code, answer.status], [code, status])
  })

test('given somebody else’s subscription, when a stranger sees, changes, replays or ends it, then it does not exist for them', async () => {
  const { subscription } = await subscribe(receiver().url)
  const at = `/api/subscriptions/${subscription.id}`
  for (const [what, body] of [
    [`GET ${at}`],
    [`PATCH ${at}`, {}],
    [`POST ${at}/replay`, { after: 'start' }],
    [`POST ${at}/secret`, {}],
    [`DELETE ${at}`, {}],
  ] as ReadonlyArray<readonly [string, object?]>)
    assert.is((await call(what, as('frank'), body)).body.code, 'subscription_not_found', what)
  await done(`DELETE ${at}`, as('bob'), {})
})

test('given ten subscriptions of a space, when another is requested, then there are too many', async () => {
  for (let i = 0; i < 10; i += 1) await subscribe(receiver().url, { space: 'document:1' }, 'alice')
  const answer = await call('POST /api/subscriptions', as('alice'), {
    url: receiver().url,
    space: 'document:1',
  })
  assert.is(answer.body.code, 'too_many')
})

test('given a log whose beginning is archived, when deliveries are requested from before the cut, then 410 with the position from which on everything is there; a subscription that was at such a place is parked and says so, and continues from after it', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url)
  const first = await say('taken')
  await until('it came', () => one.got.length === 1)
  await isShown(subscription.id, 'it is told', ({ position }) => position === first)
  await deliveries.stop()
  const cut = await say('archived before it was delivered')
  const archive = {
    ...{ name: 'archive-000001', place: '/mnt/archives/archive-000001' },
    ...{ before: '2026-01-01T00:00:00.000Z', position: cut },
  }
  const archivedAfter = async (after: bigint | 'start') =>
    after === 'start' || after < BigInt(cut) ? archive : null
  Object.assign(http.deps, { archivedAfter })
  try {
    deliveries = start()
    await isShown(subscription.id, 'it is parked', ({ status }) => status === 'parked')
    const { parked } = await shown(subscription.id)
    assert.match(parked.error, `is in the archive archive-000001: have it replayed after position ${cut}`)
    const again = (body: object) => call(`POST /api/subscriptions/${subscription.id}/replay`, as('bob'), body)
    for (const body of [{}, { after: 'start' }, { after: first }]) {
      const told = await again(body)
      assert.equal([told.status, told.body.code, told.body.archive], [410, 'archived', archive])
    }
    const made = await call('POST /api/subscriptions', as('bob'), {
      ...{ url: receiver().url, space: 'document:2', after: 'start' },
    })
    assert.equal([made.status, made.body.code], [410, 'archived'])
    assert.is((await again({ after: cut })).status, 200)
    await say('after the cut')
    await until('it came', () => one.got.length === 2)
    assert.equal(words(one.got), ['taken', 'after the cut'])
  } finally {
    Object.assign(http.deps, { archivedAfter: undefined })
  }
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test('given an archive that ends after what was last delivered, when nothing in it was for this address, then deliveries continue', async () => {
  const one = receiver()
  const { subscription } = await subscribe(one.url, { types: ['MessagePosted'] })
  await say('taken')
  await until('it came', () => one.got.length === 1)
  await isShown(subscription.id, 'it is told', ({ delivered }) => delivered === 1)
  await deliveries.stop()
  const position = await say('elsewhere', 'document/1', 'alice')
  await http.settled()
  const archive = { name: 'archive-000001', place: '/mnt', before: '2026-01-01T00:00:00.000Z', position }
  Object.assign(http.deps, {
    archivedAfter: async (after: bigint | 'start') =>
      after === 'start' || after < BigInt(position) ? archive : null,
  })
  try {
    deliveries = start()
    await say('still here')
    await until('it came', () => one.got.length === 2)
    assert.equal(words(one.got), ['taken', 'still here'])
  } finally {
    Object.assign(http.deps, { archivedAfter: undefined })
  }
  await done(`DELETE /api/subscriptions/${subscription.id}`, as('bob'), {})
})

test.after(async () => {
  await deliveries.stop()
  server.closeAllConnections()
  server.close()
  await http.close()
})
test.run()
