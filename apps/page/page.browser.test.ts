// needs: chromium
// timeout: 120
/** The start page in a real browser: two people and what they may do to each other, by mouse and keyboard, on a screen
 *  as wide as a phone's. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type Embedded, startEmbedded } from '../../infra/testing/embedded.ts'

type Context = { product: Embedded; browser: Browser; alice: Page; guest: Page }
const test = suite<Context>('the start page in a browser')
const errors: string[] = []

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** What axe finds wrong in the page, each with its place. */
const faultsOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(AXE)
  return (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 120)).join(' | ')))`,
  )) as string[]
}
const open = async (browser: Browser, url: string): Promise<Page> => {
  const visitor = await browser.createBrowserContext()
  const page = await visitor.newPage()
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (line) => {
    if (line.type() === 'error' && /Content Security Policy/.test(line.text())) errors.push(line.text())
  })
  await page.goto(url)
  await page.waitForSelector('#line:not(.off)')
  return page
}
const until = (page: Page, condition: string) =>
  page.waitForFunction(condition, { timeout: 15_000, polling: 50 }).catch(async (error) => {
    const seen = await page
      .evaluate(
        "['notice', 'standing', 'speak', 'role', 'people', 'chat'].map((id) => id + ': ' + document.getElementById(id).textContent).join('; ')",
      )
      .catch(String)
    throw new Error(`${condition}: ${error}\n${String(seen).slice(0, 600)}`)
  })
const person = (name: string) =>
  `[...document.querySelectorAll('#people button')].find((b) => b.textContent.includes('${name}'))`
const raised = `document.querySelector('#people [aria-label="hand raised"]')`
const item = (words: string) =>
  `[...document.querySelectorAll('#menu button')].find((b) => b.textContent === '${words}')`
const said = (words: string) =>
  `[...document.querySelectorAll('#chat li')].find((li) => li.textContent.includes('${words}'))`
const click = async (page: Page, element: string) => {
  await until(page, `Boolean(${element})`)
  await page.evaluate(`${element}.click()`)
}

test.before(async (context) => {
  context.product = await startEmbedded({})
  context.browser = await testBrowser(['--disable-3d-apis', '--window-size=1000,760'])
  const { url } = context.product.endpoints()
  context.alice = await open(context.browser, url)
  await context.alice.setViewport({ width: 1000, height: 760 })
  // Signs in with one click.
  await click(context.alice, "document.querySelector('#quick:not([hidden]) button')")
  await until(context.alice, "document.getElementById('role').textContent === 'you: owner'")
  context.guest = await open(context.browser, url)
  await until(context.alice, "document.querySelectorAll('#people li').length === 2")
})
test.after(async ({ product, browser }) => {
  await browser?.close()
  await product?.stop()
})

test('given a message, then it can be answered, reacted to and edited, its links open in a new window, and markup is shown as text', async ({
  alice,
  guest,
}) => {
  await alice.type('#words', '<b>look</b> at http://127.0.0.1:9/a?b=c.')
  await alice.keyboard.press('Enter')
  await until(guest, `${said('look')} !== undefined`)
  assert.is(await guest.evaluate(`${said('look')}.querySelector('b')`), null)
  assert.is(await guest.evaluate(`${said('look')}.querySelector('a').href`), 'http://127.0.0.1:9/a?b=c')
  assert.match(String(await guest.evaluate(`${said('look')}.querySelector('a').rel`)), /noopener noreferrer/)
  await click(guest, `${said('look')}.querySelector('.more')`)
  await click(guest, item('👍'))
  await until(alice, `${said('look')}.querySelector('.reactions').textContent.includes('👍 1')`)
  await click(guest, `${said('look')}.querySelector('.more')`)
  assert.is(await guest.evaluate(`${item('Edit')} === undefined && ${item('Delete')} === undefined`), true)
  await click(guest, item('Reply'))
  await guest.type('#words', 'an answer')
  await guest.keyboard.press('Enter')
  await until(alice, `${said('an answer')}?.querySelector('.answers') !== null`)
  await click(alice, `${said('look')}.querySelector('.more')`)
  await click(alice, item('Edit'))
  await alice.evaluate("document.getElementById('words').value = ''")
  await alice.type('#words', 'better words')
  await alice.keyboard.press('Enter')
  await until(guest, `${said('better words')}?.textContent.includes('(edited)')`)
})

test('given a raised hand, then the room sees it and the owner can lower it with the keyboard alone', async ({
  alice,
  guest,
}) => {
  await guest.click('#raise')
  await until(alice, `${raised} !== null`)
  await alice.evaluate(`${raised}.closest('button').focus()`)
  await alice.keyboard.press('Enter')
  await until(alice, `document.activeElement?.closest('#menu') !== null`)
  assert.is(await alice.evaluate('document.activeElement.textContent'), 'Lower their hand')
  await alice.keyboard.press('Enter')
  await until(guest, `${raised} === null`)
})

test('given a browser without WebGL, when the user clicks the floor, then others see where the user stands', async ({
  alice,
  guest,
}) => {
  await guest.waitForSelector('#floor:not([hidden])')
  await guest.click('#floor', { offset: { x: 60, y: 60 } })
  const theirs =
    "[...(await import('/page/page.js')).here().values()].find(({ userAccount }) => userAccount !== 'alice')"
  await until(alice, `(async () => (${theirs}).position?.x < 0)()`)
})

test('given somebody who writes and somebody who speaks, then others see both', async ({ alice, guest }) => {
  await guest.type('#words', 'a thought')
  await until(alice, "/is writing/.test(document.getElementById('typing').textContent)")
  await guest.evaluate("document.getElementById('words').value = ''")
  await click(guest, "document.querySelector('#speak:not([hidden])')")
  await until(guest, "document.getElementById('speak').getAttribute('aria-pressed') === 'true'")
  await until(alice, `document.querySelector('#people [aria-label="speaks"]') !== null`)
  await click(guest, "document.getElementById('speak')")
  await until(alice, `document.querySelector('#people [aria-label="speaks"]') === null`)
})

test('given a stage, when the word is given through a person’s menu, then they may speak, and not before', async ({
  alice,
  guest,
}) => {
  await click(alice, "document.getElementById('room-settings')")
  await alice.waitForSelector('#settings[open] input[name=stage]')
  await alice.evaluate("document.querySelector('#settings input[name=stage]').checked = true")
  await click(alice, "document.querySelector('#settings button[value=save]')")
  await until(guest, `${said('settings of this room were changed')} !== undefined`)
  await click(guest, "document.getElementById('speak')")
  await until(guest, "/raise your hand/.test(document.getElementById('notice').textContent)")
  await click(alice, person('guest '))
  await click(alice, item('Give the word'))
  await until(guest, `${said('has the word')} !== undefined`)
  await click(guest, "document.getElementById('speak')")
  await until(guest, "document.getElementById('speak').getAttribute('aria-pressed') === 'true'")
  await click(alice, person('guest '))
  await click(alice, item('Take the word'))
  await until(guest, "document.getElementById('speak').getAttribute('aria-pressed') === 'false'")
})

test('given rooms within a room, a search and a long talk, then the user can go in and back, find rooms, and read earlier messages', async ({
  alice,
}) => {
  await alice.type('#search', 'chess')
  await until(alice, "document.querySelectorAll('#rooms li').length === 1")
  await alice.evaluate(
    "document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input'))",
  )
  await until(alice, "document.querySelectorAll('#rooms li').length > 1")
  await click(alice, `document.querySelector('[aria-label="another room inside this one"]')`)
  await alice.type('#menu input', 'Quiet corner')
  await alice.keyboard.press('Enter')
  await until(
    alice,
    "location.hash.endsWith(':main-quiet-corner') && document.querySelectorAll('#people li').length === 1",
  )
  await alice.evaluate(`(async () => {
    const { say } = await import('/page/page.js')
    for (let n = 1; n <= 53; n++) {
      await say('line ' + n)
      // An account has 40 messages at once and 20 a second.
      if (n === 39) await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  })()`)
  await until(alice, `${said('line 53')} !== undefined`)
  await click(alice, "document.querySelector('#subrooms button')")
  await until(
    alice,
    "!location.hash.includes('quiet') && document.querySelectorAll('#people li').length === 2",
  )
  await click(
    alice,
    "[...document.querySelectorAll('#subrooms button')].find((b) => b.textContent.startsWith('quiet-corner'))",
  )
  await until(
    alice,
    `${said('line 53')} !== undefined && ${said('line 4')} !== undefined && !document.getElementById('more').hidden`,
  )
  await click(alice, "document.getElementById('more')")
  await until(
    alice,
    `[...document.querySelectorAll('#chat .words')].some(({ textContent }) => textContent === 'line 1')`,
  )
  assert.is(await alice.evaluate("document.querySelector('#chat .words').textContent"), 'line 1')
  assert.is(await alice.evaluate("document.getElementById('more').hidden"), true)
  await click(alice, "document.querySelector('#subrooms button')")
  await until(alice, "document.querySelectorAll('#people li').length === 2")
})

test('given the page light and dark, with a menu, with settings, then axe finds nothing', async ({
  alice,
}) => {
  for (const value of ['light', 'dark']) {
    await alice.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }])
    assert.equal(await faultsOf(alice), [], value)
  }
  await click(alice, person('guest '))
  await alice.waitForSelector('#menu input')
  assert.equal(await faultsOf(alice), [], 'a menu')
  await alice.keyboard.press('Escape')
  await click(alice, "document.getElementById('room-settings')")
  await alice.waitForSelector('#settings[open]')
  assert.equal(await faultsOf(alice), [], 'settings')
  await alice.keyboard.press('Escape')
})

test('given a guest, then the owner’s settings are out of reach; given the owner, then they change for all', async ({
  alice,
  guest,
}) => {
  assert.is(await guest.evaluate("document.getElementById('room-settings').hidden"), true)
  await alice.click('#room-settings')
  await alice.waitForSelector('#settings[open] input[name=slow_mode_seconds]')
  await alice.evaluate("document.querySelector('#settings input[name=slow_mode_seconds]').value = '1'")
  await click(alice, "document.querySelector('#settings button[value=save]')")
  await until(guest, `${said('settings of this room were changed')} !== undefined`)
})

test('given a phone, then the identity, the log-in and the people are on the screen, and nothing is wider than it', async ({
  guest,
}) => {
  await guest.setViewport({ width: 390, height: 780, isMobile: true, hasTouch: true })
  // The page is loaded again for that.
  await until(
    guest,
    "document.querySelectorAll('#people button').length === 2 && !document.getElementById('login').hidden",
  )
  for (const id of [
    'login',
    'account',
    'me',
    'quick',
    'people',
    'words',
    'speak',
    'raise',
    'share',
    'view',
    'rooms',
  ]) {
    const { left, right, width } = (await guest.evaluate(
      `(() => { const { left, right, width } = document.getElementById('${id}').getBoundingClientRect(); return { left, right, width } })()`,
    )) as { left: number; right: number; width: number }
    assert.ok(width > 0 && left >= 0 && right <= 390, `${id}: ${left} to ${right}`)
  }
  assert.is(await guest.evaluate('document.documentElement.scrollWidth'), 390)
  assert.equal(await faultsOf(guest), [])
})

test('given a dark screen, then names are light enough to read', async ({ guest }) => {
  await guest.waitForSelector('#chat .by')
  await guest.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  const [r, g, b] = String(
    await guest.evaluate("getComputedStyle(document.querySelector('#chat .by')).color"),
  )
    .match(/[\d.]+/g)!
    .map(Number) as [number, number, number]
  assert.ok(0.2126 * r + 0.7152 * g + 0.0722 * b > 130, `${r} ${g} ${b}`)
})

test('given a full room with a queue, then whoever comes sees their place and nothing that acts on the room, keeps the place when the page is loaded again, gives it up or is let in by itself', async ({
  product,
  browser,
  alice,
}) => {
  const set = (settings: object) =>
    alice.evaluate(
      `import('/page/socket.js').then(({ socket }) => socket.emitWithAck('settings-change', ${JSON.stringify(settings)})).then(({ ok }) => ok)`,
    )
  assert.is(await set({ max_users: 2, queue: true }), true)
  const waits = await open(browser, product.endpoints().url)
  const place = "document.getElementById('waiting-place').textContent"
  await until(waits, `${place} === 'You are number 1 of 1 in the queue'`)
  const shown = `['view', 'say', 'raise', 'speak', 'subrooms', 'room-settings', 'people', 'waiting', 'give-up', 'waiting-time']
    .filter((id) => document.getElementById(id).checkVisibility({ visibilityProperty: true }))`
  assert.equal(await waits.evaluate(shown), ['waiting', 'give-up', 'waiting-time'])
  assert.match(
    String(await waits.evaluate("document.getElementById('waiting-time').textContent")),
    /not known yet/,
  )
  for (const value of ['light', 'dark']) {
    await waits.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }])
    assert.equal(await faultsOf(waits), [], value)
  }
  await waits.reload()
  await until(waits, `${place} === 'You are number 1 of 1 in the queue'`)
  await click(waits, "document.getElementById('give-up')")
  await until(waits, "/no longer have a place/.test(document.getElementById('standing-words').textContent)")
  assert.equal(await waits.evaluate(shown), [])
  await click(waits, "document.getElementById('come-back')")
  await until(waits, `${place} === 'You are number 1 of 1 in the queue'`)
  assert.is(await set({ max_users: 3 }), true)
  await until(waits, "document.querySelectorAll('#people li').length === 3")
  assert.equal(await waits.evaluate(shown), ['view', 'say', 'raise', 'speak', 'subrooms', 'people'])
  await waits.close()
  assert.is(await set({ max_users: 50, queue: false }), true)
})

test('given somebody who is banned, then the page says so, with the reason, and keeps saying so', async ({
  alice,
  guest,
}) => {
  await click(
    alice,
    "[...document.querySelectorAll('#people button')].find((b) => !b.textContent.includes('(you)'))",
  )
  await alice.waitForSelector('#menu input')
  await alice.type('#menu input', 'noise')
  await click(alice, item('Ban'))
  await until(guest, "document.getElementById('standing-words').textContent.includes('noise')")
  await click(guest, "document.getElementById('come-back')")
  await until(guest, "/banned/i.test(document.getElementById('standing-words').textContent)")
  assert.is(await guest.evaluate("document.getElementById('standing').hidden"), false)
})

test('no page had an error, and the content security policy blocked nothing', () => {
  assert.equal(errors, [])
})

test.run()
