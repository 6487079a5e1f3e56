/** The embedded server as `npm start` runs it, for tests and benchmarks: on a data folder of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Endpoints, readEndpoints } from '../../apps/operations/instance/endpoints.ts'
import { copyStartedFolder } from './started-folder.ts'

export type Embedded = {
  /** As they are now: a part that was started again has another pid. */
  readonly endpoints: () => Endpoints
  readonly dataDir: string
  /** Everything that it printed so far. */
  readonly output: () => string
  readonly stop: () => Promise<void>
  /** Stops it, and its data folder stays. */
  readonly leave: () => Promise<void>
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Whoever runs Postgres in the place of root must reach its folder: else its data goes elsewhere and stays there. */
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'presence-embedded-'))
  chmodSync(folder, 0o711)
  return folder
}

/** Throws where it does not start, with what it said. `dataDir` is removed when it stops. `root`: the folder of the project that
 *  is started, if it is not this one. */
export const startEmbedded = async (
  env: Readonly<Record<string, string>> = {},
  given?: string,
  root = ROOT,
): Promise<Embedded> => {
  const dataDir = given ?? newFolder()
  if (given === undefined && root === ROOT) await copyStartedFolder(dataDir, startAndStop)
  const embedded = await startOn(env, dataDir, root)
  const stop = async () => {
    await embedded.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  return { ...embedded, stop, leave: embedded.stop }
}

const startAndStop = async (dataDir: string): Promise<void> => (await startOn({}, dataDir, ROOT)).stop()

const startOn = async (
  env: Readonly<Record<string, string>>,
  dataDir: string,
  root: string,
): Promise<Omit<Embedded, 'leave'>> => {
  const child = spawn(process.execPath, [join(root, 'apps/embedded/main.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // Beside other tests, tables that give way would come too late for who waits for them.
      ...(process.env.NODE_ENV === 'test' ? { GIVE_WAY: '0' } : {}),
      DATA_DIR: dataDir,
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      ...env,
    },
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
  }
  let last = readEndpoints(dataDir)
  while (last === null) {
    if (child.exitCode !== null) {
      await stop()
      rmSync(dataDir, { recursive: true, force: true })
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
