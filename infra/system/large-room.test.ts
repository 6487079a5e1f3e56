// needs: chromium, janus
// test: waits
// timeout: 180
/** The voice of a large room: real browsers, a real Janus, packets counted where they arrive. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../postgres/embedded.ts'
import { type Browser, type Page, SCENES_AND_VOICES, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { type Janus, startJanus } from '../testing/janus.ts'
import { type JsonClient, jsonSocket } from '../testing/json-socket.ts'
import {
  deafen,
  hears,
  isSilentInTime,
  open,
  silencedAfter,
  socketOf,
  startVoice,
  until,
  visit,
} from '../testing/voices.ts'

type Context = {
  janus: Janus
  product: Embedded
  browser: Browser
  alice: Page
  bob: Page
  carol: Page
  port: number
  others: ReadonlyArray<JsonClient>
}
const test = suite<Context>('the voice of a large room')
const LOBBY = { spaceType: 'global', spaceId: 'lobby', subspace: 'main' }

/** People in the lobby without a browser, whose voices are on or off. */
const guests = async ({ product }: Context, count: number, speak: boolean) => {
  const all: JsonClient[] = []
  for (let n = 0; n < count; n++) {
    const socket = await jsonSocket(product.endpoints().url)
    socket.send({ type: 'join-space', ...LOBBY })
    await socket.until('space-joined')
    all.push(socket)
    if (!speak) continue
    socket.send({ type: 'voice-state', enabled: true, request_id: 'voice' })
    await socket.until('answer', ({ request_id }) => request_id === 'voice')
  }
  return all
}
const speakers = (context: Context, count: number) => guests(context, count, true)
const listeners = (context: Context, count: number) => guests(context, count, false)
const route = 'room.voice.isThroughServer'
/** How many connections of the page are open. */
const connected = `connections.filter(({ connectionState }) => connectionState === 'connected').length`
const streamOf = async (page: Page) => `room.voice.streams.has('${await socketOf(page)}')`
test.before(async (context) => {
  context.port = await freePort()
  context.janus = await startJanus(context.port)
  context.product = await startEmbedded({ JANUS_URL: context.janus.url })
  context.browser = await testBrowser(SCENES_AND_VOICES)
  context.alice = await visit(context, 'alice', 'all')
  context.bob = await visit(context, null, 'all')
  context.carol = await visit(context, null, 'all')
  for (const page of [context.alice, context.bob, context.carol]) await until(page, 'room.users.size === 3')
})
test.after(async ({ browser, product, janus, others }) => {
  for (const one of others ?? []) await one.close()
  await browser?.close()
  await product?.stop()
  await janus?.stop()
})

test('given eight who speak, when a ninth does, then everybody’s voice goes over to the SFU, and is heard there', async (context) => {
  const { alice, bob, carol } = context
  await startVoice(alice)
  await startVoice(bob)
  await hears(carol)
  const six = await speakers(context, 6)
  assert.is(await carol.evaluate(route), false)
  context.others = [...six, ...(await speakers(context, 1))]
  for (const page of [alice, bob, carol]) await until(page, route)
  const { via, why } = await six[0]!.until('voice-route')
  assert.equal([via, why], ['sfu', 'many'])
  for (const speaker of [alice, bob]) await until(carol, await streamOf(speaker))
  for (const page of [alice, bob, carol]) await hears(page)
  // One connection to hear, one more to speak: nobody sends to anybody else.
  await until(carol, `${connected} === 1`)
  for (const page of [alice, bob]) await until(page, `${connected} === 2`)
})

test('given a room on the SFU, when somebody comes, then they hear who speaks; a voice that stops and starts again is heard again', async (context) => {
  const { bob, carol } = context
  const dave = await visit(context, null, 'all')
  await until(dave, route)
  await until(dave, await streamOf(bob))
  await hears(dave)
  await bob.evaluate('room.voice.stop()')
  await until(carol, `!room.users.get('${await socketOf(bob)}').voice_enabled`)
  await startVoice(bob)
  await context.alice.evaluate('room.voice.stop()')
  for (const page of [carol, dave]) {
    await until(page, await streamOf(bob))
    await hears(page)
  }
  await dave.close()
})

test('given a voice whose way to the SFU fails, then its page connects anew, and it is heard', async (context) => {
  const { bob, carol } = context
  await bob.evaluate('room.voice.stop()')
  await until(carol, `!room.users.get('${await socketOf(bob)}').voice_enabled`)
  await bob.evaluate(`
    const { setLocalDescription } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.setLocalDescription = async () => {
      RTCPeerConnection.prototype.setLocalDescription = setLocalDescription
      throw new DOMException('for a test', 'OperationError')
    }`)
  await startVoice(bob)
  await until(carol, await streamOf(bob))
  await hears(carol)
})

