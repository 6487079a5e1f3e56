// needs: chromium
// timeout: 300
/** networked-aframe as it comes from npm, on each of its adapters, between two browsers and the product. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Browser,
  drawSeldom,
  type Page,
  type Pages,
  SCENES_AND_VOICES,
  testBrowser,
  testPages,
} from '../testing/browser.ts'
import { WATCH_CONNECTIONS } from '../testing/connection-story.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

const script = (name: string): string =>
  readFileSync(new URL(`../../node_modules/${name}`, import.meta.url), 'utf8')

type Context = { open: Page[]; product: Embedded; pages: Pages; browsers: Browser[] }
const test = suite<Context>('networked-aframe')
const POST = 'alice/my-post'

/** As an author writes it; what is said of each room is in the address. */
const SCENE = `<!doctype html><meta charset="utf-8"><title>a scene</title>
<script>
  const asked = new URLSearchParams(location.search)
  // As if the user took so long to allow the microphone. The machine has opened it by then: a busy one takes seconds for that, and more to
  // look for an echo that a made-up microphone does not have.
  const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  const microphone = asked.get('audio') === 'true' ? navigator.mediaDevices.getUserMedia({ audio: asItIs }) : null
  navigator.mediaDevices.getUserMedia = async () => {
    const stream = await microphone
    await new Promise((resolve) => setTimeout(resolve, Number(asked.get('mic'))))
    return stream
  }
${WATCH_CONNECTIONS}
  document.write('<script src="/aframe.js"><\\/script>')
  const server = asked.get('server')
  document.write('<script src="' + server + '/socket.io/socket.io.js"><\\/script>')
  document.write('<script src="' + server + '/easyrtc/easyrtc.js"><\\/script>')
  document.write('<script src="/naf.js"><\\/script>')
  document.write('<script src="' + server + '/presence-aframe.js"><\\/script>')
</script>
<body><script>
  document.write('<a-scene embedded vr-mode-ui="enabled:false" networked-scene="serverURL:' + asked.get('socket') +
    '; app:dlux-vr; room:' + asked.get('room') + '; adapter:' + asked.get('adapter') + '; audio:' + asked.get('audio') + '">' +
    '<a-assets><template id="thing"><a-box></a-box></template></a-assets></a-scene>')
  document.body.addEventListener('connected', () => { window.isConnected = true })
  window.make = (id, position) => {
    const el = document.createElement('a-entity')
    el.id = id
    el.setAttribute('position', position)
    el.setAttribute('networked', 'template:#thing; attachTemplateToLocal:true; networkId:' + id)
    document.querySelector('a-scene').appendChild(el)
  }
  window.thing = (id) => NAF.entities.getEntity(id)
  window.placeOf = (id) => {
    const el = window.thing(id)
    return el ? [el.object3D.position.x, el.object3D.position.y, el.object3D.position.z].map((n) => Math.round(n * 10) / 10).join() : null
  }
  window.ownerOf = (id) => window.thing(id)?.getAttribute('networked')?.owner ?? null
  window.heard = async () => {
    let packets = 0
    for (const connection of window.connections)
      for (const report of (await connection.getStats()).values())
        if (report.type === 'inbound-rtp' && report.kind === 'audio') packets += report.packetsReceived
    return packets
  }
</script>`

const ask = async (url: string, path: string, init: RequestInit = {}) => {
  const response = await fetch(`${url}${path}`, {
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })
  return (await response.json()) as Record<string, string>
}

/** As the wallet joins: a challenge signed by the account's key, and the answer's websocket_url. */
const join = async (url: string, account: string): Promise<string> => {
  const challenge = `dlux_vr_${Date.now()}_${crypto.randomUUID().slice(0, 8)}`
  const { signature } = await ask(url, '/page/sign', {
    method: 'POST',
    body: JSON.stringify({ account, message: challenge }),
  })
  const joined = await ask(url, `/api/spaces/post/${POST}/join`, {
    method: 'POST',
    headers: { authorization: `Bearer ${signature}:${account}` },
    body: JSON.stringify({ challenge, subspace: 'main' }),
  })
  if (joined.websocket_url === undefined) throw new Error(JSON.stringify(joined))
  return joined.websocket_url
}

