/** The console in a real browser, on a real server: who sees what, acts and their undoing, the past; and nothing that
 *  people write runs as code. */
// needs: chromium
// timeout: 240
import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type TestConsole, testConsole } from '../../infra/testing/console.ts'
import { assertSound, openConsole, wrongIn } from '../../infra/testing/console-page.ts'
import { MALICE } from '../../infra/testing/malice.ts'

type Context = TestConsole & { readonly browser: Browser }
type Json = Record<string, never>
const test = suite<Context>('the console')
const ROOM = '#/room/document%3A1'

test.before(async (context) => {
  const [here, browser] = await Promise.all([testConsole(), testBrowser()])
  Object.assign(context, here, { browser })
})
test.after(async ({ browser, http }) => {
  await browser.close()
  await http.close()
})

const open = (context: Context, as: string | null, hash: string): Promise<Page> =>
  openConsole(context, as, `/console${hash}`)
const goTo = (page: Page, hash: string): Promise<unknown> =>
  page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
const labels = (page: Page): Promise<string[]> =>
  page.$$eval('section[aria-label]', (all) => all.map((one) => one.getAttribute('aria-label') ?? ''))
const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (one) => one.textContent ?? '')
const get = async ({ http }: Context, path: string, headers = {}) => {
  const answer = await http.app.inject({ method: 'GET', url: path, headers })
  return {
    status: answer.statusCode,
    body: answer.headers['content-type']?.toString().startsWith('application/json')
      ? answer.json()
      : answer.body,
  }
}
const button = (words: string) =>
  `::-p-xpath(//button[normalize-space()='${words}' or @aria-label='${words}'])`

