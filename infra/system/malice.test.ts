// needs: chromium
// timeout: 240
/** Over 200 texts that would run if taken for markup, an address or code, in every place that anybody can write to (words, reasons,
 *  titles, settings, avatars, entities, templates, what clients tell each other): on each page that shows rooms nothing of it runs, is
 *  fetched, or becomes an element, and words read as they were written. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import {
  type Browser,
  drawSeldom,
  type Page,
  SCENES_AND_VOICES,
  testBrowser,
  testPages,
} from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { MALICE } from '../testing/malice.ts'
import { until } from '../testing/until.ts'

type Opened = { readonly page: Page; readonly asked: string[] }
type Context = {
  product: Embedded
  browser: Browser
  url: string
  owner: string
  live: Map<string, Opened>
  sockets: Socket[]
}
const test = suite<Context>('what is written with malice')
const folder = mkdtempSync(join(tmpdir(), 'malice-'))
const LOBBY = '/api/spaces/global/lobby'
/** Each says as many as one account may at once. */
const AT_ONCE = 35

/** The pages that are open while it is written, and what each shows once it is in the room. */
const LIVE: Readonly<Record<string, string>> = {
  '/': '#line:not(.off)',
  '/examples/chat.html': '#people',
  '/examples/aframe.html': '[data-presence-panel]',
  '/examples/networked-aframe.html': 'a-scene',
  '/examples/three.html': 'canvas',
}
const tokenOf = async (url: string, account: string): Promise<string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  const headers = {
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': devKeys(account).posting.public,
    'x-signature': signAs(account, challenge),
  }
  const answer = await fetch(`${url}/api/auth/session`, { method: 'POST', headers })
  return ((await answer.json()) as { token: string }).token
}
const send = async ({ url }: Pick<Context, 'url'>, token: string, what: string, body?: object) => {
  const [method = 'GET', path] = what.split(' ')
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  const text = await answer.text()
  assert.is(answer.status, 200, `${what}: ${text.slice(0, 300)}`)
  return text
}

