// needs: chromium
// timeout: 120
/** The example pages as a stranger opens them, two browser pages each, against the product. */
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
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

type Context = {
  pages: Pages
  product: Embedded
  browser: Browser
  url: string
  open: Page[]
  said: string[]
}
const test = suite<Context>('the examples')

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
/** The lines that the README has a stranger type, and the page that they make. */
const typed = /```sh\n(npm install\n[\s\S]*?)```/.exec(README)?.[1]?.trim().split('\n') ?? []
const stranger: Record<string, string> = {}

test.before(async (context) => {
  context.open = []
  context.said = []
  context.pages = await testPages(stranger)
  context.product = await startEmbedded({ CORS_ORIGINS: context.pages.origin })
  context.url = context.product.endpoints().url
  context.browser = await testBrowser(SCENES_AND_VOICES)
})
test.after.each(async (context) => {
  for (const page of context.open) await page.close()
  context.open = []
  context.said = []
})
test.after(async ({ browser, pages, product }) => {
  await browser?.close()
  await pages?.close()
  await product?.stop()
})

/** As another visitor: with a session storage of its own. */
const visit = async (context: Context, path: string): Promise<Page> => {
  const visitor = await context.browser.createBrowserContext()
  const page = await visitor.newPage()
  await drawSeldom(page)
  page.on('pageerror', (error) => context.said.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') context.said.push(message.text())
  })
  context.open.push(page)
  await page.goto(new URL(path, context.url).href)
  return page
}
const until = (page: Page, what: string, context: Context): Promise<unknown> =>
  page
    .waitForFunction(what, { timeout: 15_000, polling: 50 })
    .catch((error) => Promise.reject(new Error(`${what}: ${error}\n${context.said.slice(-8).join('\n')}`)))

const PANEL = "document.querySelector('[data-presence-panel]')?.shadowRoot"
const sayInPanel = async (page: Page, words: string): Promise<void> => {
  await page.evaluate(
    `(() => { const root = ${PANEL}; root.querySelector('input').value = ${JSON.stringify(words)}; root.querySelector('form').requestSubmit() })()`,
  )
}

test('given the chat page twice, then each reads what the other says', async (context) => {
  const one = await visit(context, '/examples/chat.html')
  const other = await visit(context, '/examples/chat.html')
  for (const page of [one, other])
    await until(page, "document.querySelector('#people').textContent.startsWith('2 here')", context)
  await one.type('#words', 'good morning')
  await one.keyboard.press('Enter')
  await until(other, "document.querySelector('#log').textContent.includes('good morning')", context)
  assert.equal(context.said, [])
})

test('given the A-Frame room twice, then there are two avatars, one moves, both talk, and the voice comes from the avatar’s place', async (context) => {
  const one = await visit(context, '/examples/aframe.html')
  const other = await visit(context, '/examples/aframe.html')
  const scene = "document.querySelector('a-scene')"
  for (const page of [one, other])
    await until(page, `${scene}?.components?.presence?.crowd?.avatars.size === 1`, context)
  await one.evaluate(`${scene}.camera.el.setAttribute('position', '3 1.6 -2')`)
  const standsAt = (x: number) =>
    `[...${scene}.components.presence.crowd.avatars.values()].some(({ position }) => Math.abs(position.x - ${x}) < 0.01)`
  await until(other, standsAt(3), context)
  await sayInPanel(other, 'I see you')
  await until(one, `${PANEL}.textContent.includes('I see you')`, context)
  await one.evaluate(`${PANEL}.querySelector('button[type=button]').click()`)
  await until(other, `[...${scene}.components.presence.room.voice.streams.values()].length === 1`, context)
  await one.close()
  context.open.shift()
  await until(other, `${scene}.components.presence.crowd.avatars.size === 0`, context)
  assert.equal(context.said, [])
})

test('given the networked-aframe room twice, then each sees the other’s avatar move, and it disappears with its owner', async (context) => {
  const one = await visit(context, '/examples/networked-aframe.html')
  const other = await visit(context, '/examples/networked-aframe.html')
  const others = "Object.values(window.NAF?.entities?.entities ?? {}).filter((el) => el.id !== 'player')"
  for (const page of [one, other]) await until(page, `${others}.length === 1`, context)
  await one.evaluate("document.querySelector('#player').setAttribute('position', '2 1.6 -3')")
  await until(other, `${others}.some(({ object3D }) => Math.abs(object3D.position.x - 2) < 0.01)`, context)
  await one.close()
  context.open.shift()
  await until(other, `${others}.length === 0`, context)
  assert.equal(context.said, [])
})

test('given the three.js room twice, then each sees the other in the right place', async (context) => {
  const one = await visit(context, '/examples/three.html')
  const other = await visit(context, '/examples/three.html')
  for (const page of [one, other]) await until(page, 'window.presence?.crowd.avatars.size === 1', context)
  await until(other, '[...window.presence.crowd.avatars.values()][0].position.y > 1.5', context)
  assert.equal(context.said, [])
})

test('given the lines that the README tells a stranger to type, then a page of another origin has two avatars, each on the other’s screen', async (context) => {
  assert.ok(typed.length > 5 && typed.length <= 15, `${typed.length} lines`)
  const page = typed.slice(typed.findIndex((line) => line.endsWith("<<'END'")) + 1, typed.indexOf('END'))
  stranger['/mine.html'] = page.join('\n').replaceAll('http://127.0.0.1:3000', context.url)
  const one = await visit(context, `${context.pages.origin}/mine.html`)
  await until(one, "document.querySelector('a-scene')?.components?.presence?.room", context)
  const other = await visit(context, `${context.pages.origin}/mine.html`)
  // Not beside or behind: on the screen.
  const seen = `(() => {
    const { components, camera } = document.querySelector('a-scene') ?? {}
    const [avatar] = components?.presence?.crowd?.avatars.values() ?? []
    if (!avatar) return false
    const { x, y, z } = avatar.getWorldPosition(new THREE.Vector3()).project(camera)
    return Math.abs(x) < 1 && Math.abs(y) < 1 && z < 1
  })()`
  for (const each of [one, other]) await until(each, seen, context)
})

test.run()
