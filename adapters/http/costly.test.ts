/** Costly reads are counted per network and per account, and long answers by their length. */
import { Readable } from 'node:stream'
import fastify from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testHttp } from '../../infra/testing/http.ts'
import { limitCostly, PAID_CHARACTERS, WORTH } from './costly.ts'
import { longAnswer } from './long-answers.ts'

const test = suite('costly reads')

test('given one account with many addresses, when it asks for what costs much, then it has one allowance, and others have theirs', async () => {
  const http = await testHttp({ costlyPerMinute: 4 })
  let n = 0
  const ask = async (who: object, url: string) => {
    n += 1
    const remoteAddress = `203.0.113.${n}`
    return (await http.app.inject({ url, remoteAddress, headers: { ...who } })).statusCode
  }
  const urls = [
    '/api/me/audit',
    '/api/spaces/global/lobby/at?revision=0',
    '/api/spaces/global/lobby/why?event=0',
    '/api/spaces/global/lobby/transparency?from=2026-01-01&to=2026-01-02',
    '/api/spaces/global/lobby/replay',
    '/api/feed?space=global:lobby&live=false',
    '/api/audit/proof/consistency?from=1&to=2',
  ]
  const codes: number[] = []
  for (const url of urls) codes.push(await ask(http.bearer('frank'), url))
  assert.ok(
    codes.slice(0, 4).every((code) => code !== 429),
    codes.join(),
  )
  assert.equal(codes.slice(4), [429, 429, 429])
  assert.is.not(await ask(http.bearer('grace'), urls[0]!), 429)
  // Guests have no allowance per account, since anybody can be a new guest at each request.
  for (const _ of urls) assert.is.not(await ask(http.guest(), urls[0]!), 429)
  // Cheap reads go on.
  assert.is(await ask(http.bearer('frank'), '/api/spaces'), 200)
  http.clock.ms += 60_000
  assert.is.not(await ask(http.bearer('frank'), urls[1]!), 429)
  await http.close()
})

const caller = { kind: 'account', id: 'frank' } as const
/** A server with one answer of `parts` parts, each of which uses up one of the allowance, read from another address each time. */
const serving = async (perMinute: number, parts: number) => {
  const clock = { ms: 0, now: () => clock.ms }
  const app = fastify()
  app.decorateRequest('address', { getter: () => '203.0.113.1' } as never)
  limitCostly(app, clock, { costlyPerMinute: perMinute })
  const waits: number[] = []
  app.get('/api/feed', (request, reply) => {
    const pay = (characters: number): number => {
      const wait = app.costly.paid(request, caller, characters)
      waits.push(wait)
      clock.ms += wait
      return Math.min(wait, 1)
    }
    const right = {
      proof: { _tag: 'Right', right: { shown: [], claimed: null } },
      check: async () => {},
    } as never
    const given = {
      deps: { auth: { stillHolds: () => async () => E.right(null) } } as never,
      reply,
      right,
      word: () => '',
      pay,
    }
    const text = longAnswer(given, 'frank', async function* () {
      for (let n = 0; n < parts; n += 1) yield 'x'.repeat(PAID_CHARACTERS)
    })
    return reply.send(Readable.from(text, { objectMode: true, highWaterMark: 1 }))
  })
  const { body } = await app.inject('/api/feed')
  await app.close()
  return { length: body.length, waits, ms: clock.ms }
}

test('given an answer that is longer than the allowance, then it comes completely, and no faster than the allowance refills', async () => {
  const { length, waits, ms } = await serving(60, 180)
  assert.is(length, 180 * PAID_CHARACTERS)
  // The request itself takes one, so 59 are left at once; then there is one more each second.
  assert.ok(waits.slice(0, 59).every((wait) => wait === 0))
  assert.ok(waits.slice(59).every((wait) => wait > 0 && wait <= 1_001))
  assert.ok(Math.abs(ms - 121_000) < 1_000, String(ms))
})

test('given an answer within the allowance, then nothing of it waits', async () => {
  const { waits } = await serving(60, 50)
  assert.ok(waits.every((wait) => wait === 0))
})

test('given searches for rooms and pages far into their list, when they have used up the caller’s allowance, then further ones must wait, and the first pages of the list need not', async () => {
  const http = await testHttp({ costlyPerMinute: 4 })
  const ask = async (url: string) =>
    (await http.app.inject({ url, remoteAddress: '203.0.113.7', headers: { ...http.guest() } })).statusCode
  const codes: number[] = []
  for (const url of ['/api/spaces?q=lobby', '/api/spaces?offset=9999', '/api/spaces?q=x', '/api/spaces?q=y'])
    codes.push(await ask(url))
  assert.is(codes[0], 200)
  // Their computing time is charged as well, so the last of them may already be refused.
  assert.is(await ask('/api/spaces?q=chess'), 429)
  assert.is(await ask('/api/spaces?offset=1001'), 429)
  for (const url of [
    '/api/spaces',
    '/api/spaces?q=',
    '/api/spaces?offset=1000',
    '/api/spaces?type=post&limit=100',
  ])
    assert.is(await ask(url), 200, url)
  // A minute fills an allowance, and each search on a busy machine may have been charged ten.
  http.clock.ms += 2 * 3_600_000
  assert.is(await ask('/api/spaces?q=chess'), 200)
  await http.close()
})

test('given a network that reads lists of rooms and last messages, when it has read as many as it may, then it must wait, other networks need not, and its cheap reads go on', async () => {
  const http = await testHttp({ pagesPerMinute: 3 })
  const ask = async (url: string, remoteAddress = '203.0.113.7', method: 'GET' | 'HEAD' = 'GET') =>
    (await http.app.inject({ method, url, remoteAddress, headers: { ...http.guest() } })).statusCode
  const messages = '/api/chat/global/lobby/messages'
  for (const url of ['/api/spaces', messages, '/api/spaces?type=post']) assert.is(await ask(url), 200, url)
  assert.is(await ask(messages), 429)
  assert.is(await ask('/api/spaces'), 429)
  // A HEAD costs the server what a GET does.
  assert.is(await ask('/api/spaces', '203.0.113.7', 'HEAD'), 429)
  assert.is(await ask('/api/spaces', '203.0.113.8'), 200)
  assert.is(await ask('/api/spaces', '127.0.0.1'), 200)
  assert.is(await ask('/api/spaces/global/lobby'), 200)
  http.clock.ms += 20_000
  assert.is(await ask('/api/spaces'), 200)
  await http.close()
})

test('given an export, then it counts more than a page, and less than the whole allowance', () => {
  assert.ok(WORTH.export > WORTH.search && WORTH.search > 1)
})

test.run()
