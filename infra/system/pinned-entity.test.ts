// needs: chromium
// timeout: 300
/** networked-aframe in a browser: an entity is pinned, everybody goes, the server is killed, and somebody comes. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Browser, drawSeldom, type Page, SCENES_AND_VOICES, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

type Context = { product: Embedded; browser: Browser; said: string[] }
const test = suite<Context>('an entity that is pinned')

test.before(async (context) => {
  context.said = []
  context.product = await startEmbedded()
  context.browser = await testBrowser(SCENES_AND_VOICES)
})
test.after(async ({ browser, product }) => {
  await browser?.close()
  await product?.stop()
})

const visit = async ({ browser, product, said }: Context): Promise<Page> => {
  const visitor = await browser.createBrowserContext()
  const page = await visitor.newPage()
  await drawSeldom(page)
  page.on('pageerror', (error) => said.push(String(error)))
  page.on('console', (message) => said.push(message.text()))
  await page.goto(new URL('/examples/networked-aframe.html', product.endpoints().url).href)
  return page
}
const until = (page: Page, what: string, { said }: Context): Promise<unknown> =>
  page
    .waitForFunction(what, { timeout: 30_000, polling: 50 })
    .catch((error) => Promise.reject(new Error(`${what}: ${error}\n${said.slice(-8).join('\n')}`)))
/** Asks again until the answer is what is wanted, or the server is back. */
const eventually = async <A>(ask: () => Promise<A>, is: (answer: A) => boolean): Promise<void> => {
  const end = performance.now() + 40_000
  for (;;) {
    const answer = await ask().catch(() => null)
    if (answer !== null && is(answer)) return
    assert.ok(performance.now() < end, JSON.stringify(answer))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers; the test says what it must be
const get = async (url: string): Promise<any> => (await fetch(url)).json()
const letEverybodyPin = async (url: string): Promise<void> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const proof = {
    'x-account': 'alice',
    'x-challenge': challenge,
    'x-pubkey': devKeys('alice').posting.public,
    'x-signature': signAs('alice', challenge),
  }
  const changed = await fetch(`${url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { ...proof, 'content-type': 'application/json' },
    body: JSON.stringify({ scene_pin: 'everyone' }),
  })
  assert.is(changed.status, 200, await changed.text())
}

test('given a pinned entity, when everybody is gone and the server was killed, then whoever comes sees it where it was', async (context) => {
  const { url, pids } = context.product.endpoints()
  await letEverybodyPin(url)
  const page = await visit(context)
  await until(page, 'window.NAF?.connection.isConnected()', context)
  await page.evaluate(`(() => {
    const box = document.createElement('a-entity')
    box.setAttribute('position', '1 2 -3')
    box.setAttribute('networked', 'template: #avatar-template; attachTemplateToLocal: true; networkId: box1')
    document.querySelector('a-scene').append(box)
  })()`)
  await until(page, "NAF.entities.hasEntity('box1')", context)
  await page.evaluate("NAF.connection.adapter.pin('box1')")
  await page.close()
  await eventually(
    () => get(`${url}/api/spaces/global/lobby`),
    ({ space }) => space.active_users === 0,
  )
  process.kill(pids.server as number, 'SIGKILL')
  await eventually(
    () => get(`${url}/api/health`),
    ({ status }) => status === 'ok' && context.product.endpoints().pids.server !== pids.server,
  )

  const later = await visit(context)
  await until(later, "window.NAF?.entities.hasEntity('box1')", context)
  await until(
    later,
    "(() => { const { x, y, z } = NAF.entities.getEntity('box1').object3D.position; return Math.hypot(x - 1, y - 2, z + 3) < 0.01 })()",
    context,
  )
  await later.close()
})

test.run()
