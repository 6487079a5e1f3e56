/** The embedded node for tests: a process of its own, which can be stopped, killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from './directory.ts'

export type TestEventStore = {
  /** `esdb://127.0.0.1:PORT?tls=false` */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  readonly pid: () => number
  /** Stops the node and removes its data. */
  readonly stop: () => Promise<void>
  /** `kill -9`; the data stays. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port and data, after `kill` or while it runs (then it is stopped first). */
  readonly restart: () => Promise<void>
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

const start = async (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
): Promise<{ child: ChildProcess; port: number }> => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const lines = createInterface({ input: child.stdout! })
  const port = await new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      const match = /^eventstore ready esdb:\/\/[^:]+:(\d+)/.exec(line)
      if (match !== null) resolve(Number(match[1]))
    })
    child.on('exit', (code, signal) => reject(new Error(`The event store did not start (${code ?? signal})`)))
  })
  // A test that forgets to stop the node must not leave it running, nor be kept from exiting.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.removeListener('exit', end))
  return { child, port }
}

const ended = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** A fresh node. `dataDir`: instead of a temporary one, which `stop` removes. `args`: more flags for the node; `env`:
 *  more of its environment. */
export const testEventStore = async (
  options: {
    readonly dataDir?: string
    readonly port?: number
    readonly args?: ReadonlyArray<string>
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<TestEventStore> => {
  const dataDir = options.dataDir ?? temporaryDirectory('eventstore-')
  const args = (port: number) => ['--data', dataDir, '--port', `${port}`, ...(options.args ?? [])]
  const env = options.env ?? {}
  let { child, port } = await start(args(options.port ?? 0), env)
  return {
    url: `esdb://127.0.0.1:${port}?tls=false`,
    port,
    dataDir,
    pid: () => child.pid ?? 0,
    stop: async () => {
      await ended(child, 'SIGTERM')
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    },
    kill: () => ended(child, 'SIGKILL'),
    restart: async () => {
      await ended(child, 'SIGTERM')
      ;({ child, port } = await start(args(port), env))
    },
  }
}
