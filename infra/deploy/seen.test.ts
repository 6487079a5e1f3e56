// timeout: 180
/** The dashboard and the alerts ask for metrics that are there, and labels that they have: held against a whole product that has something
 *  to tell, with the small primary that npm start plays. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { type Client, clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever stands there; the test says what it must be
type Json = any
type Context = { product: Embedded; client: Client; receiver: ReturnType<typeof createServer> }
const test = suite<Context>('what is seen')
const root = fileURLToPath(new URL('../', import.meta.url))
const rules: Json[] = parse(readFileSync(`${root}prometheus/rules.yml`, 'utf8')).groups.flatMap(
  ({ rules: all }: Json) => all,
)
const dashboard: Json = JSON.parse(readFileSync(`${root}grafana/presence.json`, 'utf8'))
const panelExpressions: string[] = dashboard.panels.flatMap(({ targets }: Json) =>
  targets.map(({ expr }: Json) => expr),
)
const expressions: string[] = [...rules.map(({ expr }) => expr), ...panelExpressions]

const metricsOf = async ({ product }: Context): Promise<string> =>
  (await fetch(`${product.endpoints().url}/metrics`)).text()

test.before(async (context) => {
  context.product = await startEmbedded({ PRESENCE_DEMO_PRIMARY: '1', WEBHOOKS_LOOPBACK: 'on' })
  const { url } = context.product.endpoints()
  context.receiver = createServer((_, response) => response.writeHead(204).end()).listen(0, '127.0.0.1')
  await once(context.receiver, 'listening')
  const challenge = String(Math.floor(Date.now() / 1_000))
  await fetch(`${url}/api/subscriptions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-account': 'alice',
      'x-challenge': challenge,
      'x-pubkey': devKeys('alice').posting.public,
      'x-signature': signAs('alice', challenge),
    },
    body: JSON.stringify({
      url: `http://127.0.0.1:${(context.receiver.address() as AddressInfo).port}/`,
      after: 'start',
    }),
  })
  context.client = await clientOf(url, {})
  await context.client.ask('join-space', { spaceType: 'global', spaceId: 'lobby' })
  await context.client.ask('chat-message', { content: 'something to tell' })
  await context.client.ask('chat-message', { content: '' })
  await until('all has told of itself', async () => {
    const text = await metricsOf(context)
    return /presence_content_up\{[^}]*\} 1/.test(text) && text.includes('presence_webhook_deliveries_total{')
  })
})
test.after(async ({ product, client, receiver }) => {
  client?.close()
  receiver?.close()
  await product?.stop()
})

test('given npm start with the small primary, when a post changes there, then it changes here', async ({
  product,
}) => {
  const { databaseUrl } = product.endpoints()
  const primary = new pg.Client({ connectionString: databaseUrl.replace(/\/[^/]*$/, '/dlux_primary') })
  const local = new pg.Client({ connectionString: databaseUrl })
  await Promise.all([primary.connect(), local.connect()])
  const { rows } = await primary.query(
    "UPDATE posts SET title = 'seen to follow' WHERE id = (SELECT min(id) FROM posts) RETURNING author, permlink",
  )
  await until('it is here', async () => {
    const { rows: here } = await local.query('SELECT title FROM posts WHERE author = $1 AND permlink = $2', [
      rows[0].author,
      rows[0].permlink,
    ])
    return here[0]?.title === 'seen to follow'
  })
  await Promise.all([primary.end(), local.end()])
})

test('given every expression of dashboard and alerts, then each metric in it exists, with the labels that it uses', async (context) => {
  const labels = new Map<string, Set<string>>()
  for (const [, name, inside] of (await metricsOf(context)).matchAll(/^([a-z_0-9]+)(?:\{(.*)\})? /gm)) {
    const known = labels.get(name!) ?? new Set<string>()
    for (const [, label] of (inside ?? '').matchAll(/([a-z_]+)="/g)) known.add(label!)
    labels.set(name!, known)
  }
  const made = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])))
  // What Prometheus itself adds.
  const added = new Set(['up', 'job', 'instance'])
  let found = 0
  for (const expr of expressions)
    for (const [, name, inside = ''] of expr.matchAll(
      /\b((?:presence|nodejs|process)[a-z_:0-9]*|up)\b(?:\{([^}]*)\})?/g,
    )) {
      if (made.has(name) || added.has(name!)) continue
      found += 1
      assert.ok(labels.has(name!), `${name} of ${expr}`)
      const asked = [...inside.matchAll(/([a-z_]+)\s*(?:=|!)/g)].map(([, label]) => label!)
      for (const [, by] of expr.matchAll(/\bby \(([^)]*)\)/g))
        asked.push(...by!.split(',').map((one) => one.trim()))
      for (const label of asked)
        assert.ok(labels.get(name!)!.has(label) || added.has(label), `${label} of ${name} in ${expr}`)
    }
  assert.ok(found > 40, 'the expressions are read')
})

test('given the alerts, then each says what is wrong and what to do', () => {
  const alerts = rules.filter(({ alert }) => alert !== undefined)
  assert.ok(alerts.length >= 10)
  for (const { alert, annotations, labels } of alerts) {
    assert.match(alert, /^Presence[A-Z]/)
    assert.ok(annotations.summary.length > 10 && annotations.what.length > 10, alert)
    assert.ok(['page', 'ticket'].includes(labels.severity), alert)
  }
})

test('given the dashboard, then its panels do not overlap, and each has a query', () => {
  const taken = new Set<string>()
  for (const { gridPos, targets, title } of dashboard.panels) {
    assert.ok(targets.length > 0, title)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        assert.ok(x < 24 && !taken.has(`${x} ${y}`), `${title} at ${x} ${y}`)
        taken.add(`${x} ${y}`)
      }
  }
})

test('where promtool is installed, it finds nothing wrong, and the alerts fire when they should', () => {
  if (spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status !== 0) return
  const folder = `${root}prometheus`
  const questions = mkdtempSync(join(tmpdir(), 'rules-'))
  // The dashboard's questions too, as rules of their own.
  const asRules = panelExpressions.map((expr, i) => ({
    record: `panel:${i}`,
    expr: expr.replaceAll('$node', '.*'),
  }))
  writeFileSync(
    join(questions, 'panels.yml'),
    JSON.stringify({ groups: [{ name: 'panels', rules: asRules }] }),
  )
  for (const args of [
    ['check', 'rules', `${folder}/rules.yml`, join(questions, 'panels.yml')],
    ['test', 'rules', `${folder}/rules.test.yml`],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', cwd: folder })
    assert.is(status, 0, stdout + stderr)
  }
  rmSync(questions, { recursive: true })
})

test.run()
