// timeout: 120
/** `presence load` on a whole product: only for holders of its admin key, with a chart that agrees with the figures. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../../../infra/hive/keys.ts'
import { type Embedded, startEmbedded } from '../../../infra/testing/embedded.ts'
import { runCommand } from '../dispatcher.ts'
import { chartOf } from './chart.ts'
import { load } from './command.ts'

type Context = { product: Embedded; dir: string }
const test = suite<Context>('presence load')
const run = async (...args: string[]) => {
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  return { code: await runCommand(load, args, io), said: said.join('\n') }
}
const proof = (): Record<string, string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    'x-account': 'alice',
    'x-challenge': challenge,
    'x-pubkey': devKeys('alice').posting.public,
    'x-signature': signAs('alice', challenge),
  }
}
const keyFrom = async ({ product }: Context, name: string, rights: object): Promise<string> => {
  const answer = await fetch(`${product.endpoints().url}/api/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...proof() },
    body: JSON.stringify({ name, ...rights }),
  })
  return ((await answer.json()) as { secret: string }).secret
}
test.before(async (context) => {
  context.product = await startEmbedded()
  context.dir = mkdtempSync(join(tmpdir(), 'presence-load-'))
  writeFileSync(
    join(context.dir, 'key'),
    `${await keyFrom(context, 'load', { permission: 'access', load: true })}\n`,
  )
  writeFileSync(join(context.dir, 'weak'), `${await keyFrom(context, 'weak', { permission: 'access' })}\n`)
})
test.after(async ({ product, dir }) => {
  await product?.stop()
  rmSync(dir, { recursive: true, force: true })
})
const asked = ({ product, dir }: Context, key: string, ...more: string[]) => [
  ...['--url', product.endpoints().url, '--token-file', join(dir, key), '--out', join(dir, 'result')],
  ...['--rooms', '3', '--people', '3', '--rate', '20', '--steps', '2', '--seconds', '1', ...more],
]

test('given the admins’ key, when rooms are filled and people talk, then everybody receives everything, and the chart and the figures say how fast', async (context) => {
  const { code, said } = await run(...asked(context, 'key', '--json'))
  assert.is(code, 0, said)
  const result = JSON.parse(readFileSync(join(context.dir, 'result.json'), 'utf8'))
  assert.equal(
    result.steps.map(({ asked: rate }: { asked: number }) => rate),
    [10, 20],
  )
  for (const { heard, missed, p50, p99, refused } of result.steps) {
    assert.ok(heard > 0 && p50 <= p99)
    assert.is(missed, 0)
    assert.equal(refused, {})
  }
  const svg = readFileSync(join(context.dir, 'result.svg'), 'utf8')
  assert.match(
    svg,
    `p99 ${result.steps[1].p99.toLocaleString('en', { maximumFractionDigits: result.steps[1].p99 < 10 ? 1 : 0 })} ms`,
  )
  assert.equal(JSON.parse(said.split('\n').at(-1)!).steps, result.steps)
  const again = await run(...asked(context, 'key'))
  assert.match(again.said, 'is there already')
})

test('given a key that is not the admins’, or none, then nobody joins', async (context) => {
  for (const key of ['weak', 'missing']) {
    const { code, said } = await run(...asked(context, key, '--force'))
    assert.is(code, 1, said)
  }
  writeFileSync(join(context.dir, 'wrong'), 'dpk_nothing')
  const refused = await run(...asked(context, 'wrong', '--force'))
  assert.match(refused.said, 'may bring no crowd')
  assert.is(refused.code, 1)
})

test('given a key that moderates every space, then it may create a test crowd, too, until it is revoked', async (context) => {
  const { product, dir } = context
  writeFileSync(join(dir, 'moderator'), await keyFrom(context, 'moderator', { permission: 'moderate' }))
  const { code, said } = await run(...asked(context, 'moderator', '--force'))
  assert.is(code, 0, said)
  const { url } = product.endpoints()
  const signed = { 'content-type': 'application/json', ...proof() }
  const { keys } = (await (await fetch(`${url}/api/keys`, { headers: proof() })).json()) as {
    keys: { id: string; service: string }[]
  }
  const { id } = keys.find(({ service }) => service.startsWith('service:moderator-'))!
  const revoked = await fetch(`${url}/api/keys/${id}`, { method: 'DELETE', headers: signed, body: '{}' })
  assert.is(revoked.status, 200)
  assert.match((await run(...asked(context, 'moderator', '--force'))).said, 'may bring no crowd')
  const ofRoom = await fetch(`${url}/api/keys`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...proof() },
    body: JSON.stringify({ name: 'of-a-room', space: 'global:lobby', permission: 'access', load: true }),
  })
  assert.is(ofRoom.status, 400)
})

test('given more people than the space has room for, then it says so before anybody comes', async (context) => {
  const { code, said } = await run(...asked(context, 'key', '--force', '--rooms', '100'))
  assert.is(code, 1)
  assert.match(said, 'has room for 50, and 300 are to come')
})

for (const [args, sentence] of [
  [[], 'Give --url'],
  [['--url', 'http://127.0.0.1:1', '--rate', '0'], '--rate takes a number'],
  [['--url', 'http://127.0.0.1:1', '--space', 'nowhere'], '--space'],
] as const)
  test(`when called with ${args.join(' ')}, then it says what is wrong`, async () => {
    const { code, said } = await run(...args)
    assert.is(code, 2)
    assert.match(said, sentence)
  })

test('given steps without any results, then there is still a chart', () => {
  const step = {
    asked: 10,
    said: 0,
    p50: null,
    p99: null,
    max: null,
    heard: 0,
    missed: 3,
    refused: { slow_down: 10 },
  }
  const svg = chartOf('a <title>', 'and more', [step])
  assert.not.match(svg, 'NaN')
  assert.match(svg, 'a &#60;title&#62;')
})

test('given a run, then no file is left half written', ({ dir }) => {
  assert.ok(existsSync(join(dir, 'result.svg')))
})

test.run()
