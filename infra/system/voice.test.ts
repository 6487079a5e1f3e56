// needs: chromium, turnserver
// timeout: 120
/** Voices between real browsers with made-up microphones: packets are counted where they arrive. Everything goes through a real
 *  coturn, with the credentials that joining gives. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../postgres/embedded.ts'
import { type Browser, type Page, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

type Context = {
  product: Embedded
  browser: Browser
  turn: { readonly stop: () => Promise<void> }
  alice: Page
  bob: Page
  carol: Page
}
const test = suite<Context>('voice between browsers')
/** Milliseconds after a mute is on the log in which the last packet of the muted may arrive. */
const SILENT_WITHIN_MS = 300
const SECRET = 'for-tests-only-0123456789'

const startTurn = async (port: number) => {
  const flags = [
    '--use-auth-secret',
    `--static-auth-secret=${SECRET}`,
    '--realm=test',
    '--no-cli',
    '--no-tls',
  ]
  const here = ['--listening-ip=127.0.0.1', `--listening-port=${port}`, '--relay-ip=127.0.0.1']
  const child = spawn('turnserver', ['-n', ...flags, '--no-dtls', '--allow-loopback-peers', ...here], {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  })
  const exited = once(child, 'exit')
  return {
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Before the page's own scripts: everything is relayed, and each connection and socket stays known. */
const WATCH = `
  window.connections = []
  window.sockets = []
  const Peer = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Peer {
    constructor(options) { super({ ...options, iceTransportPolicy: 'relay' }); connections.push(this) }
  }
  const Socket = window.WebSocket
  window.WebSocket = class extends Socket { constructor(...given) { super(...given); sockets.push(this) } }
  window.now = () => performance.timeOrigin + performance.now()
  window.packetsOf = async (connection) => {
    let packets = 0
    for (const report of (await connection.getStats()).values())
      if (report.type === 'inbound-rtp' && report.kind === 'audio') packets += report.packetsReceived
    return packets
  }
  window.packets = async () => {
    const each = await Promise.all(connections.map((one) => packetsOf(one).catch(() => 0)))
    return each.reduce((sum, one) => sum + one, 0)
  }
  /** Looks every 20 ms whether packets came since; lastPacket is when that was last so (ms since the epoch). */
  window.look = () => {
    const known = new Map()
    window.lastPacket = 0
    window.isLooking = true
    const again = async () => {
      for (const one of connections) {
        const packets = await packetsOf(one).catch(() => 0)
        if (packets > (known.get(one) ?? packets)) window.lastPacket = now()
        known.set(one, Math.max(packets, known.get(one) ?? 0))
      }
      if (window.isLooking) setTimeout(again, 20)
    }
    void again()
  }`

const visit = async ({ browser, product }: Context, account: string | null): Promise<Page> => {
  const visitor = await browser.createBrowserContext()
  const page = await visitor.newPage()
  await page.evaluateOnNewDocument(WATCH)
  await page.goto(`${product.endpoints().url}/examples/`)
  await page.evaluate(`import('/presence.mjs').then(async ({ join }) => {
    const account = ${JSON.stringify(account)}
    const sign = async (challenge) => {
      const answer = await fetch('/page/sign', {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ account, message: challenge }),
      })
      return { account, challenge, signature: (await answer.json()).signature }
    }
    window.room = await join('global:lobby', { login: account === null ? 'guest' : sign })
  })`)
  return page
}
const socketOf = async (page: Page) => String(await page.evaluate('room.me.socketId'))
const until = (page: Page, what: string): Promise<unknown> =>
  page
    .waitForFunction(what, { timeout: 20_000, polling: 50 })
    .catch((error) => Promise.reject(new Error(`${what}: ${error}`)))
/** Whether that many more packets arrive than now. */
const hears = async (page: Page, packets = 20): Promise<void> => {
  const before = Number(await page.evaluate('packets()'))
  await until(page, `packets().then((all) => all > ${before + packets})`)
}
const startVoice = (page: Page) => page.evaluate('room.voice.start()')
/** How long after `act` is on the log (by its answer) the last packet arrives at each, in ms. Looks for a second. */
const silencedAfter = async (receivers: ReadonlyArray<Page>, by: Page, act: string): Promise<number[]> => {
  for (const page of receivers) await page.evaluate('look()')
  for (const page of receivers) await until(page, 'lastPacket > 0')
  const done = Number(await by.evaluate(`${act}.then(now)`))
  const last: number[] = []
  for (const page of receivers) {
    await until(page, `now() > ${done + 1_000}`)
    last.push(Number(await page.evaluate('(window.isLooking = false, lastPacket)')) - done)
  }
  return last
}
const isSilentInTime = (after: ReadonlyArray<number>) => {
  for (const ms of after) assert.ok(ms < SILENT_WITHIN_MS, `the last packet came ${Math.round(ms)} ms after`)
}
/** Its page stops nothing, whatever it is told: who is silenced is silent all the same. */
const deafen = (page: Page) =>
  page.evaluate(`
    MediaStreamTrack.prototype.stop = () => {}
    RTCRtpSender.prototype.replaceTrack = async () => {}
    RTCPeerConnection.prototype.close = () => {}`)

test.before(async (context) => {
  const port = await freePort()
  context.turn = await startTurn(port)
  context.product = await startEmbedded({ TURN_HOST: `127.0.0.1:${port}`, TURN_SECRET: SECRET })
  context.browser = await testBrowser(['--autoplay-policy=no-user-gesture-required', '--window-size=300,200'])
  context.alice = await visit(context, 'alice')
  context.bob = await visit(context, null)
  context.carol = await visit(context, null)
  for (const page of [context.alice, context.bob, context.carol]) await until(page, 'room.users.size === 3')
})
test.after(async ({ browser, product, turn }) => {
  await browser?.close()
  await product?.stop()
  await turn?.stop()
})

test('given two people who speak and one who listens, then packets arrive both ways and at the listener, and pages show who speaks', async ({
  alice,
  bob,
  carol,
}) => {
  await startVoice(alice)
  await startVoice(bob)
  for (const page of [alice, bob, carol]) await hears(page)
  await until(carol, `room.voice.streams.size === 2`)
  await until(carol, `room.voice.isSpeaking('${await socketOf(bob)}')`)
})

test('given a connection that is cut, when it comes back, then so does the voice, both ways', async ({
  alice,
  bob,
}) => {
  const before = await socketOf(bob)
  await bob.evaluate('sockets.at(-1).close()')
  await until(bob, `room.connected && room.me.socketId !== '${before}'`)
  await until(alice, `room.users.get('${await socketOf(bob)}')?.voice_enabled === true`)
  await until(alice, `room.voice.streams.has('${await socketOf(bob)}')`)
  for (const page of [alice, bob]) await hears(page)
})

test('given somebody who is muted and whose page goes on sending, then the last packet arrives at each receiver within 300 ms', async ({
  alice,
  bob,
  carol,
}) => {
  await deafen(bob)
  // Then whatever arrives at the listeners is of the one who is muted.
  await alice.evaluate('room.voice.stop()')
  const bobs = `room.voice.streams.has('${await socketOf(bob)}')`
  for (const page of [alice, carol]) {
    await until(page, bobs)
    await hears(page, 5)
  }
  const guest = await bob.evaluate('room.identity.id')
  isSilentInTime(await silencedAfter([alice, carol], alice, `room.mute('${guest}')`))
  const refused = await bob.evaluate(`room.voice.start().then(() => null, ({ code }) => code)`)
  assert.is(refused, 'muted')
})

test('given voice that is switched off in the room, then nobody’s packets arrive any more; when it is switched on, people can speak again', async ({
  alice,
  carol,
}) => {
  await startVoice(carol)
  await until(alice, `room.voice.streams.has('${await socketOf(carol)}')`)
  await hears(alice, 5)
  await deafen(carol)
  isSilentInTime(await silencedAfter([alice], alice, 'room.changeSettings({ voice_enabled: false })'))
  assert.is(await carol.evaluate('room.voice.enabled'), false)
  await alice.evaluate('room.changeSettings({ voice_enabled: true })')
  await startVoice(carol)
  await hears(alice, 5)
})

test('given a stage, when the word is given and taken, then a voice is heard only in between', async ({
  alice,
  carol,
}) => {
  await alice.evaluate('room.changeSettings({ stage: true })')
  await until(carol, 'room.voice.enabled === false')
  assert.is(await carol.evaluate(`room.voice.start().then(() => null, ({ code }) => code)`), 'not_on_stage')
  await carol.evaluate('room.raiseHand()')
  const hers = `room.users.get('${await socketOf(carol)}')`
  await until(alice, `${hers}.hand_raised`)
  await alice.evaluate(`room.giveWord(${hers}.sessionId)`)
  await until(carol, 'room.me.on_stage && !room.me.hand_raised')
  await startVoice(carol)
  await hears(alice, 5)
  isSilentInTime(await silencedAfter([alice], alice, `room.takeWord(${hers}.sessionId)`))
  await until(carol, '!room.me.on_stage && !room.voice.enabled')
})

test.run()
