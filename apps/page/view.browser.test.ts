// needs: chromium
// timeout: 120
/** The start page's room in 3-D, in a real browser: one person walks, and somebody on another socket sees it. */
import { setTimeout as delay } from 'node:timers/promises'
import { io, type Socket } from 'socket.io-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, type Page, SCENES_AND_VOICES, testBrowser } from '../../infra/testing/browser.ts'
import { type Embedded, startEmbedded } from '../../infra/testing/embedded.ts'

type Context = { product: Embedded; browser: Browser; page: Page; other: Socket }
const test = suite<Context>('the room in 3-D')
type At = { readonly x: number; readonly y: number; readonly z: number }
const heard: At[] = []

/** The first position received from now on for which `isIt` is true. */
const walkedTo = async (other: Socket, isIt: (at: At) => boolean): Promise<At> => {
  const end = Date.now() + 30_000
  for (;;) {
    const found = heard.splice(0).find(isIt)
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error('nobody walked there in time')
    // Waits for the next update or the end of the time.
    await Promise.race([new Promise((resolve) => other.once('aframe-update', resolve)), delay(1_000)])
  }
}

test.before(async (context) => {
  context.product = await startEmbedded({})
  const { url } = context.product.endpoints()
  context.other = io(url)
  context.other.on('aframe-update', ({ entityData }) => heard.push(entityData.position))
  await context.other.emitWithAck('join-space', {
    spaceType: 'global',
    spaceId: 'lobby',
    position: { x: 3, y: 1.6, z: 0 },
  })
  // The window is small, since no graphics processor draws it.
  context.browser = await testBrowser(SCENES_AND_VOICES)
  context.page = await context.browser.newPage()
  await context.page.setViewport({ width: 360, height: 420 })
  await context.page.goto(url)
  await context.page.waitForSelector('#view canvas')
  await context.page.waitForFunction("document.querySelectorAll('#people li').length === 2")
})
test.after(async ({ browser, other, product }) => {
  other?.close()
  await browser?.close()
  await product?.stop()
})

test('given the keyboard, when the user walks to the left, then others see it, and no script asks for the key elsewhere', async ({
  page,
  other,
}) => {
  await page.focus('#view')
  await page.keyboard.down('ArrowLeft')
  const first = await walkedTo(other, () => true)
  const then = await walkedTo(other, ({ x }) => x < first.x - 0.2)
  await page.keyboard.up('ArrowLeft')
  assert.is(then.y, 1.6)
  await page.focus('#words')
  await page.keyboard.type('wasd')
  assert.is(await page.evaluate("document.getElementById('words').value"), 'wasd')
})

test('given the pointer, when the floor is clicked, then the user walks there; when a person is clicked, then the possible acts are offered', async ({
  page,
  other,
}) => {
  heard.length = 0
  await page.click('#view canvas', { offset: { x: 60, y: 190 } })
  await walkedTo(other, () => true)
  await page.evaluate(
    "[...document.querySelectorAll('#people button')].find((b) => !b.textContent.includes('(you)')).click()",
  )
  await page.waitForSelector('#menu:popover-open button')
})

test.run()
