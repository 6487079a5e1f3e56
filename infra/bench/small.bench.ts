/** Measures what one small machine needs when nobody is connected: the processes of docker-compose.small.yml,
 *  without containers, with the same heaps and PostgreSQL settings. Memory is each process's share (PSS), so that
 *  memory that several share counts once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { ensureDatabase, freePort, startPostgres } from '../postgres/embedded.ts'
import { testCaddy } from '../testing/caddy.ts'
import type { FigureRow } from './figures.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** How many seconds until nothing is under way any more. */
const IDLE_S = Number(process.env.BENCH_IDLE_S ?? 60)

type Services = Readonly<
  Record<string, { readonly environment: Record<string, string>; readonly command: string[] }>
>
const { services } = parse(readFileSync(`${ROOT}docker-compose.small.yml`, 'utf8'), { merge: true }) as {
  services: Services
}

const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1]) === pid
      } catch {
        return false
      }
    })
/** The megabytes of a process and all its descendants. */
const pssOf = (pid: number): number => {
  let kilobytes = 0
  try {
    kilobytes = Number(/^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)
  } catch {
    // Ended meanwhile.
  }
  return kilobytes / 1_024 + childrenOf(pid).reduce((sum, one) => sum + pssOf(one), 0)
}

/** Resolves once the process prints that it is ready. */
const started = async (
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv,
  ready: RegExp,
): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], env })
  let said = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    said += chunk
  })
  while (!ready.test(said)) {
    if (child.exitCode !== null) throw new Error(`${args[0]} did not start: ${said}`)
    await delay(50)
  }
  return child
}

export const bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'small-'))
  const settings = Object.fromEntries(
    services
      .postgres!.command.filter((word) => word.includes('='))
      .map((word) => word.split('=') as [string, string]),
  )
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), password: 'x', settings })
  await ensureDatabase(postgres.url('postgres'), 'presence')
  const [logPort, port] = [await freePort(), await freePort()]
  const base = { PATH: process.env.PATH, HOME: process.env.HOME }
  const app = {
    ...base,
    ...Object.fromEntries(
      Object.entries(services.server!.environment).filter(([, value]) => !value.includes('$')),
    ),
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: 'https://vr.example.org',
    EVENTSTORE_URL: `esdb://127.0.0.1:${logPort}?tls=false`,
    DATABASE_URL: postgres.url('presence'),
    SESSION_SECRET: 's'.repeat(64),
    TURN_SECRET: 't'.repeat(64),
    PRIVACY_MASTER_KEY: 'ab'.repeat(32),
    AUDIT_SIGNING_KEY: 'cd'.repeat(32),
    // Asks nobody.
    HIVE_NODE: 'http://127.0.0.1:9',
  }
  const children: Record<string, ChildProcess> = {}
  children.log = await started(
    [
      'infra/eventstore/start.js',
      '--host',
      '127.0.0.1',
      '--port',
      String(logPort),
      '--data',
      join(folder, 'log'),
    ],
    { ...base, NODE_OPTIONS: services.log!.environment.NODE_OPTIONS },
    /eventstore ready/,
  )
  children.projector = await started(
    ['apps/projector/main.ts'],
    { ...app, NODE_ID: 'projector' },
    /projecting/,
  )
  children.server = await started(['apps/server/main.ts'], app, /listening on/)
  const turnPort = await freePort()
  children.coturn = spawn(
    'turnserver',
    [
      ...['-c', 'infra/coturn/turnserver.conf', '--static-auth-secret=x', `--listening-port=${turnPort}`],
      ...['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--pidfile=${join(folder, 'turn.pid')}`],
    ],
    { cwd: ROOT, stdio: 'ignore' },
  )
  const caddy = await testCaddy('127.0.0.1', port)
  try {
    await delay(IDLE_S * 1_000)
    const sizes: Record<string, number> = { postgres: pssOf(postgres.pid) }
    for (const [name, { pid }] of Object.entries(children)) sizes[name] = pssOf(pid!)
    sizes.caddy = pssOf(caddy.pid)
    const sum = Object.values(sizes).reduce((all, one) => all + one, 0)
    const shown = (mb: number) => `${mb.toFixed(0)} MB`
    const rows: FigureRow[] = [
      ...Object.entries(sizes).map(([name, mb]) => ({
        what: `idle: ${name}`,
        ours: shown(mb),
        beside: '',
        goal: '',
        met: null,
      })),
      {
        what: 'idle: the whole small machine',
        ours: shown(sum),
        beside: '',
        goal: 'under 500 MB',
        met: sum < 500,
      },
    ]
    return { rows, figures: { sizes, sum, idleSeconds: IDLE_S } }
  } finally {
    await caddy.stop()
    for (const child of Object.values(children).reverse()) child.kill('SIGKILL')
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
