/** A real redis-server for one test file: a child on a free port, with nothing on disk. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as dial } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../postgres/embedded.ts'

export type TestRedis = {
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** Ends it at once, as a crash would; `restart` brings an empty one back on the same port. */
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** True once it says PONG, so that a port taken by something else is not mistaken for it. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1')
    const done = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.setTimeout(500, () => done(false))
    socket.once('error', () => done(false))
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('data', (data) => done(data.toString().startsWith('+PONG')))
  })

const start = async (port: number, dir: string): Promise<ChildProcess> => {
  const binary = process.env.REDIS_SERVER ?? 'redis-server'
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    dir,
  ]
  const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout?.on('data', (data) => {
    said = (said + data).slice(-2000)
  })
  child.stderr?.on('data', (data) => {
    said = (said + data).slice(-2000)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) =>
      resolve(`${error.message} (Debian and Ubuntu: apt-get install redis-server)`),
    )
    child.once('exit', (code) => resolve(`it ended with code ${code}: ${said}`))
  })
  for (let tries = 0; tries < 200; tries++) {
    if (await answers(port)) return child
    const over = await Promise.race([ended, new Promise<null>((r) => setTimeout(() => r(null), 25))])
    if (over !== null) throw new Error(`redis-server did not start: ${over}`)
  }
  child.kill('SIGKILL')
  throw new Error(`redis-server did not answer within 5 s: ${said}`)
}

const end = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })

/** Starts one. It ends with the test's process even if the test forgets to `stop` it. */
export const testRedis = async (): Promise<TestRedis> => {
  const dir = await mkdtemp(join(tmpdir(), 'dlux-redis-'))
  const port = await freePort()
  let child = await start(port, dir)
  const atExit = () => child.kill('SIGKILL')
  process.once('exit', atExit)
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill: () => end(child),
    restart: async () => {
      await end(child)
      child = await start(port, dir)
    },
    stop: async () => {
      process.removeListener('exit', atExit)
      await end(child)
      await rm(dir, { recursive: true, force: true })
    },
  }
}
