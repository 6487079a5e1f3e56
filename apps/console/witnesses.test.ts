/** The console's view of the log's witnesses, with real ones: which cosigned, which can't be reached, and which takes
 *  the log for another one. */
// needs: chromium
// timeout: 120
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { type Browser, type Page, testBrowser } from '../../infra/testing/browser.ts'
import { type TestConsole, testConsole } from '../../infra/testing/console.ts'
import { axeFindings } from '../../infra/testing/console-page.ts'
import { SIGNER } from '../../infra/testing/http.ts'
import { cosignerOf } from '../../projections/proof/cosignature.ts'
import { signCheckpoint, verifierOf } from '../../projections/proof/note.ts'
import { serveWitness } from '../operations/witness/serving.ts'
import { openWitnessFolder } from '../operations/witness/state.ts'
import { createWitness, type LogWitness } from '../operations/witness/witness.ts'

type Context = TestConsole & { readonly browser: Browser }
const test = suite<Context>('witnesses in the console')
const folder = mkdtempSync(join(tmpdir(), 'witnesses-'))
const closing: Array<() => void> = []

/** Starts a witness at an address of its own and adds it to the log's witnesses. */
const addWitness = async ({ http }: Context, name: string): Promise<LogWitness> => {
  const state = openWitnessFolder(join(folder, name), `witness.test/${name}`)
  const witness = createWitness(state, verifierOf(SIGNER), { now: Date.now })
  const onError = (error: Error) => assert.fail(error)
  const server = await serveWitness(witness, { host: '127.0.0.1', port: 0, onError })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  http.witnesses.places.push({ key: witness.key, url })
  closing.push(() => {
    server.closeAllConnections()
    server.close()
    state.close()
  })
  return witness
}
test.before(async (context) => {
  const [here, browser] = await Promise.all([testConsole(), testBrowser()])
  Object.assign(context, here, { browser })
})
test.after(async ({ browser, http }) => {
  await browser.close()
  await http.close()
  for (const close of closing) close()
  rmSync(folder, { recursive: true, force: true })
})

const openProof = async ({ browser, url }: Context): Promise<Page> => {
  const page: Page = await (await browser.createBrowserContext()).newPage()
  page.setDefaultTimeout(15_000)
  await page.goto(`${url}/console#/proof`)
  await page.waitForSelector('.verdict')
  return page
}
/** What the Proof view shows: the verdict, each check, and the list of witnesses. */
const shownIn = async (context: Context) => {
  const page = await openProof(context)
  const verdict = await page.$eval('.verdict', (one) => one.textContent ?? '')
  const checks = await page.$$eval('.checks li', (all) =>
    all.map((one) => `${one.className}: ${one.textContent ?? ''}`),
  )
  const witnesses = await page.$eval('section[aria-label=witnesses]', (one) => one.textContent ?? '')
  assert.deepEqual(await axeFindings(page), [])
  await page.setViewport({ width: 390, height: 900 })
  assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 390)
  await page.browserContext().close()
  return { verdict, checks, witnesses }
}
const HOLDS = 'All that was checked holds.'

test('given a log without witnesses, then the view says so', async (context) => {
  const { verdict, witnesses } = await shownIn(context)
  assert.equal(verdict, HOLDS)
  assert.match(witnesses, /Nobody else cosigns this log/)
})

test('given witnesses, then each that cosigned is checked in the browser; one that is away is shown, and does not count as a fault of the log', async (context) => {
  const { http } = context
  const one = await addWitness(context, 'w1')
  const away = openWitnessFolder(join(folder, 'away'), 'witness.test/away')
  closing.push(away.close)
  http.witnesses.places.push({ key: verifierOf(away.cosigner), url: 'http://127.0.0.1:1' })
  await http.app.inject('/api/audit/checkpoint')
  await http.witnesses.ask()
  const { verdict, checks, witnesses } = await shownIn(context)
  assert.equal(verdict, HOLDS)
  const said = checks.join('\n')
  assert.match(said, /holds: What witnesses were shown is this log, of \d+ events/)
  assert.match(said, /holds: The witness “witness.test\/w1” cosigned it/)
  assert.match(said, /open: The witness “witness.test\/away” did not cosign it. It can’t be reached/)
  assert.ok(witnesses.includes(one.key.vkey))
  assert.match(witnesses, /unreachable/)
})

test('given witnesses that the reader trusts, then as many as the reader demands must have cosigned, whatever the server says of its own; a key of another kind is not accepted', async (context) => {
  const page = await openProof(context)
  const form = 'form[aria-label="trusted witnesses"]'
  await page.click('section[aria-label=witnesses] summary')
  const keep = async (keys: string, least: number): Promise<void> => {
    await page.evaluate(`{
      const { keys, least } = document.querySelector(${JSON.stringify(form)}).elements
      keys.value = ${JSON.stringify(keys)}
      keys.setCustomValidity('')
      least.value = ${least}
    }`)
    await page.click(`${form} button`)
  }
  const says = (text: string) =>
    page.waitForFunction(`document.querySelector('.checks').textContent.includes(${JSON.stringify(text)})`)
  const [mine] = context.http.witnesses.places
  const stranger = verifierOf(cosignerOf('witness.test/stranger', Buffer.alloc(32, 4))).vkey
  await keep(verifierOf(SIGNER).vkey, 1)
  assert.equal(await page.evaluate(`document.querySelector(${JSON.stringify(form)}).checkValidity()`), false)
  await keep(`${mine!.key.vkey}\n${stranger}`, 2)
  await says('Of the 2 witnesses that you trust, 1 cosigned it in the last ten minutes, and 2 must have.')
  assert.match(await page.$eval('.verdict', (one) => one.textContent ?? ''), /Something does not hold/)
  await keep(`${mine!.key.vkey}\n${stranger}`, 1)
  await says('Of the 2 witnesses that you trust, 1 cosigned it in the last ten minutes.')
  assert.equal(await page.$eval('.verdict', (one) => one.textContent), HOLDS)
  await page.reload()
  await page.waitForSelector('.verdict')
  await says('Of the 2 witnesses that you trust, 1 cosigned')

  await page.evaluate(`{
    const kept = JSON.parse(localStorage.getItem('console-checkpoint'))
    localStorage.setItem('console-checkpoint', JSON.stringify({ ...kept, vkey: ${JSON.stringify(stranger)} }))
  }`)
  await page.reload()
  await page.waitForSelector('.verdict')
  await says('The log’s key is another than the one this browser saw before.')
  await page.browserContext().close()
})

test('given a witness that saw another log of this key, then the view says that something is wrong', async (context) => {
  const { http } = context
  const other = await addWitness(context, 'w2')
  const root = Buffer.alloc(32, 3)
  const note = signCheckpoint({ origin: SIGNER.name, size: 2, root, extensions: [] }, SIGNER)
  assert.equal(other.consider({ note, old: 0, proof: [] }).kind, 'cosigned')
  await http.witnesses.ask()
  const { verdict, checks, witnesses } = await shownIn(context)
  assert.match(verdict, /Something does not hold/)
  assert.match(checks.join('\n'), /fails: The witness “witness.test\/w2” REFUSES to cosign it.*forked/)
  assert.match(witnesses, /refused/)
})

test.run()
