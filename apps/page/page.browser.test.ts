// needs: chromium
// timeout: 120
/** The start page in a real browser: two people, what they may do to each other, by mouse and keyboard, on a phone's width. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type Embedded, startEmbedded } from '../../infra/testing/embedded.ts'

type Context = { product: Embedded; browsers: Browser[]; alice: Page; guest: Page }
const test = suite<Context>('the start page in a browser')
const errors: string[] = []

const open = async (browser: Browser, url: string): Promise<Page> => {
  const page = await browser.newPage()
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (line) => {
    if (line.type() === 'error' && /Content Security Policy/.test(line.text())) errors.push(line.text())
  })
  await page.goto(url)
  await page.waitForSelector('#line:not(.off)')
  return page
}
const until = (page: Page, condition: string) =>
  page.waitForFunction(condition, { timeout: 15_000, polling: 50 })
const person = (name: string) =>
  `[...document.querySelectorAll('#people button')].find((b) => b.textContent.includes('${name}'))`
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
  context.browsers = await Promise.all([testBrowser(), testBrowser()])
  const { url } = context.product.endpoints()
  const [one, two] = context.browsers as [Browser, Browser]
  context.alice = await open(one, url)
  await context.alice.waitForSelector('#account:not([hidden])')
  await context.alice.type('#account', 'alice')
  await context.alice.keyboard.press('Enter')
  await until(context.alice, "document.getElementById('role').textContent === 'you: owner'")
  context.guest = await open(two, url)
  await until(context.alice, "document.querySelectorAll('#people li').length === 2")
})
test.after(async ({ product, browsers }) => {
  for (const browser of browsers ?? []) await browser.close()
  await product?.stop()
})

test('given a message, then it can be answered, reacted to and edited, its links open elsewhere, and markup is words', async ({
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

test('given a hand that is raised, then the room sees it and the owner lowers it by keyboard alone', async ({
  alice,
  guest,
}) => {
  await guest.click('#raise')
  await until(alice, `${person('✋')} !== undefined`)
  await alice.evaluate(`${person('✋')}.focus()`)
  await alice.keyboard.press('Enter')
  await until(alice, `document.activeElement?.closest('#menu') !== null`)
  assert.is(await alice.evaluate('document.activeElement.textContent'), 'Lower their hand')
  await alice.keyboard.press('Enter')
  await until(guest, `${person('✋')} === undefined`)
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

test('given a phone, then who one is, the log-in and the people are on the screen, and nothing is wider than it', async ({
  guest,
}) => {
  await guest.setViewport({ width: 390, height: 780, isMobile: true, hasTouch: true })
  // A browser loads the page again for that.
  await until(
    guest,
    "document.querySelectorAll('#people button').length === 2 && !document.getElementById('login').hidden",
  )
  for (const id of ['login', 'account', 'me', 'people', 'words']) {
    const { left, right, width } = (await guest.evaluate(
      `(() => { const { left, right, width } = document.getElementById('${id}').getBoundingClientRect(); return { left, right, width } })()`,
    )) as { left: number; right: number; width: number }
    assert.ok(width > 0 && left >= 0 && right <= 390, `${id}: ${left} to ${right}`)
  }
  assert.is(await guest.evaluate('document.documentElement.scrollWidth'), 390)
})

test('given a dark screen, then names are as light as is needed to read them', async ({ guest }) => {
  await guest.waitForSelector('#chat .by')
  await guest.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  const [r, g, b] = String(
    await guest.evaluate("getComputedStyle(document.querySelector('#chat .by')).color"),
  )
    .match(/[\d.]+/g)!
    .map(Number) as [number, number, number]
  assert.ok(0.2126 * r + 0.7152 * g + 0.0722 * b > 130, `${r} ${g} ${b}`)
})

test('given somebody who is banned, then it is said, with the reason, and stays said', async ({
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

test('nothing went wrong in any page, and the policy for content stopped nothing', () => {
  assert.equal(errors, [])
})

test.run()
