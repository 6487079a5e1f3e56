/** Pages of the console in a real browser, for its tests: signed in, watched for whatever goes wrong, and held against axe. */
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as assert from 'uvu/assert'
import type { Browser, Page } from './browser.ts'
import type { TestConsole } from './console.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const PATIENCE_MS = 15_000

/** Opens a tab in a context of its own, signed in as an account, or as nobody if that is null. */
export const openConsole = async (
  { browser, url, http }: TestConsole & { readonly browser: Browser },
  as: string | null,
  path: string,
): Promise<Page> => {
  const page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  await page.setViewport({ width: 1280, height: 900 })
  const keep =
    as === null ? {} : { account: as, token: http.bearer(as).authorization.slice('Bearer '.length) }
  await page.evaluateOnNewDocument(`
    globalThis.wrong = []
    addEventListener('securitypolicyviolation', (event) => wrong.push(event.violatedDirective + ' ' + event.sourceFile))
    addEventListener('error', (event) => wrong.push(String(event.message)))
    addEventListener('unhandledrejection', (event) => wrong.push(String(event.reason)))
    for (const [key, value] of ${JSON.stringify(Object.entries(keep))})
      if (origin !== 'null') sessionStorage.setItem(key, value)`)
  await page.goto(`${url}${path}`)
  return page
}

/** What the policy refused, what was thrown, and whether anything that somebody wrote has run (`globalThis.ran`). */
export const wrongIn = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(`[...wrong, ...('ran' in globalThis ? ['it ran'] : [])]`) as Promise<string[]>

/** What axe finds on the page as it is now, a line each. `rules`: only by these. */
export const axeFindings = async (
  page: Page,
  rules?: ReadonlyArray<string>,
): Promise<ReadonlyArray<string>> => {
  if ((await page.evaluate(`'axe' in globalThis`)) === false) await page.evaluate(AXE)
  const how = { resultTypes: ['violations'], ...(rules && { runOnly: rules }) }
  return (await page.evaluate(
    `axe.run(${JSON.stringify(how)}).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 160)))`,
  )) as string[]
}

const LOOKS = [
  ['light', 1280],
  ['dark', 1280],
  ['light', 390],
] as const
/** The rules that look at colours. By the others a page is the same in light and in dark: it is made of the same elements. */
const OF_COLOURS = ['color-contrast', 'link-in-text-block']
/** The folder for screenshots, if they are wanted. */
const PICTURES = process.env.CONSOLE_PICTURES

/** In light, in dark and on a phone: nothing is wider than the window, and axe finds nothing. `axeOnPhone`: whether axe is asked there too. */
export const assertSound = async (page: Page, name: string, { axeOnPhone = true } = {}): Promise<void> => {
  for (const [look, width] of LOOKS) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: look }])
    await page.setViewport({ width, height: 900 })
    if (PICTURES !== undefined) {
      mkdirSync(PICTURES, { recursive: true })
      await page.screenshot({ path: `${PICTURES}/${name}-${look}-${width}.png`, fullPage: true })
    }
    const wide = Number(await page.evaluate('document.documentElement.scrollWidth'))
    assert.ok(wide <= width, `${name} is ${wide} wide at ${width}`)
    if (!axeOnPhone && width === 390) continue
    const rules = look === 'dark' ? OF_COLOURS : undefined
    assert.equal(await axeFindings(page, rules), [], `${name}, ${look}, ${width}`)
  }
}
