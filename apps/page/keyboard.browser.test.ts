// needs: chromium
// timeout: 120
/** The start page by the keyboard alone, on a wide screen and a phone's: a person walks in, talks, opens menus, acts, and
 *  leaves. What has the focus shows it and has a name that a screen reader reads, and axe finds nothing on the way. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, type CDPSession, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type Embedded, startEmbedded } from '../../infra/testing/embedded.ts'
import { type JsonClient, jsonSocket } from '../../infra/testing/json-socket.ts'

type Context = { product: Embedded; browser: Browser; other: JsonClient }
const test = suite<Context>('the start page by keyboard')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const LOBBY = { spaceType: 'global', spaceId: 'lobby', subspace: 'main' }
/** More stops than the page has. */
const MOST_STOPS = 120

const until = (page: Page, condition: string) =>
  page.waitForFunction(condition, { timeout: 15_000, polling: 50 }).catch((error) => {
    throw new Error(`${condition}: ${error}`)
  })
const isClean = async (page: Page, where: string): Promise<void> => {
  if ((await page.evaluate(`'axe' in globalThis`)) === false) await page.evaluate(AXE)
  const found = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`,
  )
  assert.equal(found, [], where)
}
const sessions = new WeakMap<Page, Promise<CDPSession>>()
/** What a screen reader calls what has the focus. Asked of that alone: the tree of the whole page takes longer at each stop. */
const nameOfFocused = async (page: Page): Promise<string> => {
  const session = sessions.get(page) ?? page.createCDPSession()
  sessions.set(page, session)
  const cdp = await session
  const { result } = await cdp.send('Runtime.evaluate', { expression: 'document.activeElement' })
  const asked = { objectId: result.objectId!, fetchRelatives: false }
  const { nodes } = await cdp.send('Accessibility.getPartialAXTree', asked)
  return String(nodes[0]?.name?.value ?? '')
}
/** What has the focus: whether that shows, and what a screen reader calls it. */
const focused = async (page: Page): Promise<{ shows: boolean; html: string; name: string }> => {
  const seen = (await page.evaluate(`(() => {
    const at = document.activeElement
    const { outlineStyle, outlineWidth } = getComputedStyle(at)
    return { shows: outlineStyle !== 'none' && parseFloat(outlineWidth) > 0, html: at.outerHTML.slice(0, 120) }
  })()`)) as { shows: boolean; html: string }
  return { ...seen, name: await nameOfFocused(page) }
}
/** Tab until this has the focus; each stop on the way shows that it has it, and has a name. */
const tabTo = async (page: Page, element: string): Promise<void> => {
  for (let n = 0; n < MOST_STOPS; n++) {
    await page.keyboard.press('Tab')
    // The page itself, between its last element and its first.
    if ((await page.evaluate('document.activeElement === document.body')) === true) continue
    const { shows, html, name } = await focused(page)
    assert.ok(shows, `the focus does not show on ${html}`)
    assert.ok(name.trim() !== '', `no name: ${html}`)
    if ((await page.evaluate(`document.activeElement === ${element}`)) === true) return
  }
  assert.unreachable(`${element} can’t be reached by Tab`)
}
const press = async (
  page: Page,
  ...keys: ReadonlyArray<'Enter' | 'Escape' | 'ArrowDown' | 'ArrowLeft' | 'Tab'>
) => {
  for (const key of keys) await page.keyboard.press(key)
}
/** Arrows in the open menu until this is chosen, then Enter. */
const choose = async (page: Page, words: string): Promise<void> => {
  const isIt = `document.activeElement.closest('#menu') && document.activeElement.textContent === '${words}'`
  for (let n = 0; n < 20 && (await page.evaluate(isIt)) !== true; n++) await press(page, 'ArrowDown')
  assert.is(await page.evaluate(isIt), true, words)
  await press(page, 'Enter')
}
const inMenu = `document.activeElement?.closest('#menu') != null`
const they = `[...document.querySelectorAll('#people button')].find((b) => !b.textContent.includes('(you)'))`
const their = `[...document.querySelectorAll('#chat li')].find((li) => li.textContent.includes('from another')).querySelector('.more')`

test.before(async (context) => {
  context.product = await startEmbedded({})
  context.browser = await testBrowser(['--disable-3d-apis', '--window-size=1000,760'])
  context.other = await jsonSocket(context.product.endpoints().url)
  context.other.send({ type: 'join-space', ...LOBBY })
  await context.other.until('space-joined')
})
test.after(async ({ product, browser, other }) => {
  await other?.close()
  await browser?.close()
  await product?.stop()
})

for (const [screen, width] of [
  ['a wide screen', 1_000],
  ['a phone’s screen', 390],
] as const)
  test(`given ${screen} and no mouse, then a person walks in, walks, talks, reacts, reports, acts on themselves and leaves`, async ({
    product,
    browser,
    other,
  }) => {
    const visitor = await browser.createBrowserContext()
    const page = await visitor.newPage()
    await page.setViewport({ width, height: 780 })
    await page.goto(product.endpoints().url)
    await page.waitForSelector('#line:not(.off)')
    await until(page, `${they} !== undefined`)
    await isClean(page, 'in the room')
    // Walks.
    await tabTo(page, "document.getElementById('view')")
    await press(page, 'ArrowLeft', 'ArrowLeft')
    const walked = await other.until('aframe-update', ({ entityData }) => entityData.position?.x < 0)
    assert.ok(walked.entityData.position.x < 0)
    // Talks, and reacts to what is said.
    await tabTo(page, "document.getElementById('words')")
    await page.keyboard.type(`hello from ${width}`)
    await press(page, 'Enter')
    await other.until('chat-message', ({ content }) => content === `hello from ${width}`)
    other.send({ type: 'chat-message', content: 'from another' })
    await until(page, `document.getElementById('chat').textContent.includes('from another')`)
    await page.evaluate("document.getElementById('view').focus()")
    await tabTo(page, their)
    await press(page, 'Enter')
    await until(page, inMenu)
    await isClean(page, 'a message’s menu')
    await press(page, 'Enter')
    await other.until('chat-reaction')
    // Reports the message, with a reason.
    await page.evaluate("document.getElementById('view').focus()")
    await tabTo(page, their)
    await press(page, 'Enter')
    await until(page, inMenu)
    await choose(page, 'Report')
    await until(page, "document.activeElement.matches('#menu textarea')")
    assert.is((await focused(page)).name, 'what is wrong')
    await isClean(page, 'a report')
    await page.keyboard.type('it is rude')
    await press(page, 'Tab', 'Enter')
    await until(page, `document.getElementById('notice').textContent.startsWith('Reported')`)
    // Reports a person; a menu that is closed gives the focus back.
    await tabTo(page, they)
    await press(page, 'Enter')
    await until(page, inMenu)
    await press(page, 'Escape')
    await until(page, `document.activeElement === ${they}`)
    await press(page, 'Enter')
    await until(page, inMenu)
    await choose(page, 'Report')
    await until(page, "document.activeElement.matches('#menu textarea')")
    await page.keyboard.type('it is rude again')
    await press(page, 'Tab', 'Enter')
    await until(page, `document.activeElement === ${they}`)
    // Acts: a hand.
    await tabTo(page, "document.getElementById('raise')")
    await press(page, 'Enter')
    await other.until('hand-state', ({ hand_raised }) => hand_raised === true)
    await isClean(page, 'a raised hand')
    // Leaves for another room.
    const elsewhere = `document.querySelector('#rooms li:not(:has([aria-current="true"])) button')`
    await tabTo(page, elsewhere)
    await press(page, 'Enter')
    await other.until('user-left', ({ reason }) => reason === 'left')
    await until(page, "document.querySelectorAll('#people li').length === 1")
    await isClean(page, 'another room')
    await page.close()
    other.heard.splice(0)
  })

test('given reports from the start page, then the room’s owner finds both, with their words', async ({
  product,
}) => {
  const { url } = product.endpoints()
  const post = async (path: string, body: object) =>
    (
      await fetch(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    ).json() as Promise<Record<string, string>>
  const { challenge } = await post('/api/auth/challenge', { account: 'alice' })
  const { signature } = await post('/page/sign', { account: 'alice', message: challenge })
  const { token } = await post('/api/auth/session', { account: 'alice', challenge, signature })
  const answer = await fetch(`${url}/api/spaces/global/lobby/cases`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  assert.is(answer.status, 200, text)
  const { cases } = JSON.parse(text) as { cases: ReadonlyArray<{ about: string }> }
  assert.equal([...new Set(cases.map(({ about }) => about))].sort(), ['message', 'person'])
})

test.run()
