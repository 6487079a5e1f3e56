/** A room's time in the console, on the whole product and in Chromium: a large made-up room opens and scrubs as fast as a small
 *  one, and a real room's moments are as `/at` has them. CONSOLE_EVENTS (2,000) is how large the made-up room is, REPLAY_LINES
 *  (150) how much of the real one is performed, CONSOLE_SCRUBS (20) to how many moments of each the user goes; CONSOLE_PICTURES is a folder for pictures (`test-results/console`), CONSOLE_DATA a data folder that stays, so
 *  that the room is filled only the first time. */
// needs: chromium
// timeout: 300
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { keepRoom } from '../../apps/operations/keep/moment-writer.ts'
import { summary } from '../bench/figures.ts'
import { EACH_MS, grow, ROOM } from '../bench/growing-room.ts'
import { processorMs } from '../bench/processor.ts'
import { type Browser, type Page, testBrowser } from '../testing/browser.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { QUIET_EVENING, replay } from '../testing/replay.ts'

type Context = { readonly embedded: Embedded; readonly browser: Browser }
type Json = Record<string, never>
const test = suite<Context>('a large room in the console')

const EVENTS = Number(process.env.CONSOLE_EVENTS ?? 2_000)
const SCRUBS = Number(process.env.CONSOLE_SCRUBS ?? 20)
const OPENED = 3
/** Where others are busy beside it, a small room is not held to the figures that are asked of a large one. */
const PATIENCE = process.env.CONSOLE_EVENTS === undefined ? 10 : 1
const GOAL = { picture: 1_000 * PATIENCE, scrub: 100 * PATIENCE }
const AUDITOR = 'judge-dee'
/** Pictures of each run stay there: whoever reads a failure looks at them. */
const PICTURES = process.env.CONSOLE_PICTURES ?? join(import.meta.dirname, '../../test-results/console')
const DATA = process.env.CONSOLE_DATA
const BUSY_WEEK = join(process.env.ROOM_LOGS ?? '', 'busy-week.jsonl.gz')
/** From the settings of a server: where the real room is. */
const REAL = { type: 'post', id: 'room-replay/the-busy-room' }

test.before(async (context) => {
  const [embedded, browser] = await Promise.all([startEmbedded({ AUDITORS: AUDITOR }, DATA), testBrowser()])
  Object.assign(context, { embedded, browser })
})
test.after(async ({ embedded, browser }) => {
  await browser.close()
  await (DATA === undefined ? embedded.stop() : embedded.leave())
})

/** A tab in which the auditor is signed in, and the token. */
const signedIn = async ({ embedded, browser }: Context) => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(30_000)
  await page.setViewport({ width: 1280, height: 900 })
  await page.evaluateOnNewDocument(WATCH)
  await page.goto(`${embedded.endpoints().url}/console#/rooms`)
  await page.waitForSelector('input[name=account]')
  await page.type('input[name=account]', AUDITOR)
  await page.keyboard.press('Enter')
  await page.waitForSelector('#sign-out')
  const token = String(await page.evaluate(`sessionStorage.getItem('token')`))
  return { page, authorization: { authorization: `Bearer ${token}` } }
}
const timeOf = ({ embedded }: Context, space: typeof REAL): string =>
  `${embedded.endpoints().url}/console#/room/${encodeURIComponent(`${space.type}:${space.id}`)}/time`

/** Runs in each page: says when the axis and the room as it stood were there. */
const WATCH = `{
  const look = () => {
    const view = document.querySelector('.axis .bars[d]:not([d=""])') && document.querySelector('section[aria-label="people then"]')
    if (view) requestAnimationFrame(() => (globalThis.picturedAt = performance.now()))
    else requestAnimationFrame(look)
  }
  look()
}`
/** Milliseconds from the beginning of the page until then. */
const opened = async (page: Page, url: string): Promise<number> => {
  await page.goto('about:blank')
  await page.goto(url)
  await page.waitForFunction('globalThis.picturedAt !== undefined')
  return Number(await page.evaluate('picturedAt'))
}
/** Moves the scrubber to a part of the whole. Resolves to the milliseconds until the room as it stood then is painted. */
const scrub = (page: Page, part: number): Promise<number> =>
  page.evaluate(`(async () => {
    const view = document.querySelector('time-view')
    const range = view.querySelector('input[type=range]')
    const frame = () => new Promise(requestAnimationFrame)
    const before = view.moment
    const begun = performance.now()
    range.value = Math.round(Number(range.min) + (Number(range.max) - Number(range.min)) * ${part})
    range.dispatchEvent(new Event('input'))
    while (view.moment === before) await frame()
    await view.updateComplete
    // A task that follows the frame comes once it is painted.
    await new Promise((resolve) => setTimeout(resolve))
    return performance.now() - begun
  })()`) as Promise<number>

/** What the page shows of the moment, and when that is. */
const shown = (page: Page) =>
  page.evaluate(`({
    time: new Date(document.querySelector('time-view').t).toISOString(),
    people: [...document.querySelectorAll('.people .who')].map((one) => one.textContent),
    words: [...document.querySelectorAll('section[aria-label="chat then"] .words')].map((one) => one.textContent).reverse(),
  })`) as Promise<{ time: string; people: string[]; words: string[] }>

