/** A Hive node that knows nothing, or answers something other than it was asked, does not decide: the next node is
 *  asked, and if there is none, the result is trouble, and nothing is said about the account or post itself. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys } from '../../infra/hive/keys.ts'
import { createHive, type Hive, type HiveError } from './hive.ts'

const test = suite('no last word')

const authority = (key: string) => ({ weight_threshold: 1, account_auths: [], key_auths: [[key, 1]] })
const KEYS = devKeys('alice')
const POST = { author: 'alice', permlink: 'my-post', title: 'Mine', created: '2026-01-31T12:00:00' }
/** What a healthy node answers, by method. */
const GOOD: Readonly<Record<string, unknown>> = {
  'condenser_api.get_accounts': [
    {
      name: 'alice',
      owner: authority(KEYS.owner.public),
      active: authority(KEYS.active.public),
      posting: authority(KEYS.posting.public),
    },
  ],
  'bridge.get_community': { name: 'hive-123456', title: 'Ours', team: [['alice', 'owner', '']] },
  'bridge.get_post': POST,
  'bridge.get_ranked_posts': [POST],
}
const nothingOf = (method: string): unknown =>
  method === 'condenser_api.get_accounts' || method === 'bridge.get_ranked_posts' ? [] : null

type Answer = (response: ServerResponse, method: string) => void
const json =
  (value: unknown): Answer =>
  (response) =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
const servers: Server[] = []
const node = async (answer: Answer): Promise<{ readonly url: string; readonly asked: () => number }> => {
  let asked = 0
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      asked += 1
      answer(response, (JSON.parse(body) as { method: string }).method)
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked }
}
test.after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

const well = await node((response, method) => json({ id: 1, result: GOOD[method] })(response, method))
const empty = await node((response, method) => json({ id: 1, result: nothingOf(method) })(response, method))
const NEVER = { url: 'http://127.0.0.1:9' }

const ASKED: Readonly<Record<string, (hive: Hive) => Promise<E.Either<HiveError, unknown>>>> = {
  'an account’s keys': (hive) => hive.keysOf('alice')(),
  'a community': (hive) => hive.community('hive-123456')(),
  'a post': (hive) => hive.post('alice/my-post')(),
  'what is read now': (hive) => hive.ranked('vr')(),
}
const isFound = (answer: E.Either<HiveError, unknown>): boolean => {
  if (E.isLeft(answer) || answer.right === null) return false
  const { right } = answer as { readonly right: { readonly size?: number; readonly length?: number } }
  return (right.size ?? right.length ?? 1) > 0
}
const hive = (...nodes: ReadonlyArray<{ readonly url: string }>) =>
  createHive({ nodes: nodes.map(({ url }) => url), clock: { now: () => 0 }, timeoutMs: 1_000 })

const WRONG: Readonly<Record<string, Answer>> = {
  'null alone': json(null),
  'a number': json(7),
  'a list': json([]),
  'an object of nothing': json({}),
  'a text for a result': json({ id: 1, result: 'alice' }),
  'a number for a result': json({ id: 1, result: 7 }),
  'true for a result': json({ id: 1, result: true }),
  'what is about others': json({ id: 1, result: [{ name: 'mallory', author: 'mallory' }] }),
  'an error': json({ id: 1, error: { code: -32_003, message: 'Internal Error' } }),
  'an error beside a result': (response, method) =>
    json({ id: 1, result: nothingOf(method), error: { code: -32_000, message: 'rate limit' } })(
      response,
      method,
    ),
  'a page of HTML': (response) =>
    void response.setHeader('content-type', 'text/html').end('<!doctype html><title>502</title>'),
  'nothing at all': (response) => void response.end(),
  'half of it': (response) => void response.end('{"id":1,"result":['),
  'a redirect': (response) => void response.writeHead(302, { location: well.url }).end(),
  '503': (response) => void response.writeHead(503).end('{"id":1,"result":[]}'),
  '429': (response) => void response.writeHead(429, { 'retry-after': '60' }).end(),
  'no answer in time': () => {},
  'a line that is cut': (response) => void response.destroy(),
  'too much': (response) => void response.end(`{"result":"${'x'.repeat(1_100_000)}"}`),
}

for (const [what, ask] of Object.entries(ASKED)) {
  test(`given a node that knows nothing, when it is asked for ${what}, then the next is asked, and its answer counts`, async () => {
    assert.ok(isFound(await ask(hive(well))))
    assert.ok(isFound(await ask(hive(empty, well))))
    assert.ok(isFound(await ask(hive(empty, NEVER, well))))
  })
  test(`given nodes of which none knows it, when they are asked for ${what}, then all were asked, and there is none`, async () => {
    const before = empty.asked()
    const answer = await ask(hive(empty, { url: `${empty.url}/2` }))
    assert.is(empty.asked(), before + 2)
    assert.not.ok(isFound(answer))
    assert.is(
      E.isLeft(answer) ? answer.left._tag : 'known',
      what.includes('keys') ? 'UnknownAccount' : 'known',
    )
  })
  test(`given a node that knows nothing, and another that does not answer, when they are asked for ${what}, then the result is unknown`, async () => {
    for (const both of [hive(empty, NEVER), hive(NEVER, empty)]) {
      const answer = await ask(both)
      assert.is(E.isLeft(answer) ? answer.left._tag : answer.right, 'HiveUnavailable')
    }
  })
}

for (const [answered, how] of Object.entries(WRONG))
  test(`given a node that answers ${answered}, then the next is asked; without another node, the result is unknown`, async () => {
    const odd = await node(how)
    await Promise.all(
      Object.entries(ASKED).map(async ([what, ask]) => {
        assert.ok(isFound(await ask(hive(odd, well))), what)
        const alone = await ask(hive(odd))
        assert.is(E.isLeft(alone) ? alone.left._tag : alone.right, 'HiveUnavailable', what)
      }),
    )
  })

test.run()