const ROLES = ['guest', 'peggy', 'judy', 'ivan', 'alice', 'mallory', 'auditor'] as const
test('given each role, then the room’s page shows what the role’s answers contain and no more', async (context) => {
  for (const role of ROLES) {
    const headers = role === 'guest' ? {} : context.http.bearer(role)
    const page = await open(context, role === 'guest' ? null : role, ROOM)
    await page.waitForSelector('section[aria-label=settings]')
    const shown = await labels(page)
    for (const list of ['permissions', 'bans', 'mutes']) {
      const { status, body } = await get(context, `/api/spaces/document/1/${list}`, headers)
      assert.equal(shown.includes(list), status === 200, `${list} as ${role}`)
      if (status !== 200) continue
      const names = await page.$$eval(`section[aria-label=${list}] li > .who`, (all) =>
        all.map((one) => one.textContent),
      )
      assert.deepEqual(
        names,
        body[list].map((row: Json) => row.user_account ?? row.subject),
        `${list} as ${role}`,
      )
    }
    const chat = await get(context, '/api/chat/document/1/messages', headers)
    assert.equal(shown.includes('chat'), chat.status === 200, `chat as ${role}`)
    const maySet = role === 'alice'
    assert.equal((await page.$(button('Change…'))) !== null, maySet, `settings as ${role}`)
    const moderates = maySet || role === 'ivan'
    assert.equal((await page.$(button('Ban…'))) !== null, moderates, `acts as ${role}`)

    const at = await get(context, '/api/spaces/document/1/at?time=2999-01-01', headers)
    await goTo(page, `${ROOM}/time`)
    await page.waitForSelector(at.status === 200 ? 'section[aria-label=events]' : '.problem')
    assert.equal((await labels(page)).includes('people then'), at.status === 200, `time as ${role}`)
    assert.deepEqual(await wrongIn(page), [])
    await page.browserContext().close()
  }
})
test('given a private room, then a stranger and a guest see that there is none, in every view of it', async (context) => {
  for (const as of [null, 'peggy']) {
    const page = await open(context, as, '#/rooms')
    await page.waitForSelector('.cards')
    assert.doesNotMatch(await textOf(page, 'main'), /document:2\b/)
    for (const [side, view] of [
      ['', 'now-view'],
      ['/time', 'time-view'],
      ['/record', 'record-view'],
      ['/why/1', 'why-view'],
    ] as const) {
      await goTo(page, `#/room/document%3A2${side}`)
      await page.waitForSelector(`${view} .problem`)
      assert.match(await textOf(page, `${view} .problem`), /space_not_found/)
    }
    await page.browserContext().close()
  }
})
test('given an account’s name and the stand-in, then a user can sign in with the form, and out again', async (context) => {
  const page = await open(context, null, '#/rooms')
  await page.waitForSelector('input[name=account]')
  await page.type('input[name=account]', 'ivan')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#sign-out')
  assert.equal(await textOf(page, '.me b'), 'ivan')
  const kept = await page.evaluate('JSON.stringify([Object.keys(localStorage), document.cookie])')
  assert.equal(kept, '[[],""]')
  await page.click('#sign-out')
  await page.waitForSelector('input[name=account]')
  assert.deepEqual(await wrongIn(page), [])
  await page.browserContext().close()
})
test('given a moderator, when they mute with a reason and lift the mute, then both are on the log with their places', async (context) => {
  const page = await open(context, 'ivan', ROOM)
  await page.waitForSelector('.another')
  await page.type('.another input', 'judy')
  await page.click(button('Mute…'))
  await page.waitForSelector('dialog[open]')
  await page.type('dialog input[name=reason]', 'loud <b>music</b>')
  await page.keyboard.press('Enter')
  await page.waitForSelector('section[aria-label=mutes] li')
  assert.match(await textOf(page, 'section[aria-label=mutes] li'), /judy.*loud <b>music<\/b>/s)
  const mutes = await get(context, '/api/spaces/document/1/mutes', context.http.bearer('ivan'))
  assert.equal(mutes.body.mutes[0].reason, 'loud <b>music</b>')
  await page.click('.undo')
  await page.waitForFunction(`document.querySelectorAll('section[aria-label=mutes] li').length === 0`)
  const places = await page.$$eval('.told a', (all) =>
    all.map((one) => /\d+/.exec(one.textContent ?? '')?.[0]),
  )
  await context.http.settled()
  const audit = await get(
    context,
    '/api/spaces/document/1/audit?target=judy&limit=2',
    context.http.bearer('ivan'),
  )
  assert.deepEqual(
    audit.body.entries.map((row: Json) => row.action),
    ['AccountUnmuted', 'AccountMuted'],
  )
  assert.deepEqual(
    places,
    audit.body.entries.map((row: Json) => row.position),
  )
  assert.deepEqual(await wrongIn(page), [])
  await page.browserContext().close()
})
test('given a replayed evening, when the user scrubs to its moments, then the room is as `/at` has it', async (context) => {
  const page = await open(context, 'carol', '#/room/document%3A123/time')
  await page.waitForSelector('section[aria-label=events] li[aria-current]')
  const [first, last] = await page.$eval('input[type=range]', (one) => [
    Number((one as never as Json).min),
    Number((one as never as Json).max),
  ])
  for (const part of [0.03, 0.9, 0.25, 0.51, 0.77, 0.12]) {
    const time = new Date(Math.round(first! + (last! - first!) * part)).toISOString()
    await page.$eval(
      'input[type=range]',
      (one, value) => {
        Object.assign(one, { value })
        one.dispatchEvent(new Event('input'))
      },
      String(Date.parse(time)),
    )
    await page.waitForFunction(`decodeURIComponent(location.hash).endsWith('${time}')`)
    const { body } = await get(
      context,
      `/api/spaces/document/123/at?time=${time}`,
      context.http.bearer('carol'),
    )
    const people = await page.$$eval('.people .who', (all) => all.map((one) => one.textContent))
    assert.deepEqual(
      people,
      body.present.map((one: Json) => one.user_account),
      time,
    )
    const words = await page.$$eval('section[aria-label="chat then"] .words', (all) =>
      all.map((one) => one.textContent),
    )
    assert.deepEqual(
      words.reverse(),
      body.messages.map((one: Json) => one.content),
      time,
    )
  }
  const place = () => page.evaluate(`location.hash.split('at=')[1]`) as Promise<string>
  await page.click(button('the event after'))
  await page.waitForFunction('/at=[0-9]+$/.test(location.hash)')
  const next = await place()
  await page.click(button('the event before'))
  await page.waitForFunction(`!location.hash.endsWith('at=${next}')`)
  assert.ok(BigInt(await place()) < BigInt(next))
  assert.deepEqual(await wrongIn(page), [])
  await page.browserContext().close()
})
test('given every view, in light, dark and on a phone, then axe finds nothing, and nothing is wider than a phone’s screen', async (context) => {
  const audit = await get(
    context,
    '/api/spaces/document/1/audit?action=AccountBanned',
    context.http.bearer('alice'),
  )
  const { position } = audit.body.entries[0]
  const page = await open(context, 'admin-one', '#/rooms')
  await page.waitForSelector('.cards')
  const views: Record<string, readonly [string, string]> = {
    rooms: ['#/rooms', '.cards'],
    room: [ROOM, 'section[aria-label=settings]'],
    time: ['#/room/document%3A123/time', 'section[aria-label=events] li'],
    record: [`${ROOM}/record`, '.record tbody tr'],
    why: [`${ROOM}/why/${position}`, '.picture'],
    person: ['#/person/judy', '.record tbody tr'],
    search: ['#/search?space=document%3A1', '.record tbody tr'],
    proof: [`#/proof/${position}`, '.verdict'],
    operations: ['#/operations', '.record tbody tr'],
  }
  for (const [name, [hash, ready]] of Object.entries(views)) {
    await goTo(page, hash)
    await page.waitForSelector(`main ${ready}`)
    if (name === 'proof') assert.equal(await textOf(page, '.verdict'), 'All that was checked holds.')
    await assertSound(page, name, { axeOnPhone: false })
  }
  await page.browserContext().close()
})
test('given names, words, titles, reasons and settings that try to run as code, then each is only shown', async (context) => {
  const { http } = context
  const rest = async (method: 'PUT' | 'POST' | 'PATCH', path: string, payload: object) => {
    const answer = await http.app.inject({ method, url: path, payload, headers: http.bearer('alice') })
    assert.equal(answer.statusCode, 200, answer.body)
  }
  for (const content of MALICE) await rest('POST', '/api/chat/document/1/messages', { content })
  const free = Object.fromEntries(MALICE.slice(0, 20).map((words, i) => [`k${i}`, words]))
  await rest('PATCH', '/api/spaces/document/1/settings', {
    settings: { ...free, '<img src=x onerror=ran=1>': MALICE },
  })
  for (const [i, reason] of MALICE.slice(0, 8).entries()) {
    await rest('PUT', `/api/spaces/document/1/mutes/bad${i}bad`, { reason })
    await rest('PUT', `/api/spaces/document/1/permissions/bad${i}bad`, { permission: 'access', reason })
  }
  await http.settled()
  const page = await open(context, 'alice', ROOM)
  await page.waitForSelector('section[aria-label=mutes] li')
  const said = new Set(await page.$$eval('.chat .words', (all) => all.map((one) => one.textContent)))
  for (const words of MALICE.slice(-50)) assert.ok(said.has(words), words)
  for (const hash of [
    `${ROOM}/time`,
    `${ROOM}/record`,
    '#/person/alice?space=document%3A1',
    '#/search?space=document%3A1',
    '#/rooms',
  ]) {
    await goTo(page, hash)
    await page.waitForSelector(
      hash.endsWith('time')
        ? 'section[aria-label="chat then"] li'
        : hash === '#/rooms'
          ? '.cards'
          : '.record tbody tr',
    )
  }
  for (const words of MALICE.slice(0, 20)) {
    await goTo(page, `#/room/${encodeURIComponent(words)}/why/${encodeURIComponent(words)}`)
    await goTo(page, `#/person/${encodeURIComponent(words)}?space=${encodeURIComponent(words)}`)
  }
  assert.deepEqual(await wrongIn(page), [])
  assert.equal(await page.evaluate(`'ran' in globalThis`), false)
  assert.equal(
    await page.$$eval(
      'main script, main img, main iframe, main [onerror], main [onload], main a[href^="javascript"]',
      (all) => all.length,
    ),
    0,
  )
  await page.browserContext().close()
})

test.run()
