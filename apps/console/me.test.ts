/** "Me" in a real browser: what is held on the reader by role, who looked at it, the file, an erasure and its
 *  withdrawal, and a legal hold. */
// needs: chromium
// timeout: 120
import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type TestConsole, testConsole } from '../../infra/testing/console.ts'
import { assertSound, openConsole, wrongIn } from '../../infra/testing/console-page.ts'

type Context = TestConsole & { readonly browser: Browser }
type Json = Record<string, never>
const test = suite<Context>('“Me” in the console')
const WORDS = '<img src=x onerror="globalThis.ran=1">'
const button = (words: string) => `::-p-xpath(//button[normalize-space()='${words}'])`

test.before(async (context) => {
  const [here, browser] = await Promise.all([testConsole(), testBrowser()])
  Object.assign(context, here, { browser })
  // Moderators look at rooms, and at judy by name.
  for (const url of [
    '/api/spaces/document/1/audit',
    '/api/spaces/document/1/audit?account=judy',
    '/api/spaces/document/1/at?time=2999-01-01',
  ])
    await here.http.app.inject({ method: 'GET', url, headers: here.http.bearer('ivan') })
  await here.http.settled()
})
test.after(async ({ browser, http }) => {
  await browser.close()
  await http.close()
})

const open = (context: Context, as: string | null, path = '/me'): Promise<Page> =>
  openConsole(context, as, path)
const close = async (page: Page): Promise<void> => {
  assert.deepEqual(await wrongIn(page), [])
  await page.browserContext().close()
}
const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (one) => one.textContent ?? '')
const get = async ({ http }: Context, path: string, as: string) =>
  (await http.app.inject({ method: 'GET', url: path, headers: http.bearer(as) })).json()
const ERASURE = 'section[aria-label=erasure]'
const waitFor = (page: Page, text: string): Promise<unknown> =>
  page.waitForFunction(
    `document.querySelector(${JSON.stringify(ERASURE)}).textContent.includes(${JSON.stringify(text)})`,
  )

test('given each role, then they see the data about themselves and nobody else, as in their answers', async (context) => {
  for (const role of ['peggy', 'judy', 'ivan', 'alice', 'mallory', 'auditor', 'admin-one']) {
    const page = await open(context, role)
    await page.waitForSelector('section[aria-label=held]')
    const { held } = await get(context, '/api/me', role)
    const rooms = await page.$$eval('section[aria-label=held] li a', (all) =>
      all.map((one) => one.textContent),
    )
    assert.deepEqual(
      rooms,
      held.rooms.map(({ space_type, space_id }: Json) => `${space_type}:${space_id}`),
      role,
    )
    const { looks } = await get(context, '/api/me/looks', role)
    const shown = await page.$$eval('section[aria-label=looks] li b', (all) =>
      all.map((one) => one.textContent),
    )
    assert.deepEqual(
      shown,
      looks.map(({ by }: Json) => by),
      role,
    )
    if (role === 'judy')
      assert.match(await textOf(page, 'section[aria-label=looks]'), /ivan looked for you by name/)
    if (role === 'peggy') assert.doesNotMatch(await textOf(page, 'main'), /judy/)
    await close(page)
  }
  const guest = await open(context, null)
  await guest.waitForSelector('.problem')
  assert.match(await textOf(guest, '.problem'), /forbidden/)
  assert.equal(await guest.$('nav a[href="#/me"]'), null)
  await close(guest)
})
test('given the button, then the file is the call’s answer', async (context) => {
  const page = await open(context, 'judy')
  await page.waitForSelector('section[aria-label=held]')
  await page.evaluate(`{
    const made = URL.createObjectURL
    URL.createObjectURL = (blob) => {
      blob.text().then((text) => document.body.setAttribute('data-file', text))
      return made(blob)
    }
  }`)
  await page.click(button('All of it as a file'))
  await page.waitForFunction(`document.body.hasAttribute('data-file')`)
  const text = String(await page.evaluate(`document.body.getAttribute('data-file')`))
  const kinds = new Set(
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).kind),
  )
  assert.deepEqual([...kinds].sort(), ['entry', 'look', 'person', 'room'])
  assert.match(text, /words of judy/)
  assert.doesNotMatch(text, /words of ivan/)
  await close(page)
})
test('given an erasure, then it must be confirmed, waits, and can be withdrawn; a legal hold is shown with its reason, as text', async (context) => {
  const { http } = context
  const page = await open(context, 'judy')
  await page.waitForSelector(ERASURE)
  await page.click(button('Erase me…'))
  await page.waitForSelector('dialog[open]')
  await page.click('dialog[open] button.primary')
  await waitFor(page, 'to be erased')
  assert.equal((await get(context, '/api/me', 'judy')).erasure.subject, 'judy')

  const placed = await http.app.inject({
    method: 'POST',
    url: '/api/holds',
    headers: http.bearer('admin-one'),
    payload: { subject: 'judy', reason: WORDS },
  })
  assert.equal(placed.statusCode, 200, placed.body)
  await page.reload()
  await page.waitForSelector(`${ERASURE} [role=note]`)
  assert.match(
    await textOf(page, ERASURE),
    /by admin-one.*<img src=x onerror.*but not while a legal hold stands/s,
  )
  await assertSound(page, 'me')
  await page.click(button('Withdraw it'))
  await page.waitForSelector(button('Erase me…'))
  assert.equal((await get(context, '/api/me', 'judy')).erasure, null)
  const url = `/api/holds/${placed.json().hold.id}`
  await http.app.inject({ method: 'DELETE', url, headers: http.bearer('admin-one'), payload: {} })
  await close(page)
})
test('given an admin of the system, then they place and release holds at Operations, and see which erasures wait', async (context) => {
  const { http } = context
  const asked = {
    method: 'POST',
    url: '/api/me/erasure',
    headers: http.bearer('peggy'),
    payload: {},
  } as const
  assert.equal((await http.app.inject(asked)).statusCode, 200)
  const page = await open(context, 'admin-one', '/console#/operations')
  await page.waitForSelector('form[aria-label=hold]')
  await page.waitForSelector('section[aria-label=erasures] li')
  assert.match(await textOf(page, 'section[aria-label=erasures]'), /peggy/)
  await page.type('form[aria-label=hold] [name=subject]', 'peggy')
  await page.type('form[aria-label=hold] [name=reason]', WORDS)
  await page.keyboard.press('Enter')
  await page.waitForSelector('section[aria-label="legal holds"] li')
  assert.match(await textOf(page, 'section[aria-label="legal holds"] li'), /peggy.*<img src=x/s)
  assert.equal((await get(context, '/api/me', 'peggy')).holds.length, 1)
  await page.click(`section[aria-label="legal holds"] li button`)
  await page.waitForFunction(`document.querySelector('section[aria-label="legal holds"] li') === null`)
  assert.deepEqual((await get(context, '/api/me', 'peggy')).holds, [])
  await close(page)
})
test.run()
