/** From a report to an appeal in the browser, each step by a person who may take it; and nothing that people write runs
 *  as code anywhere. */
// needs: chromium
// timeout: 120
import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type TestConsole, testConsole } from '../../infra/testing/console.ts'
import { axeFindings, openConsole, wrongIn } from '../../infra/testing/console-page.ts'

type Context = TestConsole & { readonly browser: Browser }
const test = suite<Context>('cases in the console')
const ROOM = '#/room/document%3A1'
const WORDS = '<img src=x onerror="globalThis.ran=1">'

test.before(async (context) => {
  const [here, browser] = await Promise.all([testConsole(), testBrowser()])
  Object.assign(context, here, { browser })
})
test.after(async ({ browser, http }) => {
  await browser.close()
  await http.close()
})

const open = (context: Context, as: string, hash: string): Promise<Page> =>
  openConsole(context, as, `/console${hash}`)
/** Closes the page after checking that no script of a message ran, the policy refused nothing, and axe finds nothing. */
const closeSound = async (page: Page): Promise<void> => {
  assert.deepEqual([await wrongIn(page), await axeFindings(page)], [[], []])
  await page.browserContext().close()
}
const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (one) => one.textContent ?? '')
const waitForText = (page: Page, selector: string, text: string): Promise<unknown> =>
  page.waitForFunction(
    `document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`,
  )
const send = async (page: Page, form: string, fields: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, value] of Object.entries(fields)) {
    const field = `form[aria-label=${form}] [name=${name}]`
    await page.waitForSelector(field)
    if ((await page.$eval(field, (one) => one.tagName)) === 'SELECT') await page.select(field, value)
    else await page.type(field, value)
  }
  await page.click(`form[aria-label=${form}] button[type=submit]`)
}
const inQueue = async (context: Context, as: string): Promise<Page> => {
  const page = await open(context, as, `${ROOM}/cases`)
  await page.waitForSelector('section[aria-label=queue] li a')
  await page.click('section[aria-label=queue] li a')
  await page.waitForSelector('section[aria-label=steps] li')
  return page
}

test('given a message, when it is reported, handled, appealed against and heard, then each person sees their part, and no text is run as code', async (context) => {
  const { http } = context
  const reporter = await open(context, 'peggy', ROOM)
  const report = `::-p-xpath(//button[@aria-label='Report judy'])`
  await reporter.waitForSelector(report)
  await reporter.click(report)
  await reporter.waitForSelector('dialog[open]')
  await reporter.type('dialog input[name=reason]', WORDS)
  await reporter.keyboard.press('Enter')
  await waitForText(reporter, '.told', 'The moderators have your report')
  await reporter.evaluate(`location.hash = ${JSON.stringify(`${ROOM}/cases`)}`)
  await waitForText(reporter, 'cases-view', 'forbidden')
  await closeSound(reporter)

  await http.settled()
  const moderator = await inQueue(context, 'ivan')
  assert.match(await textOf(moderator, 'section[aria-label=steps]'), /peggy.*<img src=x onerror/s)
  assert.match(await textOf(moderator, 'section[aria-label=moment]'), /words of judy/)
  await moderator.click('section[aria-label=yours] button.primary')
  await send(moderator, 'Act', { act: 'mute', rule: 'Be kind', reason: WORDS })
  await waitForText(moderator, 'section[aria-label=steps]', 'acted (mute)')
  await send(moderator, 'Close', { rule: 'Be kind', reason: 'Unkind' })
  await waitForText(moderator, 'case-view .bar', 'closed: acted')
  await closeSound(moderator)

  await http.settled()
  const told = await open(context, 'judy', '#/me')
  await waitForText(told, 'section[aria-label=receipts]', 'Be kind')
  assert.doesNotMatch(await textOf(told, 'main'), /peggy/)
  await send(told, 'appeal', { text: 'It was a joke.' })
  await waitForText(told, 'section[aria-label=receipts]', 'your appeal is being heard')
  await closeSound(told)

  await http.settled()
  const another = await inQueue(context, 'heidi')
  await send(another, 'Decide', { outcome: 'lifted', reason: 'It reads as one.' })
  await waitForText(another, 'case-view .bar', 'appeal: lifted')
  await closeSound(another)

  await http.settled()
  const lifted = await open(context, 'judy', '#/me')
  await waitForText(lifted, 'section[aria-label=receipts]', 'lifted: “It reads as one.”')
  await closeSound(lifted)
})

test.run()
