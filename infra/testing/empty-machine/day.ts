/** The first day on an empty machine: types what docs/operations.md says, comes in through the front door, asks the doctor, and plants
 *  faults. Run by machine.sh, in a network and a file system of their own; tells what it found, a line of JSON each. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { startHiveStandIn } from '../../hive/stand-in.ts'
import { startCluster } from '../cluster.ts'
import { until } from '../until.ts'
import { FAULTS, type Machine, type MachineFault } from './faults.ts'

type Finding = { readonly is: string; readonly says: string; readonly todo?: string }
const HOME = '/opt/dlux-presence'
const CA = '/usr/local/share/presence-ca.crt'
const ROOT_OF_CADDY = '/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt'
/** Faults of settings alone, which are looked for at once. */
const AT_ONCE = 6
const say = (found: object): void => void process.stdout.write(`${JSON.stringify(found)}\n`)

/** The commands of a part of the docs, block by block. */
const typedIn = (heading: string): ReadonlyArray<string> => {
  const text = readFileSync(`${HOME}/docs/operations.md`, 'utf8')
  const part = text.slice(text.indexOf(`\n### ${heading}\n`)).split(/\n##+ /)[1] ?? ''
  return [...part.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block)
}

const units = mkdtempSync(join(tmpdir(), 'units-'))
chmodSync(units, 0o755)
mkdirSync(join(units, 'bin'))
symlinkSync(`${HOME}/infra/testing/empty-machine/systemctl.mjs`, join(units, 'bin/systemctl'))
const ENV = {
  PATH: `${units}/bin:${HOME}/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  HOME: '/root',
  UNITS_RUN: units,
  // Compiled once for all processes of a run.
  ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}),
}
const run = async (text: string, more: Readonly<Record<string, string>> = {}) => {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: HOME,
    env: { ...ENV, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  // What it started in the background may hold its output open.
  const [status] = (await once(child, 'exit')) as [number | null]
  return { status, out, err }
}
const type = async (text: string): Promise<void> => {
  const { status, out, err } = await run(text)
  if (status !== 0) throw new Error(`${text}\nended with ${status}:\n${out}\n${err}`)
}
const UNITS = ['presence-log', 'presence-projector', 'presence-server@127.0.0.1', 'caddy', 'presence-turn']
const tellLogs = (): void => {
  for (const unit of UNITS) {
    const file = join(units, `${unit}.log`)
    process.stderr.write(`== ${unit}\n${existsSync(file) ? readFileSync(file, 'utf8').slice(-3_000) : ''}\n`)
  }
}

/** Through Caddy, TLS and all, as a browser would: resolves once the lobby has it. */
const joinLobby = async (): Promise<void> => {
  let joined = false
  const socket = io('https://vr.local', { transports: ['websocket'], ca: readFileSync(CA) } as never)
  socket.on('connect', async () => {
    const asked = { spaceType: 'global', spaceId: 'lobby' }
    const answer = await socket
      .timeout(5_000)
      .emitWithAck('join-space', asked)
      .catch(() => null)
    if (answer?.ok === true) joined = true
  })
  try {
    await until('somebody is in the lobby', () => joined, 90_000)
  } finally {
    socket.disconnect()
  }
}

/** The doctor as a process that answers again and again. */
const doctorOf = () => {
  const child = spawn(process.execPath, [`${HOME}/infra/testing/empty-machine/ask.ts`], {
    cwd: HOME,
    env: { ...ENV, NODE_EXTRA_CA_CERTS: CA },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = new Map<number, (findings: ReadonlyArray<Finding>) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, findings } = JSON.parse(line)
    waiting.get(id)?.(findings)
  })
  let asked = 0
  return {
    ask: (env: Readonly<Record<string, string>> = {}) =>
      new Promise<ReadonlyArray<Finding>>((resolve) => {
        asked += 1
        waiting.set(asked, resolve)
        child.stdin.write(`${JSON.stringify({ id: asked, env })}\n`)
      }),
    stop: () => child.kill(),
  }
}
/** The doctor looks at everything: asked without a pause, it would take the processor from what it waits for (ms). */
const ASK_AGAIN_MS = 500
const isWell = (findings: ReadonlyArray<Finding>): boolean => findings.every(({ is }) => is !== 'wrong')

const [cluster, hive] = await Promise.all([startCluster(), startHiveStandIn({ marked: false })])
// Redis from the system: on its own port, as Debian's package runs it.
await type(`redis-server --daemonize yes --bind 127.0.0.1 --save '' --appendonly no --dir ${units}`)
const [, setup = '', trust = '', look = ''] = typedIn('Without containers')
const here = (text: string): string =>
  text
    .replaceAll('vr.example.org', 'vr.local')
    .replaceAll('postgres://presence:PASSWORD@127.0.0.1:5432/presence', cluster.url)
    // This machine reaches no Hive.
    .replace('setup --yes', `setup --yes --set HIVE_NODE=${hive.url}`)
const began = performance.now()
try {
  await type(here(setup))
  await until('Caddy is its own authority', () => existsSync(ROOT_OF_CADDY))
  await type(here(trust))
  await joinLobby()
} catch (error) {
  tellLogs()
  throw error
}
say({ what: 'joined', ms: Math.round(performance.now() - began) })

const doctor = doctorOf()
let last: ReadonlyArray<Finding> = []
const isWhole = async (): Promise<boolean> => {
  last = await doctor.ask()
  // Until coturn has Caddy's certificate, its port for TLS is worth knowing of and no fault.
  const is = isWell(last) && last.some(({ says }) => says.includes('over TLS relays'))
  if (!is) await delay(ASK_AGAIN_MS)
  return is
}
await until('the doctor finds nothing wrong', isWhole, 90_000).catch(tellLogs)
// As it is typed.
const typed = await run(`${here(trust).trim().split('\n').at(-1)}\n${look.trim()}`)
say({
  what: 'doctor',
  status: typed.status,
  findings: last.map(({ is, says }) => `${is}: ${says}`),
  typed: typed.out,
})
for (const host of ['127.0.0.1', '127.0.0.2']) {
  let status = 0
  let turn: { readonly tls?: object; readonly uris?: ReadonlyArray<string> } = {}
  await until('the server knows of TURN over TLS', async () => {
    const health = await fetch(`http://${host}:3000/api/health`)
    status = health.status
    turn = ((await health.json()) as { checks: { turn: typeof turn } }).checks.turn
    return JSON.stringify(turn.tls ?? {}).includes('"there"')
  }).catch(() => {})
  say({ what: 'server', host, status, turn })
}

