/** Voices between pages of a test: who visits a room, what arrives there, and for how long after somebody was silenced. */
import * as assert from 'uvu/assert'
import type { Browser, Page } from './browser.ts'
import { WATCH_CONNECTIONS } from './connection-story.ts'

/** Milliseconds after a mute is on the log in which the last packet of the muted may arrive. */
const SILENT_WITHIN_MS = 300

/** Before the page's own scripts: each connection and socket stays known. `policy`: which candidates are used. */
const watch = (policy: 'relay' | 'all') => `${WATCH_CONNECTIONS}
  window.sockets = []
  const Peer = window.RTCPeerConnection
  window.RTCPeerConnection = class extends Peer {
    constructor(options) { super({ ...options, iceTransportPolicy: '${policy}' }) }
  }
  // A made-up microphone has no echo and no noise, and to look for them takes more than to send the voice.
  const media = navigator.mediaDevices
  const microphone = media?.getUserMedia.bind(media)
  const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  if (media) media.getUserMedia = (what) =>
    microphone({ ...what, audio: what.audio && { ...Object(what.audio), ...asItIs } })
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

type Visiting = {
  readonly browser: Browser
  readonly product: { readonly endpoints: () => { readonly url: string } }
}
/** A page of the product in a context of its own, whose connections are known. */
export const open = async (
  { browser, product }: Visiting,
  path: string,
  policy: 'relay' | 'all' = 'relay',
): Promise<Page> => {
  const visitor = await browser.createBrowserContext()
  const page = await visitor.newPage()
  await page.evaluateOnNewDocument(watch(policy))
  await page.goto(`${product.endpoints().url}${path}`)
  return page
}

/** Somebody in the lobby, in a context of their own; `account` null: a guest. */
export const visit = async (
  of: Visiting,
  account: string | null,
  policy: 'relay' | 'all' = 'relay',
): Promise<Page> => {
  const page = await open(of, '/examples/', policy)
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
export const socketOf = async (page: Page) => String(await page.evaluate('room.me.socketId'))
export const until = async (
  page: Page,
  what: string,
  { polling = 50 }: { readonly polling?: number } = {},
): Promise<void> => {
  try {
    await page.waitForFunction(what, { timeout: 45_000, polling })
  } catch (error) {
    throw new Error(`${what}: ${error}\n${await page.evaluate('story()')}`)
  }
}
/** Whether that many more packets arrive than now. */
export const hears = async (page: Page, packets = 20): Promise<void> => {
  const before = Number(await page.evaluate('packets()'))
  await until(page, `packets().then((all) => all > ${before + packets})`)
}
/** A made-up microphone beeps twice a second, for as long as one packet: who looks at each twentieth of a second may always look
 *  between two beeps. */
const LOOK_MS = 7
/** Waits until a page shows that another's voice is loud. */
export const speaks = async (page: Page, other: Page): Promise<void> =>
  until(page, `room.voice.isSpeaking('${await socketOf(other)}')`, { polling: LOOK_MS })
export const startVoice = (page: Page) => page.evaluate('room.voice.start()')
/** How long after `act` is on the log (by its answer) the last packet arrives at each, in ms. Looks for a second. */
export const silencedAfter = async (
  receivers: ReadonlyArray<Page>,
  by: Page,
  act: string,
): Promise<number[]> => {
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
export const isSilentInTime = (after: ReadonlyArray<number>) => {
  for (const ms of after) assert.ok(ms < SILENT_WITHIN_MS, `the last packet came ${Math.round(ms)} ms after`)
}
/** Its page stops nothing, whatever it is told: who is silenced is silent all the same. */
export const deafen = (page: Page) =>
  page.evaluate(`
    MediaStreamTrack.prototype.stop = () => {}
    RTCRtpSender.prototype.replaceTrack = async () => {}
    RTCPeerConnection.prototype.close = () => {}`)
