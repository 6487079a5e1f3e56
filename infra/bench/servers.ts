/** The two servers that are measured, each started anew and stopped through its own handle. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { giveWay, NICENESS } from '../../apps/embedded/priority.ts'
import { devKeys, signAs } from '../hive/keys.ts'
import { startEmbedded } from '../testing/embedded.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import type { BenchMember } from './chat.ts'
import { spread } from './client.ts'
import type { Revision } from './revision.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** For a profile of either: `BENCH_NODE_OPTIONS='--cpu-prof --cpu-prof-dir=DIR' npm run bench -- crowd`. */
const nodeOptions = process.env.BENCH_NODE_OPTIONS ?? ''
const plainOptions = nodeOptions.split(' ').filter((option) => option !== '')

export type Measured = {
  readonly name: string
  readonly url: string
  /** That of the process that holds the sockets. */
  readonly pid: number
  /** Those of every process that does the measured work, by name. */
  readonly pids: Readonly<Record<string, number>>
  readonly member: (index: number) => BenchMember
  readonly stop: () => Promise<void>
}

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** A server that is one file, and says where it listens. */
export const startPlain = async (
  name: string,
  file: string,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> => {
  const child = spawn(
    process.execPath,
    [...plainOptions, '--expose-gc', '--import', here('./collect.ts'), file, ...args],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } },
  )
  for await (const line of createInterface({ input: child.stdout! })) {
    if (!line.startsWith('listening on ')) continue
    const url = line.replace('listening on ', '')
    const member = (index: number) => ({ auth: { account: accountOf(index) }, account: accountOf(index) })
    return { name, url, pid: child.pid!, pids: { server: child.pid! }, member, stop: () => stop(child) }
  }
  throw new Error(`${name} ended before it listened`)
}
/** A server that is one file, on an event store of its own. */
const onOwnLog = async (name: string, file: string): Promise<Measured & { readonly logUrl: string }> => {
  const store = await testEventStore()
  try {
    const server = await startPlain(name, here(file), [], { BOUND_EVENTSTORE: store.url })
    const stopBoth = async (): Promise<void> => {
      await server.stop()
      await store.stop()
    }
    const pids = { ...server.pids, 'event store': store.pid() }
    return { ...server, pids, logUrl: store.url, stop: stopBoth }
  } catch (error) {
    await store.stop()
    throw error
  }
}
/** Plain Socket.IO that stores each message, sealed, then tells it, follows the log, and does nothing else: what a message can't cost less
 *  than that is told once it is stored, and may come from another server. */
export const plainWithLog = (): Promise<Measured> =>
  onOwnLog('plain Socket.IO that stores', './plain-server.ts')
/** `silent`: joins sockets to rooms and tells nobody. */
export const plain = (silent = false): Promise<Measured> =>
  startPlain('plain Socket.IO', here('./plain-server.ts'), [], { PLAIN_SILENT: silent ? '1' : '0' })

/** The same, and its tables follow on the same machine, giving way to the server as they do where all run on one: what no server does with
 *  less that stores what is said and has tables of it. */
export const plainWithTables = async (): Promise<Measured> => {
  const database = await testDatabase()
  const stops: Array<() => Promise<void>> = [database.drop]
  const stopAll = async (): Promise<void> => {
    for (const each of stops.reverse()) await each()
  }
  try {
    const server = await onOwnLog('plain Socket.IO that stores, with tables', './plain-server.ts')
    stops.push(server.stop)
    const projector = await startPlain('projector', here('./bound-projector.ts'), [], {
      BOUND_EVENTSTORE: server.logUrl,
      BOUND_DATABASE: database.url,
    })
    giveWay(projector.pid, NICENESS.projector)
    stops.push(projector.stop)
    return { ...server, pids: { ...server.pids, projector: projector.pid }, stop: stopAll }
  } catch (error) {
    await stopAll()
    throw error
  }
}

/** A plain one that also appends each join, and tells in pages and counts: what a crowd can't cost less than. */
export const bound = (): Promise<Measured> =>
  onOwnLog('plain Socket.IO that appends and counts', './bound-server.ts')

export const accountOf = (index: number): string => `bench-u${index.toString(36).padStart(4, '0')}`
const BENCH_OWNER = 'bench-owner'

/** A session's token. */
export const signedIn = async (url: string, account: string): Promise<string> => {
  const challenge = String(Math.floor(Date.now() / 1000))
  const signature = signAs(account, challenge)
  const publicKey = devKeys(account).posting.public
  for (;;) {
    const response = await fetch(`${url}/api/auth/session`, {
      method: 'POST',
      headers: {
        'x-account': account,
        'x-challenge': challenge,
        'x-pubkey': publicKey,
        'x-signature': signature,
      },
    })
    const answer = (await response.json()) as { token: string; code?: string; error?: string }
    if (response.ok) return answer.token
    // Asked too often, or the stand-in for Hive is not there yet: it says when to come again.
    if (response.status !== 429 && response.status !== 503)
      throw new Error(`${account} could not sign in: ${answer.code} ${answer.error}`)
    await new Promise((resolve) =>
      setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)),
    )
  }
}

export type Whole = Measured & {
  readonly ownerToken: string
  readonly dataDir: string
  readonly eventStoreUrl: string
  /** Milliseconds until it answered. */
  readonly startMs: number
  /** Stops it, and its data stays. */
  readonly leave: () => Promise<void>
}

/** What `npm start` starts, with `accounts` signed in beforehand: of this project, or of another revision's folder. `dataDir`: on
 *  which data, if not on none; `auditors`: further admins of the system. */
export const whole = async (
  accounts: number,
  other: Revision | null = null,
  {
    flame = false,
    dataDir,
    auditors = [],
  }: { readonly flame?: boolean; readonly dataDir?: string; readonly auditors?: ReadonlyArray<string> } = {},
): Promise<Whole> => {
  const hook = flame ? ` --import ${here('./flame-hook.ts')}` : ''
  const env = {
    SYSTEM_ADMINS: [BENCH_OWNER, ...auditors].join(','),
    SERVER_NODE_OPTIONS: `${nodeOptions} --expose-gc --import ${here('./collect.ts')}${hook}`,
  }
  const begun = performance.now()
  const embedded = await startEmbedded(env, dataDir, other?.root)
  const startMs = performance.now() - begun
  const { url, pids, eventStoreUrl } = embedded.endpoints()
  const tokenOf = (account: string): Promise<string> => signedIn(url, account)
  const tokens = await spread(accounts, 8, (index) => tokenOf(accountOf(index)))
  return {
    name: other === null ? 'DLUX Presence' : `DLUX Presence at ${other.name}`,
    dataDir: embedded.dataDir,
    eventStoreUrl,
    url,
    pid: pids.server!,
    pids: { server: pids.server!, projector: pids.projector!, 'event store': pids.eventstore! },
    ownerToken: await tokenOf(BENCH_OWNER),
    member: (index) => ({ auth: { token: tokens[index] }, account: accountOf(index) }),
    startMs,
    stop: embedded.stop,
    leave: embedded.leave,
  }
}
