/** Measures the time from `npm start` to the first accepted join: on an empty folder with nothing compiled yet, and
 *  again on the same data. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readEndpoints } from '../../apps/operations/instance/endpoints.ts'
import { type FigureRow, summary } from './figures.ts'

const MAIN = fileURLToPath(new URL('../../apps/embedded/main.ts', import.meta.url))
const ROUNDS = 3
const LATER = 3

const join1 = async (url: string): Promise<boolean> => {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/api/spaces/global/lobby/join`, {
      method: 'POST',
      headers,
      body: '{}',
    })
    return response.ok && ((await response.json()) as { success: boolean }).success
  } catch {
    return false
  }
}

/** Seconds. */
const startOnce = async (dataDir: string, cache: string): Promise<number> => {
  const since = performance.now()
  const child = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DATA_DIR: dataDir, PORT: '0', NODE_COMPILE_CACHE: cache },
  })
  const exited = once(child, 'exit')
  for (;;) {
    if (child.exitCode !== null) throw new Error('npm start did not start.')
    const endpoints = readEndpoints(dataDir)
    if (endpoints && (await join1(endpoints.url))) break
    await delay(10)
  }
  const seconds = (performance.now() - since) / 1000
  child.kill('SIGTERM')
  await exited
  return seconds
}

export const bench = async () => {
  const first: number[] = []
  const later: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'presence-start-'))
    chmodSync(folder, 0o755)
    try {
      const again = () => startOnce(join(folder, 'data'), join(folder, 'compiled'))
      first.push(await again())
      for (let i = 0; i < LATER; i++) later.push(await again())
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const row = (what: string, values: number[], goal: number): FigureRow => ({
    what,
    ours: `${summary(values).p50.toFixed(1)} s (at most ${Math.max(...values).toFixed(1)} s of ${values.length})`,
    beside: '',
    goal: `< ${goal} s`,
    met: Math.max(...values) < goal,
  })
  const rows = [
    row('first start to the first accepted join', first, 10),
    row('later starts to the first accepted join', later, 4),
  ]
  return { rows, figures: { first, later } }
}
