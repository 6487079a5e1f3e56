/** The embedded server as `npm start` runs it, for tests and benchmarks: on a data folder of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Endpoints, readEndpoints } from '../../apps/operations/instance/endpoints.ts'

export type Embedded = {
  /** As they are now: a part that was started again has another pid. */
  readonly endpoints: () => Endpoints
  readonly dataDir: string
  /** Everything that it printed so far. */
  readonly output: () => string
  readonly stop: () => Promise<void>
}

const MAIN = fileURLToPath(new URL('../../apps/embedded/main.ts', import.meta.url))

/** Throws where it does not start, with what it said. `dataDir` is removed when it stops. */
export const startEmbedded = async (
  env: Readonly<Record<string, string>> = {},
  dataDir = mkdtempSync(join(tmpdir(), 'presence-embedded-')),
): Promise<Embedded> => {
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn', ...env },
  })
  // However this process ends, what it started does not outlive it.
  const end = () => void child.kill('SIGTERM')
  process.once('exit', end)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = `${output.slice(-100_000)}${chunk}`
    })
  const stop = async () => {
    process.off('exit', end)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    rmSync(dataDir, { recursive: true, force: true })
  }
  let last = readEndpoints(dataDir)
  while (last === null) {
    if (child.exitCode !== null) {
      await stop()
      throw new Error(`The embedded server did not start:\n${output}`)
    }
    await delay(25)
    last = readEndpoints(dataDir)
  }
  const endpoints = () => {
    last = readEndpoints(dataDir) ?? last
    return last!
  }
  return { endpoints, dataDir, output: () => output, stop }
}
