// needs: chromium, turnserver
// timeout: 300
/** Voices between real browsers with made-up microphones: packets are counted where they arrive. Everything goes through a real
 *  coturn, with the credentials that joining gives. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort } from '../postgres/embedded.ts'
import { type Browser, type Page, SCENES_AND_VOICES, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import {
  deafen,
  hears,
  isSilentInTime,
  silencedAfter,
  socketOf,
  speaks,
  startVoice,
  until,
  visit,
} from '../testing/voices.ts'

type Context = {
  product: Embedded
  browser: Browser
  turn: { readonly stop: () => Promise<void> }
  alice: Page
  bob: Page
  carol: Page
}
const test = suite<Context>('voice between browsers')
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

test.before(async (context) => {
  const port = await freePort()
  context.turn = await startTurn(port)
  context.product = await startEmbedded({ TURN_HOST: `127.0.0.1:${port}`, TURN_SECRET: SECRET })
  context.browser = await testBrowser(SCENES_AND_VOICES)
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
  await speaks(carol, bob)
})

test('given a voice that stops while the browser still prepares what it offers, when it starts again, then everybody hears it', async ({
  alice,
  bob,
  carol,
}) => {
  for (const page of [alice, bob]) await page.evaluate('room.voice.stop()')
  await until(alice, 'room.voice.connections.size === 0')
  // The browser never says how that ended, for the connection is closed meanwhile.
  await alice.evaluate(`
    const { setLocalDescription } = RTCPeerConnection.prototype
    RTCPeerConnection.prototype.setLocalDescription = function (...given) {
      RTCPeerConnection.prototype.setLocalDescription = setLocalDescription
      const prepared = setLocalDescription.apply(this, given)
      window.stopped = room.voice.stop().then(() => true)
      return prepared
    }`)
  await startVoice(alice)
  await until(alice, 'window.stopped')
  await startVoice(alice)
  for (const page of [bob, carol]) await until(page, `room.voice.streams.has('${await socketOf(alice)}')`)
  await startVoice(bob)
  for (const page of [alice, bob, carol]) await hears(page)
})

test('given an offer that is lost while the other side offers, too, then it is made again, and both are heard', async ({
  alice,
  bob,
}) => {
  for (const page of [alice, bob]) await page.evaluate('room.voice.stop()')
  for (const page of [alice, bob]) await until(page, 'room.voice.connections.size === 0')
  // Of two who offer at once, the one with the greater id waits for an answer to its own offer.
  const [waits, answers] = (await socketOf(alice)) > (await socketOf(bob)) ? [alice, bob] : [bob, alice]
  await waits.evaluate(`
    const socket = sockets.at(-1)
    window.lost = 0
    socket.send = (frame) => {
      const isOfferTo = String(frame).includes('webrtc-offer') && String(frame).includes('${await socketOf(answers)}')
      if (!isOfferTo || lost++ > 0) WebSocket.prototype.send.call(socket, frame)
    }`)
  await startVoice(waits)
  await until(waits, 'lost === 1')
  await startVoice(answers)
  for (const [page, other] of [[waits, answers] as const, [answers, waits] as const]) {
    await until(page, `room.voice.streams.has('${await socketOf(other)}')`)
    await hears(page)
  }
  await waits.evaluate('delete sockets.at(-1).send')
})

test('given a listener who has closed a connection, when the speaker goes on with theirs, then both begin anew, and the voice is heard', async ({
  alice,
  carol,
}) => {
  await hears(carol)
  const [speaker, listener] = [await socketOf(alice), await socketOf(carol)]
  await carol.evaluate(`room.voice.heard('permission-changed', { drop_audio: true, user_account: 'alice' })`)
  await until(carol, `!room.voice.streams.has('${speaker}')`)
  await alice.evaluate(`room.voice.connections.get('${listener}').restartIce()`)
  await until(carol, `room.voice.streams.has('${speaker}')`)
  await until(carol, `room.voice.connections.get('${speaker}').connectionState === 'connected'`)
  await hears(carol)
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
