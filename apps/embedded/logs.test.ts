/** The parts' output is kept over a restart, up to a limit. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLogs } from './logs.ts'

const test = suite('logs of the parts')
const dataDir = mkdtempSync(join(tmpdir(), 'logs-'))
const path = join(dataDir, 'logs', 'server.log')
const written = async (want: (text: string) => boolean): Promise<string> => {
  for (;;) {
    try {
      const text = readFileSync(path, 'utf8')
      if (want(text)) return text
    } catch {
      // It does not exist yet.
    }
    await setImmediate()
  }
}

test('given a run that crashed, when the next begins, then its last output is still there', async () => {
  for (const words of ['the first run', 'the second run', 'the third run']) {
    createLogs(dataDir, () => {}).of('server')(`{"msg":"${words}"}`)
    await written((text) => text.includes(words))
  }
  const text = await written((all) => all.includes('third'))
  assert.equal(
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
    ['the first run', 'the second run', 'the third run'],
  )
})

test('given many runs with much output, then there are at most two files of 20 MB', async () => {
  const line = `{"msg":"${'é'.repeat(500_000)}"}`
  for (let run = 0; run < 5; run += 1) {
    const write = createLogs(dataDir, () => {}).of('server')
    for (let n = 0; n < 9; n += 1) write(line)
    write(`{"msg":"end of ${run}"}`)
    await written((text) => text.includes(`end of ${run}`))
  }
  assert.ok(statSync(path).size <= 20_000_000)
  assert.ok(statSync(`${path}.1`).size <= 20_000_000)
})

test.after(() => rmSync(dataDir, { recursive: true }))
test.run()