test.before(async (context) => {
  context.pages = await testPages({
    '/scene.html': SCENE,
    '/aframe.js': script('aframe/dist/aframe-v1.7.1.min.js'),
    '/naf.js': script('networked-aframe/dist/networked-aframe.min.js'),
  })
  context.product = await startEmbedded({ CORS_ORIGINS: context.pages.origin })
  context.browsers = [await testBrowser(SCENES_AND_VOICES), await testBrowser(SCENES_AND_VOICES)]
})
test.before.each((context) => {
  context.open = []
})
test.after.each(async ({ open }) => {
  for (const page of open) if (!page.isClosed()) await page.close()
})
test.after(async ({ product, pages, browsers }) => {
  for (const browser of browsers ?? []) await browser.close()
  await pages?.close()
  await product?.stop()
})

const enter = async (
  context: Context,
  which: 0 | 1,
  account: string,
  { adapter, audio, mic = 0 }: { readonly adapter: string; readonly audio: boolean; readonly mic?: number },
): Promise<Page> => {
  const url = context.product.endpoints().url
  const page = await (context.browsers[which] as Browser).newPage()
  await drawSeldom(page)
  context.open.push(page)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => errors.push(`${message.type()}: ${message.text()}`))
  const query = new URLSearchParams({
    server: url,
    // Our own adapter asks for a seat by itself, here as a guest.
    socket: adapter === 'dlux' ? url : await join(url, account),
    room: adapter === 'dlux' ? `post:${POST}` : `${POST.replace('/', '-')}-main`,
    adapter,
    audio: String(audio),
    mic: String(mic),
  })
  await page.goto(`${context.pages.origin}/scene.html?${query}`)
  await page
    .waitForFunction('window.isConnected === true', { timeout: 30_000 })
    .catch((error) => Promise.reject(new Error(`${adapter}: ${error}\n${errors.slice(-12).join('\n')}`)))
  return page
}
const until = (page: Page, what: string): Promise<unknown> =>
  page
    .waitForFunction(what, { timeout: 30_000, polling: 50 })
    .catch((error) => Promise.reject(new Error(`${what}: ${error}`)))

/** Waits until a voice comes to everybody. */
const hear = async (pages: ReadonlyArray<Page>): Promise<void> => {
  for (const page of pages)
    await page
      .waitForFunction('heard().then((packets) => packets > 20)', { timeout: 30_000, polling: 200 })
      .catch(async (error) => {
        const stories = await Promise.all(pages.map((one) => one.evaluate('story()')))
        throw new Error(
          `no voice comes to page ${pages.indexOf(page) + 1}: ${error}\n${stories.join('\n\n')}`,
        )
      })
}

for (const [adapter, audio] of [
  ['socketio', false],
  ['wseasyrtc', false],
  ['webrtc', true],
  ['easyrtc', true],
  ['dlux', true],
] as const)
  test(`given networked-aframe on ${adapter}, then an entity is created, seen by a late joiner, moved, taken over and removed${audio ? ', and voice is heard' : ''}`, async (context) => {
    const alice = await enter(context, 0, 'alice', { adapter, audio })
    await alice.evaluate("make('ball', '1 2 3')")
    // With the webrtc adapter a newcomer has answered before it has its own microphone.
    const bob = await enter(context, 1, 'bob', { adapter, audio, mic: 300 })
    await until(bob, "placeOf('ball') === '1,2,3'")
    await alice.evaluate("document.querySelector('#ball').setAttribute('position', '4 5 6')")
    await until(bob, "placeOf('ball') === '4,5,6'")
    await bob.evaluate("NAF.utils.takeOwnership(thing('ball'))")
    await until(alice, "ownerOf('ball') !== NAF.clientId")
    assert.is(await alice.evaluate("ownerOf('ball')"), await bob.evaluate('NAF.clientId'))
    await bob.evaluate("thing('ball').setAttribute('position', '7 8 9')")
    await until(alice, "placeOf('ball') === '7,8,9'")
    if (audio) await hear([alice, bob])
    await bob.evaluate("thing('ball').parentNode.removeChild(thing('ball'))")
    await until(
      alice,
      "thing('ball') === undefined || thing('ball') === null || !NAF.entities.hasEntity('ball')",
    )
    await bob.close()
    await until(
      alice,
      'Object.keys(NAF.connection.getConnectedClients()).filter((id) => id !== NAF.clientId).length === 0',
    )
    await alice.close()
  })

test('given two who come at the same moment with webrtc, whose microphones are still being opened, then they connect and hear each other', async (context) => {
  // A client has two seconds for this (docs/doors.md).
  const how = { adapter: 'webrtc', audio: true, mic: 500 }
  const pages = await Promise.all([enter(context, 0, 'alice', how), enter(context, 1, 'bob', how)])
  await hear(pages)
})

test.run()