/** A page in which whatever it asks for is kept. `keep`: of the session's storage. */
const open = async (browser: Browser, address: string, keep: object = {}): Promise<Opened> => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(20_000)
  await drawSeldom(page, 600)
  const asked: string[] = []
  page.on('request', (request) => void asked.push(request.url()))
  page.on('dialog', (dialog) => {
    asked.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.evaluateOnNewDocument(`for (const [key, value] of ${JSON.stringify(Object.entries(keep))})
    if (origin !== 'null') sessionStorage.setItem(key, value)`)
  await page.goto(address, { waitUntil: 'domcontentloaded' })
  return { page, asked }
}

/** Every element of the page, those of open shadow roots too, that no page of ours makes of what somebody wrote. */
const STRANGE = `(() => {
  const found = []
  const walk = (root) => {
    for (const one of root.querySelectorAll('*')) {
      if (one.shadowRoot) walk(one.shadowRoot)
      const handlers = one.getAttributeNames().filter((name) => name.startsWith('on'))
      const addresses = ['href', 'src', 'action', 'data', 'ping', 'srcset', 'background', 'formaction'].map((name) => one.getAttribute(name) ?? '')
      const tag = one.tagName.toLowerCase()
      if (handlers.length > 0 || /^(iframe|object|embed|base|frame|frameset|portal|marquee|math|foreignobject|mglyph|xmp|noembed|animate|use)$/.test(tag) ||
        addresses.some((address) => /^\\s*(javascript|vbscript|data:text)/i.test(address)) ||
        (tag === 'script' || tag === 'link' || tag === 'img' || tag === 'audio' || tag === 'video' || tag === 'source') && addresses.some((address) => /example\\.invalid|^x$|(?<!:)\\/\\/example/.test(address)))
        found.push(one.outerHTML.slice(0, 200))
    }
  }
  walk(document)
  return found
})()`
const FACTS = `({ ran: 'ran' in globalThis, polluted: 'ran' in {}, strange: ${STRANGE}, title: document.title })`
/** `own`: where alone it may have asked. */
const assertHarmless = async ({ page, asked }: Opened, own: string, name: string): Promise<void> => {
  const { ran, polluted, strange } = (await page.evaluate(FACTS)) as {
    ran: boolean
    polluted: boolean
    strange: ReadonlyArray<string>
  }
  assert.equal([ran, polluted, strange], [false, false, []], name)
  const elsewhere = asked.filter((address) => !/^(data|blob):/.test(address) && !address.startsWith(own))
  assert.equal(elsewhere, [], name)
  // Of its own server too, nothing that the texts name, but in a question that the page itself asks about such a name.
  const named = asked.filter(
    (address) =>
      !address.startsWith(`${own}/api/`) && /example\.invalid|\/x(\.(js|png|glb|mp3))?$/.test(address),
  )
  assert.equal(named, [], name)
}

const writeWords = async (context: Context): Promise<void> => {
  for (let from = 0, n = 0; from < MALICE.length; from += AT_ONCE, n += 1) {
    const token = await tokenOf(context.url, `writer${n}`)
    for (const content of MALICE.slice(from, from + AT_ONCE))
      await send(context, token, 'POST /api/chat/global/lobby/messages', { content })
  }
}
const writeElsewhere = async (context: Context): Promise<void> => {
  const { owner, product } = context
  const free = Object.fromEntries(MALICE.slice(0, 60).map((words, i) => [`k${i}`, words]))
  await send(context, owner, `PATCH ${LOBBY}/settings`, {
    settings: { ...free, '<img src=x onerror=ran=1>': 1 },
  })
  for (const [i, reason] of MALICE.slice(0, 40).entries())
    await send(context, owner, `PUT ${LOBBY}/mutes/bad${i}bad`, { reason })
  for (const [i, text] of MALICE.slice(-6).entries()) {
    const reporter = await tokenOf(context.url, `reporter${i}`)
    await send(context, reporter, `POST ${LOBBY}/reports`, { subject: 'writer0', text })
  }
  await send(context, owner, 'POST /api/holds', { subject: 'alice', reason: MALICE[0]! })
  const pool = new pg.Pool({ connectionString: product.endpoints().databaseUrl, max: 1 })
  const { rows } = await pool.query('SELECT count(*)::int AS n FROM posts')
  assert.ok(rows[0].n > 0)
  await pool.query(
    `UPDATE posts SET title = ($1::text[])[1 + (abs(hashtext(author || permlink)) % $2::int)]`,
    [MALICE, MALICE.length],
  )
  await pool.end()
}
/** Guests with avatars, entities and messages from client to client of which each text is a part. */
const writeScenes = async (context: Context): Promise<void> => {
  const each = 45
  for (let from = 0; from < MALICE.length; from += each) {
    const socket = io(context.url, { forceNew: true, transports: ['websocket'] })
    context.sockets.push(socket)
    const texts = MALICE.slice(from, from + each)
    const joined = await socket.emitWithAck('join-space', {
      spaceType: 'global',
      spaceId: 'lobby',
      position: { x: from / 40, y: 0, z: 1 },
      avatarData: { name: texts[0], src: texts[1], 'gltf-model': texts[2], html: texts[3] },
    })
    assert.is(joined.ok, true, JSON.stringify(joined))
    for (const [i, text] of texts.entries()) {
      const components = {
        position: { x: i, y: 0, z: 0 },
        material: { src: text },
        html: text,
        'gltf-model': text,
      }
      // What the server refuses (a name that means something to JavaScript) is nobody's to see.
      await socket.emitWithAck('aframe-update', {
        entities: {
          [text.slice(0, 100)]: { template: text, ...components },
          [`e${from + i}`]: { template: '#avatar-template', ...components },
        },
      })
      const whose = { networkId: `n${from + i}`, owner: socket.id, creator: socket.id, lastOwnerTime: 1 }
      const template = i % 2 === 0 ? text : '#avatar-template'
      const data = {
        ...whose,
        template,
        persistent: false,
        parent: text,
        isFirstSync: true,
        components: { 0: text, 1: { x: text }, [text]: text },
      }
      await socket.emitWithAck('room-data', { type: 'u', data })
    }
  }
}

test.before(async (context) => {
  context.sockets = []
  context.live = new Map()
  context.product = await startEmbedded({ SYSTEM_ADMINS: 'alice' })
  context.url = context.product.endpoints().url
  context.owner = await tokenOf(context.url, 'alice')
  context.browser = await testBrowser(SCENES_AND_VOICES)
  for (const [path, ready] of Object.entries(LIVE)) {
    const opened = await open(context.browser, `${context.url}${path}`)
    await opened.page.waitForSelector(ready)
    context.live.set(path, opened)
  }
  await context.live
    .get('/examples/chat.html')!
    .page.waitForFunction(`/^\\d+ here/.test(document.querySelector('#people').textContent)`)
  await writeScenes(context)
  await writeElsewhere(context)
  await writeWords(context)
})
test.after(async ({ browser, product, sockets }) => {
  for (const socket of sockets) socket.close()
  await browser?.close()
  await product?.stop()
  rmSync(folder, { recursive: true })
})

test('given the corpus, then it has at least 200 texts, each once', () => {
  assert.ok(MALICE.length >= 200)
  assert.is(new Set(MALICE).size, MALICE.length)
})
test('given a page that takes the texts for markup, then they run there, and the test notices it', async ({
  browser,
}) => {
  const pages = await testPages()
  const { page, asked } = await open(browser, `${pages.origin}/blank`)
  await page.evaluate(
    `for (const text of ${JSON.stringify(MALICE)}) document.body.appendChild(document.createElement('div')).innerHTML = text`,
  )
  await page.waitForFunction(`'ran' in globalThis`)
  const { strange } = (await page.evaluate(FACTS)) as { strange: ReadonlyArray<string> }
  assert.ok(strange.length > 150, String(strange.length))
  await until('it was asked for', () => asked.some((address) => address.includes('example.invalid')))
  await page.browserContext().close()
  await pages.close()
})
test('given pages that were open while the texts were written, then nothing ran, nothing was requested, and all words are shown as written', async ({
  live,
  url,
}) => {
  for (const [path, list] of [
    ['/', '#chat .words'],
    ['/examples/chat.html', '#log span'],
  ] as const) {
    const { page } = live.get(path)!
    const shown = async () =>
      new Set(
        (await page.evaluate(
          `[...document.querySelectorAll('${list}')].map(({ textContent }) => textContent)`,
        )) as string[],
      )
    await until(
      `${path} has all`,
      async () => {
        const all = await shown()
        return MALICE.every((words) => all.has(words.trim()) || all.has(words))
      },
      20_000,
    )
  }
  for (const [path, opened] of live) {
    await assertHarmless(opened, url, path)
    await opened.page.browserContext().close()
  }
})
test('given the console, then none of the texts runs in any view, whoever looks', async ({
  browser,
  url,
  owner,
}) => {
  const room = '#/room/global%3Alobby'
  const views: Readonly<Record<string, string>> = {
    '#/rooms': '.cards a',
    [room]: 'section[aria-label=mutes] li',
    [`${room}/time`]: 'section[aria-label="chat then"] li',
    [`${room}/record`]: '.record tbody tr',
    '#/search?space=global%3Alobby': '.record tbody tr',
    '#/person/writer1?space=global%3Alobby': '.record tbody tr',
    [`${room}/cases`]: 'section[aria-label=queue] li a',
    [`${room}/filters`]: 'section[aria-label="set a filter"]',
    [`${room}/what-if`]: 'section[aria-label=question]',
    '#/me': 'section[aria-label=erasure] [role=note]',
    '#/operations': 'section[aria-label="legal holds"] li',
  }
  const opened = await open(browser, `${url}/console#/rooms`, { account: 'alice', token: owner })
  // As wide as a phone: narrower, the menu covers what is clicked.
  await opened.page.setViewport({ width: 400, height: 300 })
  for (const [hash, ready] of Object.entries(views)) {
    await opened.page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
    await opened.page.waitForSelector(`main ${ready}`)
    await assertHarmless(opened, url, hash)
    if (!hash.endsWith('/cases')) continue
    await opened.page.click('section[aria-label=queue] li a')
    await opened.page.waitForSelector('section[aria-label=steps] li')
    const steps = await opened.page.$eval('section[aria-label=steps]', (one) => one.textContent ?? '')
    assert.ok(steps.includes(MALICE.at(-1)!), steps.slice(0, 300))
    await assertHarmless(opened, url, 'a case')
  }
  for (const words of MALICE.slice(0, 40)) {
    const part = encodeURIComponent(words)
    await opened.page.evaluate(`location.hash = ${JSON.stringify(`#/room/${part}/why/${part}`)}`)
    await opened.page.evaluate(`location.hash = ${JSON.stringify(`#/person/${part}?space=${part}`)}`)
  }
  await assertHarmless(opened, url, 'addresses')
  await opened.page.browserContext().close()
})
test('given the file of evidence, then it verifies, shows the words as written, and none of the texts runs', async (context) => {
  const html = await send(context, context.owner, `GET ${LOBBY}/evidence`)
  const file = join(folder, 'evidence.html')
  writeFileSync(file, html)
  const opened = await open(context.browser, pathToFileURL(file).href)
  await opened.page.waitForFunction(`document.documentElement.hasAttribute('data-done')`)
  assert.match(
    String(await opened.page.evaluate(`document.querySelector('#verdict').textContent`)),
    /^It holds/,
  )
  const shown = String(await opened.page.evaluate(`document.querySelector('#chat').textContent`))
  for (const words of MALICE.slice(-20)) assert.ok(shown.includes(words.trim()), words)
  // At every moment of it.
  await opened.page.evaluate(`{
    const slider = document.querySelector('#slider')
    for (let at = 0; at <= Number(slider.max); at += 7) {
      slider.value = at
      slider.dispatchEvent(new Event('input'))
    }
  }`)
  await assertHarmless(opened, 'file:', 'the file of evidence')
  await opened.page.browserContext().close()
})
test('given people who come later, then their pages show the history harmlessly, too', async ({
  browser,
  url,
}) => {
  for (const [path, ready] of Object.entries(LIVE)) {
    const opened = await open(browser, `${url}${path}`)
    await opened.page.waitForSelector(ready)
    if (path === '/') await opened.page.waitForSelector('#chat .words')
    if (path === '/examples/chat.html') await opened.page.waitForSelector('#log > *')
    await assertHarmless(opened, url, path)
    await opened.page.browserContext().close()
  }
})
test.run()
