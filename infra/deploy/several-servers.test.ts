/** Several servers behind the project's own Caddyfile, and a real browser whose page is of another site. */
// needs: caddy chromium
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { freePort } from '../postgres/embedded.ts'
import { type Browser, type Pages, testBrowser, testPages } from '../testing/browser.ts'
import { CADDYFILE, type TestCaddy, testCaddy } from '../testing/caddy.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { type TestNode, testNode } from '../testing/sockets.ts'

const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

/** A name server that knows one answer: every name has these addresses. Over TCP, as Caddy asks one that it is told of. */
const nameServer = async (addresses: ReadonlyArray<string>) => {
  const answerTo = (asked: Buffer): Buffer => {
    const end = asked.indexOf(0, 12) + 5
    const known = asked.readUInt16BE(end - 4) === 1 ? addresses : []
    const head = Buffer.from(asked.subarray(0, 12))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(known.length, 6)
    head.writeUInt16BE(0, 10)
    const answers = known.map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]),
    )
    return Buffer.concat([head, asked.subarray(12, end), ...answers])
  }
  const server = createServer((line) =>
    line
      .on('error', () => {})
      .on('data', (asked) => {
        const answer = answerTo(asked.subarray(2))
        line.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]))
      }),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

type Context = { nodes: TestNode[]; caddy: TestCaddy; pages: Pages; browser: Browser; drop: () => void }
const several = suite<Context>('several servers behind Caddy')

several.before(async (context) => {
  const [log, port, names, pages] = [
    memoryLog(),
    await freePort(),
    await nameServer(HOSTS),
    await testPages(),
  ]
  context.pages = pages
  context.nodes = await Promise.all(
    HOSTS.map((host) =>
      testNode(log, { name: host, host, port, origins: [pages.origin], trustProxy: ['loopback'] }),
    ),
  )
  const folder = mkdtempSync(join(tmpdir(), 'presence-caddyfile-'))
  const file = join(folder, 'Caddyfile')
  // As it is, but for whom it asks for the servers' addresses.
  const given = readFileSync(CADDYFILE, 'utf8')
  writeFileSync(file, given.replace('refresh 5s', `refresh 5s\n resolvers ${names.address}`))
  context.caddy = await testCaddy('servers.test', port, file)
  context.browser = await testBrowser()
  context.drop = () => {
    names.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
several.after(async ({ nodes, caddy, pages, browser, drop }) => {
  await browser.close()
  await caddy.stop()
  await pages.close()
  for (const node of nodes) await node.stop()
  drop()
})

/** Connects, joins and speaks in the page, as Socket.IO's client does by itself; what became of each. */
const inPage = (how: { url: string; options: object; count: number }) => {
  // biome-ignore lint/suspicious/noExplicitAny: of the page, not of this process
  const { io } = globalThis as any
  const one = (n: number) =>
    new Promise((resolve) => {
      const socket = io(how.url, { forceNew: true, ...how.options })
      const told: string[] = []
      socket.on('connect_error', (error: Error) => told.push(`connect_error ${error.message}`))
      socket.on('disconnect', (reason: string) => told.push(`disconnect ${reason}`))
      setTimeout(() => resolve({ ok: false, told, transport: 'none that stays' }), 20_000)
      socket.on('connect', async () => {
        const joined = await socket.emitWithAck('join-space', { spaceType: 'global', spaceId: 'lobby' })
        for (let i = 0; i < 5; i += 1) await socket.emitWithAck('chat-message', { content: `${n}/${i}` })
        resolve({ ok: joined.ok, told, transport: socket.io.engine.transport.name })
      })
    })
  return Promise.all(Array.from({ length: how.count }, (_, n) => one(n)))
}

/** A browser makes six connections to a server for each visitor, and whoever stays on polling keeps one waiting. */
const VISITORS = 2
const EACH = 4

for (const [what, options, transport] of [
  ['a client as it comes, polling first', {}, 'websocket'],
  ['one that sends cookies along', { withCredentials: true }, 'websocket'],
  ['one that stays on polling', { transports: ['polling'] }, 'polling'],
] as const)
  several(
    `given three servers and two visitors with a page of another site, when 8 connect (${what}), then all 8 are in and stay`,
    async ({ browser, pages, caddy }) => {
      const visit = async () => {
        const visitor = await browser.createBrowserContext()
        const page = await visitor.newPage()
        await page.goto(pages.origin)
        const became = await page.evaluate(inPage, { url: caddy.url, options, count: EACH })
        return { visitor, became }
      }
      const visits = await Promise.all(Array.from({ length: VISITORS }, visit))
      assert.deepEqual(
        visits.flatMap(({ became }) => became),
        Array(VISITORS * EACH).fill({ ok: true, told: [], transport }),
      )
      for (const { visitor } of visits) await visitor.close()
    },
  )

several(
  'given clients of many addresses, then they are spread over the servers, each address on one',
  async ({ caddy }) => {
    const nodeFor = (localAddress: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const path = '/socket.io/?EIO=4&transport=polling'
        const { hostname, port } = new URL(caddy.url)
        request({ hostname, port, path, localAddress, agent: false }, (response) => {
          response.resume()
          resolve(String(response.headers['x-test-node']))
        })
          .once('error', reject)
          .end()
      })
    const addresses = Array.from({ length: 24 }, (_, i) => `127.0.1.${i + 1}`)
    const first = await Promise.all(addresses.map(nodeFor))
    assert.deepEqual(await Promise.all(addresses.map(nodeFor)), first)
    assert.ok(new Set(first).size > 1, 'more than one server has clients')
  },
)

several.run()
