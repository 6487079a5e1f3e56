/** A real PgBouncer in transaction mode, for one test file: a child on a free port. */
import { spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as dial } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../postgres/embedded.ts'
import { postgresUser } from '../postgres/unprivileged.ts'

export type TestPgBouncer = { readonly url: string; readonly stop: () => Promise<void> }

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = dial(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

/** In front of this database. `mode`: how long a client keeps a connection. */
export const testPgBouncer = async (
  databaseUrl: string,
  mode: 'transaction' | 'session' = 'transaction',
): Promise<TestPgBouncer> => {
  const target = new URL(databaseUrl)
  const port = await freePort()
  // It does not run as root either.
  const ids = postgresUser('/nowhere', () => {})
  const dir = mkdtempSync('/tmp/presence-pgbouncer-')
  const ini = join(dir, 'pgbouncer.ini')
  writeFileSync(
    ini,
    `[databases]
* = host=127.0.0.1 port=${target.port} user=${target.username} password=${target.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
`,
  )
  if (ids !== null) for (const path of [dir, ini]) chownSync(path, ids.uid, ids.gid)
  const child = spawn('/usr/sbin/pgbouncer', [ini], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(ids === null ? {} : { uid: ids.uid, gid: ids.gid }),
  })
  let said = ''
  child.stderr.on('data', (data) => {
    said = (said + data).slice(-2_000)
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said = error.message
      resolve()
    })
    child.once('exit', () => resolve())
  })
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const atExit = () => child.kill('SIGKILL')
  process.once('exit', atExit)
  while (!isOver && !(await answers(port))) await delay(20)
  if (isOver) throw new Error(`pgbouncer did not start: ${said}`)
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    stop: async () => {
      process.off('exit', atExit)
      child.kill('SIGKILL')
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
