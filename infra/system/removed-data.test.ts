// test: calm
// timeout: 300
/** `rm -rf data && npm start`, twice: what is said to be all of the state is all of it, as root too. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readEndpoints } from '../../apps/operations/instance/endpoints.ts'
import { until } from '../testing/until.ts'

const test = suite('a data folder that is removed')
const MAIN = fileURLToPath(new URL('../../apps/embedded/main.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
const run = isRoot ? test : test.skip
if (!isRoot)
  console.log('## left out: only as root does the database run as another user, whose data may be outside')

// A folder that no other user may enter, as one under /root is.
const parent = mkdtempSync(join(tmpdir(), 'presence-removed-'))
const dataDir = join(parent, 'data')
test.after(() => rmSync(parent, { recursive: true, force: true }))

const started = async () => {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk
    })
  // However this process ends, what it started does not outlive it.
  const end = () => void child.kill('SIGTERM')
  process.once('exit', end)
  await until(
    'it is up',
    () => {
      if (child.exitCode !== null) throw new Error(`it did not start:\n${output}`)
      return readEndpoints(dataDir) !== null
    },
    120_000,
  )
  return {
    url: readEndpoints(dataDir)!.url,
    output: () => output,
    stop: async () => {
      process.off('exit', end)
      child.kill('SIGINT')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
const json = async (url: string, init?: RequestInit) =>
  (await fetch(url, init)).json() as Promise<Record<string, unknown>>

run(
  'given a start, when the folder is removed and it is started again, twice, then each start begins with nothing',
  async () => {
    for (let round = 0; round < 3; round += 1) {
      const product = await started()
      try {
        const messages = `${product.url}/api/chat/global/lobby/messages`
        assert.equal((await json(messages)).messages, [], `round ${round}: ${product.output()}`)
        const said = await json(messages, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ content: `round ${round}` }),
        })
        assert.ok(said.success, JSON.stringify(said))
        const back = await json(`${messages}?min_position=${said.position}`)
        assert.is((back.messages as ReadonlyArray<unknown>).length, 1)
        assert.is((await fetch(`${product.url}/health`)).status, 200)
      } finally {
        await product.stop()
      }
      rmSync(dataDir, { recursive: true })
    }
  },
)

test.run()
