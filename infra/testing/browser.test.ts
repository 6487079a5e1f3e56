// needs: chromium
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import { until } from './until.ts'

const test = suite('the browser of a test file')

/** A test file that hangs, with a page open. */
const HANGS = `
  const { testBrowser } = await import(${JSON.stringify(new URL('./browser.ts', import.meta.url).href)})
  const page = await (await testBrowser()).newPage()
  process.stdout.write(String(page.browser().process().pid))
  setInterval(() => {}, 60_000)`
/** Until it is waited for by whoever takes it over, an ended process is still listed. */
const runs = (pid: string): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

test('given a test file that is killed, then its browser ends, too', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HANGS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until('the browser has ended', () => !runs(String(said)))
})

test.run()
