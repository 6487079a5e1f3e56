/** A server process of ours for tests: `apps/server/main.ts` as it runs in production, on a free port. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export type ServerProcess = {
  readonly url: string
  readonly pid: number
  /** Everything that it printed so far. */
  readonly output: () => string
  readonly stop: () => Promise<void>
  /** kill -9. */
  readonly kill: () => Promise<void>
}

const main = (app: 'server' | 'projector') =>
  fileURLToPath(new URL(`../../apps/${app}/main.ts`, import.meta.url))

const SECRETS = {
  SESSION_SECRET: 'for-tests-only-0123456789abcdef0123456789abcdef',
  TURN_SECRET: 'for-tests-only-0123456789',
  PRIVACY_MASTER_KEY: '5e'.repeat(32),
  AUDIT_SIGNING_KEY: 'a5'.repeat(32),
}

const start = async (
  app: 'server' | 'projector',
  env: Readonly<Record<string, string>>,
  ready: RegExp,
  heard: (line: string) => void = () => {},
): Promise<ServerProcess> => {
  const child: ChildProcess = spawn(process.execPath, [main(app)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      // Compiled once for all processes of a run.
      ...(process.env.NODE_COMPILE_CACHE === undefined
        ? {}
        : { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
      NODE_ENV: 'test',
      HOST: '127.0.0.1',
      PORT: '0',
      ...SECRETS,
      ...env,
    },
  })
  let output = ''
  let found: RegExpExecArray | null = null
  const readiness = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        output = `${output.slice(-200_000)}${line}\n`
        heard(line)
        if (found) return
        found = ready.exec(line)
        if (found) resolve()
      })
    child.once('exit', (code) =>
      reject(new Error(`${app} ended with ${code} before it was ready:\n${output}`)),
    )
  })
  await readiness
  const atExit = () => child.kill('SIGKILL')
  const end = (signal: NodeJS.Signals) => async () => {
    process.off('exit', atExit)
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  process.once('exit', atExit)
  return {
    url: found![1] ?? '',
    pid: child.pid!,
    output: () => output,
    stop: end('SIGTERM'),
    kill: end('SIGKILL'),
  }
}

/** `heard`: told of each line that it prints, before it is ready too. */
export const startServerProcess = (
  env: Readonly<Record<string, string>>,
  heard?: (line: string) => void,
): Promise<ServerProcess> => start('server', env, /(http:\/\/127\.0\.0\.1:\d+)/, heard)

export const startProjectorProcess = (env: Readonly<Record<string, string>>): Promise<ServerProcess> =>
  start('projector', env, /(projecting)/i)
