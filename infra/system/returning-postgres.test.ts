// test: calm
// timeout: 240
// needs: chromium
/** A server that starts before PostgreSQL, and whose PostgreSQL is gone for six seconds: it waits and says so, and whoever
 *  connects again meanwhile is back by itself, Socket.IO's own client and the start page. */
import { setTimeout as delay } from 'node:timers/promises'
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testBrowser } from '../testing/browser.ts'
import type { Cluster } from '../testing/cluster.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testPostgres } from '../testing/postgres.ts'
import { type ServerProcess, startProjectorProcess, startServerProcess } from '../testing/server.ts'
import { until } from '../testing/until.ts'

type Context = {
  postgres: Cluster
  server: ServerProcess
  projector: ServerProcess
  stop: () => Promise<void>
}
const test = suite<Context>('a PostgreSQL that comes back')
const GONE_MS = 6_000

test.before(async (context) => {
  const [store, postgres, hive] = await Promise.all([testEventStore(), testPostgres(), startHiveStandIn()])
  const env = {
    EVENTSTORE_URL: store.url,
    DATABASE_URL: postgres.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    SYSTEM_ADMINS: 'alice',
    LOG_LEVEL: 'warn',
  }
  context.postgres = postgres
  // It starts while there is none.
  await postgres.kill()
  let isWaiting = false
  const starting = startServerProcess({ ...env, NODE_ID: 'one' }, (line) => {
    isWaiting ||= /waiting for Postgres/i.test(line)
  })
  await until('it says what it waits for', () => isWaiting, 120_000)
  await postgres.restart()
  context.server = await starting
  context.projector = await startProjectorProcess({ ...env, NODE_ID: 'projector' })
  context.stop = async () => {
    await context.server.stop()
    await context.projector.stop()
    await Promise.all([store.stop(), hive.close(), postgres.stop()])
  }
})
test.after(async ({ stop }) => stop?.())

test('given a server that started without PostgreSQL, when that comes up, then the server does, too, and had said what it was waiting for', async ({
  server,
}) => {
  assert.match(server.output(), /waiting for Postgres/i)
  await until('health is ok', async () => (await fetch(`${server.url}/health`)).status === 200)
})

const proofOf = (account: string) => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    account,
    challenge,
    pubkey: devKeys(account).posting.public,
    signature: signAs(account, challenge),
  }
}
const LOBBY = { spaceType: 'global', spaceId: 'lobby' }
const joins = (socket: Socket): Promise<{ ok: boolean }> =>
  socket.timeout(20_000).emitWithAck('join-space', LOBBY)

test('given six kinds of clients and the start page, when PostgreSQL is gone for six seconds and all of them lose their connections, then all come back by themselves', async ({
  postgres,
  server,
}) => {
  const browser = await testBrowser()
  const sockets = Array.from({ length: 6 }, (_, n) =>
    io(server.url, {
      forceNew: true,
      // A new proof each time, as a wallet gives it.
      auth: (give: (auth: object) => void) => give(n % 2 === 0 ? proofOf(`client-${n}`) : {}),
    }),
  )
  try {
    const page = await (await browser.createBrowserContext()).newPage()
    await page.goto(server.url)
    await page.waitForSelector('#line:not(.off)', { timeout: 30_000 })
    const refused: unknown[] = []
    for (const socket of sockets) {
      socket.on('connect_error', (error) => refused.push(error))
      await until('it is connected', () => socket.connected)
      assert.ok((await joins(socket)).ok)
    }
    await postgres.kill()
    const gone = delay(GONE_MS)
    // As a cut line ends it: the client comes again.
    for (const socket of sockets) socket.io.engine.close()
    const cdp = await page.createCDPSession()
    await cdp.send('Network.emulateNetworkConditions', {
      offline: true,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    })
    await page.waitForSelector('#line.off', { timeout: 60_000 }).catch(() => {})
    await cdp.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    })
    await gone
    assert.ok(
      sockets.every(({ active }) => active),
      'none has given up',
    )
    await postgres.restart()
    for (const socket of sockets) {
      await until('it is connected again', () => socket.connected)
      await until('it is in', async () => (await joins(socket).catch(() => ({ ok: false }))).ok)
    }
    assert.equal(refused, [])
    await page.waitForSelector('#line:not(.off)', { timeout: 60_000 })
  } finally {
    for (const socket of sockets) socket.disconnect()
    await browser.close()
  }
})

test.run()
