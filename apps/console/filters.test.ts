/** Filters in the browser: an admin sets one, a moderator settles the messages that it caught, and others see neither;
 *  nothing that people write runs as code anywhere. */
// needs: chromium
// timeout: 120
import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type TestConsole, testConsole } from '../../infra/testing/console.ts'
import { assertSound, openConsole, wrongIn } from '../../infra/testing/console-page.ts'

type Context = TestConsole & { readonly browser: Browser }
const test = suite<Context>('filters in the console')
const ROOM = '#/room/document%3A1'
const WORDS = '<img src=x onerror="globalThis.ran=1"> darn'

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
/** In every look, no script of a message ran, the policy refused nothing, and axe finds nothing. */
const sound = async (page: Page, name: string): Promise<void> => {
  await assertSound(page, name)
  assert.deepEqual(await wrongIn(page), [])
}
const waitForText = (page: Page, selector: string, text: string): Promise<unknown> =>
  page.waitForFunction(
    `document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`,
  )
const say = async ({ http }: Context, who: string, content: string) => {
  const url = '/api/chat/document/1/messages'
  const answer = await http.app.inject({
    method: 'POST',
    url,
    payload: { content },
    headers: http.bearer(who),
  })
  await http.settled()
  return answer.json()
}
const said = async ({ http }: Context): Promise<string> =>
  (
    await http.app.inject({
      method: 'GET',
      url: '/api/chat/document/1/messages',
      headers: http.bearer('judy'),
    })
  ).body

test('given a filter that an admin sets, when it holds a message, then a moderator lets it through or drops it', async (context) => {
  const admin = await open(context, 'alice', `${ROOM}/filters`)
  const field = (name: string) => `form[aria-label=filter] [name=${name}]`
  await admin.waitForSelector(field('filter_id'))
  await admin.type(field('filter_id'), 'rude')
  await admin.type(field('words'), 'darn\nheck*')
  await admin.click('form[aria-label=filter] [value=hold]')
  await admin.click('form[aria-label=filter] [value=report]')
  await admin.click('form[aria-label=filter] button[type=submit]')
  await waitForText(admin, 'section[aria-label=filters]', 'darn, heck*')
  for (const [name, value] of [
    ['filter_id', 'often'],
    ['count', '5'],
    ['seconds', '10'],
    ['mute_seconds', '300'],
  ] as const)
    await admin.type(field(name), value)
  await admin.click('form[aria-label=filter] [value=mute]')
  await admin.click('form[aria-label=filter] button[type=submit]')
  await waitForText(admin, 'section[aria-label=filters]', 'more than 5 messages in 10 s')

  assert.equal((await say(context, 'judy', WORDS)).held, true)
  assert.equal((await say(context, 'judy', 'What the HECK')).held, true)
  await admin.reload()
  await waitForText(admin, 'section[aria-label="caught by filters"]', 'onerror')
  await sound(admin, 'filters')
  await admin.browserContext().close()

  const moderator = await open(context, 'ivan', `${ROOM}/cases`)
  await waitForText(moderator, 'section[aria-label="caught by filters"]', 'What the HECK')
  await sound(moderator, 'cases-with-caught')
  await moderator.click('filtered-queue li button.primary')
  await waitForText(moderator, 'section[aria-label="caught by filters"] small', '1')
  await moderator.type('filtered-queue li input[name=reason]', 'not here')
  await moderator.click('filtered-queue li button[type=submit]')
  await moderator.waitForFunction(`document.querySelector('filtered-queue li') === null`)
  await moderator.browserContext().close()
  await context.http.settled()
  const words = await said(context)
  assert.ok(words.includes('onerror') && !words.includes('HECK'))
})

test('given an admin, when they follow a ban list, then it is shown with its entries, and can be left', async (context) => {
  const { http } = context
  const page = await open(context, 'alice', `${ROOM}/filters`)
  const field = (name: string) => `form[aria-label=list] [name=${name}]`
  const rules = ['spam-*', 'mallory'].map((name) => ({
    type: 'm.policy.rule.user',
    state_key: `rule:@${name}:hive`,
    content: { entity: `@${name}:hive`, reason: WORDS, recommendation: 'm.ban' },
  }))
  await page.waitForSelector(field('rules'))
  await page.type(field('list_id'), 'friends')
  await page.type(field('rules'), JSON.stringify(rules))
  await page.type(field('name'), 'https://example.org/bans.json')
  await page.click('form[aria-label=list] button[type=submit]')
  await waitForText(page, 'section[aria-label="ban lists"]', 'https://example.org/bans.json')
  await page.click('[aria-label="Show the list friends"]')
  await waitForText(page, 'section[aria-label="ban lists"] .entries', '@mallory:hive')
  await sound(page, 'ban-lists')
  const url = '/api/spaces/document/1/join'
  const join = () => http.app.inject({ method: 'POST', url, payload: {}, headers: http.bearer('spam-bot') })
  assert.equal((await join()).json().code, 'banned')
  await page.click('[aria-label="Leave the list friends"]')
  await waitForText(page, 'section[aria-label="ban lists"]', 'None is followed')
  assert.equal((await join()).statusCode, 200)
  await page.select(field('source'), 'owner')
  await page.type(field('list_id'), 'mine')
  await page.click('form[aria-label=list] button[type=submit]')
  await waitForText(page, 'section[aria-label="ban lists"]', 'all rooms of the owner')
  await page.browserContext().close()
})

test('given a moderator, when they ask what a rule would have done, then each decision is listed and leads to why', async (context) => {
  const { http } = context
  for (const content of ['one', 'two', 'gosh']) await say(context, 'peggy', content)
  await http.settled()
  const page = await open(context, 'ivan', `${ROOM}/what-if`)
  await page.waitForSelector('form[aria-label="what if"]')
  // The server of these tests has its own clock.
  const set = (name: string, value: string) =>
    page.$eval(
      `form[aria-label="what if"] [name=${name}]`,
      (one, to) => {
        const field = one as unknown as { value: string }
        field.value = to
      },
      value,
    )
  await set('from', '2020-01-01T00:00')
  await set('to', '2099-01-01T00:00')
  await page.click('form[aria-label="what if"] button[type=submit]')
  await waitForText(page, 'section[aria-label=answer]', 'accepted → slow_down')
  await page.select('form[aria-label="what if"] select', 'words')
  await page.waitForSelector('form[aria-label="what if"] textarea')
  await page.type('form[aria-label="what if"] textarea', 'gosh')
  await page.click('form[aria-label="what if"] button[type=submit]')
  await waitForText(page, 'section[aria-label=answer]', 'accepted → held')
  await sound(page, 'what-if')
  await page.click('section[aria-label=answer] .links a')
  await page.waitForSelector('why-view')
  await page.browserContext().close()
})

test('given somebody who is not a moderator, then the view of filters says so, and shows nothing', async (context) => {
  const page = await open(context, 'judy', `${ROOM}/filters`)
  await waitForText(page, 'filters-view', 'forbidden')
  assert.equal(await page.$('section[aria-label=filters]'), null)
  assert.doesNotMatch((await page.$eval('main', (one) => one.textContent)) ?? '', /darn/)
  await page.browserContext().close()
})
test.run()