test('given the start page in a room on the SFU, then it hears who speaks, and is heard', async (context) => {
  const { carol } = context
  const page = await open(context, '/', 'all')
  await until(page, "document.querySelector('#speak:not([hidden])') !== null")
  await hears(page)
  const before = Number(await carol.evaluate('room.voice.streams.size'))
  await page.evaluate("document.getElementById('speak').click()")
  await until(page, "document.getElementById('speak').getAttribute('aria-pressed') === 'true'")
  await until(carol, `room.voice.streams.size === ${before + 1}`)
  await page.close()
})

test('given somebody who is muted and whose page goes on sending, then the SFU passes nothing on: the last packet arrives within 300 ms', async (context) => {
  const { alice, bob, carol } = context
  await deafen(bob)
  await hears(carol, 5)
  const guest = await bob.evaluate('room.identity.id')
  const after = await silencedAfter([alice, carol], alice, `room.mute('${guest}')`)
  isSilentInTime(after)
  // Nor does it take them again, whatever the page sends: the server carries no offer of theirs to the SFU.
  assert.is(await bob.evaluate(`room.voice.start().then(() => null, ({ code }) => code)`), 'muted')
})

test('given a room on the SFU, when few speak, then voices go from browser to browser again, and are heard', async (context) => {
  const { alice, carol, others } = context
  await context.bob.close()
  await startVoice(alice)
  // A stage ends the voices of all who do not have the word.
  await alice.evaluate('room.changeSettings({ stage: true })')
  for (const page of [alice, carol]) await until(page, `!${route}`)
  const { why } = await others[0]!.until('voice-route', ({ via }) => via === 'mesh')
  assert.is(why, 'few')
  await until(carol, await streamOf(alice))
  await hears(carol)
})

test('given a stage before more than thirty, then the SFU carries it; whoever has the word is heard, and only for so long', async (context) => {
  const { alice, carol } = context
  await alice.evaluate('room.changeSettings({ max_users: 80, guests_of_network: 100 })')
  context.others = [...context.others, ...(await listeners(context, 30))]
  for (const page of [alice, carol]) await until(page, route)
  await carol.evaluate('room.raiseHand()')
  const hers = `room.users.get('${await socketOf(carol)}')`
  await until(alice, `${hers}?.hand_raised`)
  await alice.evaluate(`room.giveWord(${hers}.sessionId)`)
  await until(carol, 'room.me.on_stage')
  await startVoice(carol)
  await until(alice, await streamOf(carol))
  await hears(alice)
  await deafen(carol)
  isSilentInTime(await silencedAfter([alice], alice, `room.takeWord(${hers}.sessionId)`))
})

test('given somebody without the word who asks the SFU itself, then the server carries no voice of theirs there', async ({
  others,
}) => {
  const one = others.at(-1)!
  const asked = async (type: string, more: object = {}) => {
    one.send({ type, request_id: type, ...more })
    return one.until('answer', ({ request_id }) => request_id === type)
  }
  const connected = await asked('voice-connect')
  assert.equal(
    [connected.ok, connected.sfu, connected.url, connected.token, connected.may_speak],
    [true, 'janus', null, null, false],
  )
  const refused = await asked('voice-signal', { signal: { kind: 'publish', sdp: 'v=0' } })
  assert.equal([refused.ok, refused.code], [false, 'invalid_signal'])
})

test('given an SFU that dies, then that is said, voices go from browser to browser, and the chat goes on; when it is back, so are they', async (context) => {
  const { alice, carol, others, product } = context
  await context.janus.kill()
  for (const page of [alice, carol]) await until(page, `!${route}`)
  const { why } = await others[0]!.until('voice-route', (told) => told.why === 'sfu-lost')
  assert.is(why, 'sfu-lost')
  await alice.evaluate(`room.say('still here')`)
  await others[0]!.until('chat-message', ({ content }) => content === 'still here')
  const { checks } = (await (await fetch(`${product.endpoints().url}/api/health`)).json()) as {
    checks: { sfu: Record<string, unknown> }
  }
  assert.equal([checks.sfu.ok, checks.sfu.vital, checks.sfu.kind], [false, false, 'janus'])
  await until(carol, await streamOf(alice))
  await hears(carol)
  context.janus = await startJanus(context.port)
  await until(carol, route)
  await until(carol, await streamOf(alice))
  await hears(carol)
})

test('given somebody on the SFU who is kicked, then their voice ends within 300 ms', async (context) => {
  const { alice, carol } = context
  await alice.evaluate('room.changeSettings({ stage: false })')
  await until(carol, 'room.settings.stage === false')
  await alice.evaluate('room.voice.stop()')
  await startVoice(carol)
  await until(alice, await streamOf(carol))
  await hears(alice)
  await deafen(carol)
  const { sessionId } = (await carol.evaluate('({ sessionId: room.me.sessionId })')) as { sessionId: string }
  isSilentInTime(await silencedAfter([alice], alice, `room.kick('${sessionId}')`))
})

test.run()