const machine: Machine = { type, kill: { database: cluster.kill }, restart: { database: cluster.restart } }
const tell = ({ named, is, says }: MachineFault, findings: ReadonlyArray<Finding>): void => {
  const found = findings.find((one) => one.is === (is ?? 'wrong') && says.test(one.says))
  const isTold = found !== undefined && (found.todo ?? '').length > 5
  say({
    what: 'fault',
    named,
    told: isTold,
    ...(isTold ? { says: found.says } : { findings: findings.filter((one) => one.is !== 'well') }),
  })
}
const ofSettings = FAULTS.filter(({ plant }) => plant === undefined)
for (let at = 0; at < ofSettings.length; at += AT_ONCE)
  await Promise.all(
    ofSettings.slice(at, at + AT_ONCE).map(async (fault) => tell(fault, await doctor.ask(fault.env))),
  )
for (const fault of FAULTS)
  if (fault.plant !== undefined) {
    await fault.plant(machine)
    tell(fault, await doctor.ask(fault.env))
    await fault.mend?.(machine)
  }
await until('all is well again', async () => {
  last = await doctor.ask()
  if (!isWell(last)) await delay(ASK_AGAIN_MS)
  return isWell(last)
}).catch(tellLogs)
say({ what: 'mended', isWell: isWell(last), findings: last.filter(({ is }) => is !== 'well') })
doctor.stop()
await hive.close()
await cluster.stop()
process.exit(0)