const compare = async (context: Context, page: Page, space: typeof REAL, headers: Record<string, string>) => {
  const { time, people, words } = await shown(page)
  const base = `${context.embedded.endpoints().url}/api/spaces/${space.type}/${encodeURIComponent(space.id)}`
  const answer = await fetch(`${base}/at?time=${time}`, { headers })
  const moment = (await answer.json()) as { present: Json[]; messages: Json[] }
  assert.is(answer.status, 200, JSON.stringify(moment))
  assert.equal(
    people,
    moment.present.map((one) => one.user_account ?? one.guest_id),
    time,
  )
  assert.equal(
    words,
    moment.messages.map((one) => (one.is_deleted ? `deleted by ${one.deleted_by}` : one.content)),
    time,
  )
  return people.length + words.length
}

const picture = async (page: Page, name: string): Promise<void> => {
  mkdirSync(PICTURES, { recursive: true })
  for (const [mode, width] of [
    ['light', 1280],
    ['dark', 390],
  ] as const) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: mode }])
    await page.setViewport({ width, height: 900 })
    await page.screenshot({ path: join(PICTURES, `${name}-${mode}-${width}.png`) })
  }
  await page.setViewport({ width: 1280, height: 900 })
}

/** Until the tables have what is on the log up to there. */
const settled = async ({ embedded }: Context, position: bigint): Promise<void> => {
  const url = `${embedded.endpoints().url}/api/spaces?limit=1&min_position=${position}`
  while (!(await fetch(url)).ok) await delay(250)
}

/** Until the product is done with what was written; resolves to the cores that it still uses. */
const calmedDown = async ({ endpoints }: Embedded): Promise<number> => {
  const used = () =>
    Object.values(endpoints().pids).reduce((sum, pid) => sum + (pid === undefined ? 0 : processorMs(pid)), 0)
  for (let tries = 0; ; tries += 1) {
    const [before, begun] = [used(), performance.now()]
    await delay(1_000)
    const cores = (used() - before) / (performance.now() - begun)
    if (cores < 0.1 || tries >= 60) return cores
  }
}

/** Until now, since those who are in the room leave it now: its server is none of this system's. */
const fill = async (context: Context): Promise<void> => {
  const { embedded } = context
  const isFilled = join(embedded.dataDir, `room-of-${EVENTS}`)
  if (existsSync(isFilled)) return
  const begun = performance.now()
  const say = (what: string) =>
    console.log(`${what} after ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
  const log = connectEventLog({ url: embedded.endpoints().eventStoreUrl })
  const { position } = await (await grow(log, Date.now() - EVENTS * EACH_MS))(EVENTS)
  say(`${EVENTS} events appended`)
  await settled(context, position)
  say('in the tables')
  await keepRoom(log, ROOM)
  await log.close()
  say('moments kept')
  if (DATA !== undefined) writeFileSync(isFilled, '')
}

test(`given a room of ${EVENTS} events, then its time opens within a second, and a moment is there within 100 ms`, async (context) => {
  const { embedded } = context
  const begun = performance.now()
  await fill(context)
  const busy = await calmedDown(embedded)
  console.log(`calm after ${((performance.now() - begun) / 1_000).toFixed(0)} s (${busy.toFixed(2)} cores)`)
  const { page, authorization } = await signedIn(context)
  const pictures: number[] = []
  for (let i = 0; i < OPENED; i += 1) pictures.push(await opened(page, timeOf(context, ROOM)))
  const { pids } = embedded.endpoints()
  const used = () => processorMs(pids.server!) + processorMs(pids.eventstore!)
  const before = used()
  const times: number[] = []
  let things = 0
  for (let i = 0; i < SCRUBS; i += 1) {
    times.push(await scrub(page, ((i * 61.8) % 100) / 100))
    if (i % 2 === 0) things += await compare(context, page, ROOM, authorization)
  }
  await picture(page, 'large-room-time')
  const [picturesTook, scrubTook] = [summary(pictures), summary(times)]
  console.log(
    `${EVENTS} events: first picture ${pictures[0]!.toFixed(0)} ms, then p50 ${picturesTook.p50.toFixed(0)} ms; a scrub p50 ${scrubTook.p50.toFixed(0)} ms, p99 ${scrubTook.p99.toFixed(0)} ms; ${((used() - before) / SCRUBS).toFixed(1)} ms of processor each`,
  )
  assert.ok(things > 100, `${things} people and messages were compared`)
  assert.ok(picturesTook.p50 < GOAL.picture, `the first picture took ${picturesTook.p50} ms`)
  assert.ok(scrubTook.p50 < GOAL.scrub, `a scrub took ${scrubTook.p50} ms`)
  await page.browserContext().close()
})

test(`given a real room’s log, when it is performed and the user scrubs to ${SCRUBS} moments, then each is as /at has it`, async (context) => {
  // In a folder that stays, it may have been performed before.
  if (DATA !== undefined) return
  const { embedded } = context
  const file = existsSync(BUSY_WEEK) ? BUSY_WEEK : QUIET_EVENING
  const { code, output } = await replay([
    file,
    '--url',
    embedded.endpoints().url,
    '--lines',
    process.env.REPLAY_LINES ?? '150',
  ])
  assert.is(code, 0, output)
  const { page, authorization } = await signedIn(context)
  const picturesTook = await opened(page, timeOf(context, REAL))
  const times: number[] = []
  let things = 0
  for (let i = 0; i < SCRUBS; i += 1) {
    times.push(await scrub(page, Math.random()))
    things += await compare(context, page, REAL, authorization)
    if (i % 25 === 0) await picture(page, `real-room-time-${i}`)
  }
  const { p50, p99 } = summary(times)
  console.log(
    `a real room: first picture ${picturesTook.toFixed(0)} ms; ${SCRUBS} scrubs p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms; ${things} people and messages compared`,
  )
  assert.ok(things > 5 * SCRUBS, `${things} people and messages were compared`)
  await page.browserContext().close()
})

test.run()
