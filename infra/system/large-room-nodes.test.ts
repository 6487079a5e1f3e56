// needs: chromium, janus
// timeout: 120
/** The voice of a large room whose people are on two servers: one Janus carries it, and what one server takes back is taken back. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../postgres/embedded.ts'
import { type Browser, type Page, SCENES_AND_VOICES, testBrowser } from '../testing/browser.ts'
import { type Janus, startJanus } from '../testing/janus.ts'
import { type JsonClient, jsonSocket } from '../testing/json-socket.ts'
import { startTwoServers } from '../testing/two-servers.ts'
import {
  deafen,
  hears,
  isSilentInTime,
  silencedAfter,
  socketOf,
  startVoice,
  until,
  visit,
} from '../testing/voices.ts'

type Context = {
  port: number
  janus: Janus
  browser: Browser
  stop: () => Promise<void>
  urls: readonly [string, string]
  alice: Page
  bob: Page
  carol: Page
  others: JsonClient[]
}
const test = suite<Context>('the voice of a large room on two servers')
const LOBBY = { spaceType: 'global', spaceId: 'lobby', subspace: 'main' }
const route = 'room.voice.isThroughServer'
const streamOf = async (page: Page) => `room.voice.streams.has('${await socketOf(page)}')`

const visitOn = ({ browser, urls }: Context, at: 0 | 1, account: string | null) =>
  visit({ browser, product: { endpoints: () => ({ url: urls[at] }) } }, account, 'all')

/** Somebody in the lobby without a browser, whose voice is on. */
const speaker = async (url: string): Promise<JsonClient> => {
  const socket = await jsonSocket(url)
  socket.send({ type: 'join-space', ...LOBBY })
  await socket.until('space-joined')
  socket.send({ type: 'voice-state', enabled: true, request_id: 'voice' })
  await socket.until('answer', ({ request_id }) => request_id === 'voice')
  return socket
}

test.before(async (context) => {
  context.port = await freePort()
  context.janus = await startJanus(context.port)
  const { servers, stop } = await startTwoServers({ SYSTEM_ADMINS: 'alice', JANUS_URL: context.janus.url })
  context.urls = [servers[0].url, servers[1].url]
  context.stop = stop
  context.browser = await testBrowser(SCENES_AND_VOICES)
  context.alice = await visitOn(context, 0, 'alice')
  context.bob = await visitOn(context, 1, null)
  context.carol = await visitOn(context, 0, null)
  for (const page of [context.alice, context.bob, context.carol]) await until(page, 'room.users.size === 3')
  context.others = []
})
test.after(async ({ browser, stop, janus, others }) => {
  for (const one of others ?? []) await one.close()
  await browser?.close()
  await stop?.()
  await janus?.stop()
})

test('given nine who speak on two servers, then everybody’s voice goes through the one SFU, and is heard on both', async (context) => {
  const { alice, bob, carol, urls, others } = context
  await startVoice(alice)
  await startVoice(bob)
  for (let n = 0; n < 7; n++) others.push(await speaker(urls[n % 2] as string))
  for (const page of [alice, bob, carol]) await until(page, route)
  for (const page of [alice, bob, carol])
    for (const one of [alice, bob]) if (one !== page) await until(page, await streamOf(one))
  for (const page of [alice, bob, carol]) await hears(page)
})

test('given somebody on the other server whose page goes on sending, when they are muted, then the last packet arrives within 300 ms', async ({
  alice,
  bob,
  carol,
}) => {
  await deafen(bob)
  await alice.evaluate('room.voice.stop()')
  await until(carol, `!room.users.get('${await socketOf(alice)}').voice_enabled`)
  await hears(carol, 5)
  isSilentInTime(
    await silencedAfter([alice, carol], alice, `room.mute('${await bob.evaluate('room.identity.id')}')`),
  )
})

test('given an SFU that is started again, then people on both servers hear each other through it', async (context) => {
  const { alice, carol, urls } = context
  const dave = await visitOn(context, 1, null)
  await startVoice(alice)
  context.others.push(await speaker(urls[1]))
  await until(dave, route)
  await context.janus.kill()
  for (const page of [alice, carol, dave]) await until(page, `!${route}`)
  context.janus = await startJanus(context.port)
  for (const page of [alice, carol, dave]) await until(page, route)
  for (const page of [carol, dave]) {
    await until(page, await streamOf(alice))
    await hears(page)
  }
  for (const url of urls) {
    const { checks } = (await (await fetch(`${url}/api/health`)).json()) as {
      checks: { sfu: { ok: boolean } }
    }
    assert.is(checks.sfu.ok, true)
  }
})

test.run()
