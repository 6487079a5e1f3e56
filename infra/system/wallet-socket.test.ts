// needs: chromium
// timeout: 120
/** The wallet's room API as its pages open it: a plain WebSocket to `websocket_url`, between two browsers and the product. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, type Page, type Pages, testBrowser, testPages } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'

type Context = { product: Embedded; pages: Pages; browsers: Browser[] }
const test = suite<Context>('the wallet’s room API')
test.before(async (context) => {
  context.pages = await testPages()
  context.product = await startEmbedded({ CORS_ORIGINS: context.pages.origin, LOG_LEVEL: 'debug' })
  context.browsers = await Promise.all([testBrowser(), testBrowser()])
})
test.after(async ({ product, pages, browsers }) => {
  for (const browser of browsers ?? []) await browser.close()
  await pages?.close()
  await product?.stop()
})

/** In the page: joins as a guest, opens the socket and sends `join-space`, as the wallet does. */
const OPEN = `async (server) => {
  const joined = await fetch(server + '/api/spaces/post/alice/my-post/join', {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: '' },
    body: JSON.stringify({ subspace: 'main', user_account: null, challenge: null }),
  }).then((answer) => answer.json())
  window.heard = []
  window.joined = joined
  window.socket = new WebSocket(joined.websocket_url)
  socket.onmessage = ({ data }) => heard.push(JSON.parse(data))
  window.say = (message) => socket.send(JSON.stringify({ ...message, room: 'alice/my-post:main' }))
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('refused')) })
  say({ type: 'join-space', spaceType: 'post', spaceId: 'alice/my-post', subspace: 'main' })
}`
const open = async ({ product, pages, browsers }: Context, which: 0 | 1): Promise<Page> => {
  const page = await (browsers[which] as Browser).newPage()
  await page.goto(`${pages.origin}/room.html`)
  await page.evaluate(`(${OPEN})(${JSON.stringify(product.endpoints().url)})`)
  await heard(page, 'space-joined')
  return page
}
const heard = (page: Page, type: string, more = 'true') =>
  page.waitForFunction(`heard.some((message) => message.type === '${type}' && ${more})`, {
    timeout: 15_000,
    polling: 20,
  })

test('given two pages that join as the wallet does, then they talk, play, and see each other come and go; their tickets are in no log', async (context) => {
  const one = await open(context, 0)
  const two = await open(context, 1)
  await heard(one, 'user-joined')
  await one.evaluate("say({ type: 'chat-message', content: 'hi' })")
  for (const page of [one, two]) await heard(page, 'chat-message', "message.content === 'hi'")
  await two.evaluate("say({ type: 'chess-move', move: 'e2-e4', player: 'somebody', timestamp: 7 })")
  await heard(one, 'chess-move', 'message.from.verified === false')
  const move = await one.evaluate("heard.find(({ type }) => type === 'chess-move')")
  assert.is((move as { from: { id: string } }).from.id, await two.evaluate('joined.identity.id'))
  const ticket = String(await two.evaluate("new URL(joined.websocket_url).searchParams.get('ticket')"))
  await two.close()
  await heard(one, 'user-left')
  assert.not(context.product.output().includes(ticket))
})

test.run()
