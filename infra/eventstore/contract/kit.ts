/** What the contract's cases need: a server (EVENTSTORE_URL's, or an embedded node of their own) and one interface
 *  to both official clients, so that each case is written once and runs with both. */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import type { EventStoreDBClient } from '@eventstore/db-client'
import { suite } from 'uvu'
import { type TestEventStore, testEventStore } from '../testing/server.ts'
import { until as eventually } from '../testing/until.ts'
import { createCertificate } from './certificate.ts'
import { createRaw, credentialsOf, type Raw } from './raw.ts'
import { type CaseOutcome, isHung, type ReportLine, tableOf, within } from './report.ts'
import { inPool, sharedEnd } from './side-by-side.ts'

const require = createRequire(import.meta.url)
type Library = typeof import('@eventstore/db-client')

export type LibraryName = '@eventstore/db-client' | '@kurrent/kurrentdb-client'
export type Expected = 'any' | 'no_stream' | 'stream_exists' | bigint
export type OfficialClient = EventStoreDBClient
export type Credentials = { readonly username: string; readonly password: string }

export type Kit = {
  /** The package's name. */
  readonly name: LibraryName
  readonly lib: Library
  readonly client: OfficialClient
  /** A connection string. */
  readonly url: string
  /** The credentials in it; if there are none, some that a server without users ignores. */
  readonly credentials: Credentials
  /** Calls that neither client makes. */
  readonly raw: Raw
  /** The node, if it belongs to this suite. Throws otherwise. */
  readonly store: () => TestEventStore
  /** Another client of the same server, as somebody else; the suite disposes of it. */
  readonly as: (who: Credentials | null) => Kit
  /** Events of one type that contain their number. */
  readonly events: (count: number, type?: string) => Array<ReturnType<Library['jsonEvent']>>
  readonly append: (
    stream: string,
    events: ReadonlyArray<ReturnType<Library['jsonEvent'] | Library['binaryEvent']>>,
    expected?: Expected,
    options?: { credentials?: Credentials; deadline?: number },
  ) => ReturnType<OfficialClient['appendToStream']>
  readonly read: (
    stream: string,
    options?: Parameters<OfficialClient['readStream']>[1],
  ) => Promise<Array<Awaited<ReturnType<typeof collect>>[number]>>
  readonly readAll: (options?: object) => Promise<Array<Awaited<ReturnType<typeof collect>>[number]>>
}

/** Everything that a read returns. */
export const collect = async (stream: ReturnType<OfficialClient['readStream']>) => {
  const all = []
  for await (const event of stream) all.push(event)
  return all
}

/** What a call failed with, by the name that both clients use. */
export const failure = async (
  promise: Promise<unknown>,
): Promise<{ type: string; expected?: unknown; actual?: unknown; error: Record<string, unknown> }> => {
  try {
    await promise
  } catch (caught) {
    const error = caught as Record<string, unknown>
    return {
      type: String(error.type ?? error),
      expected: error.expectedVersion ?? error.expectedState,
      actual: error.actualVersion ?? error.actualState,
      error,
    }
  }
  throw new Error('It did not fail')
}

export const unique = (prefix = 'contract'): string => `${prefix}-${randomUUID().replaceAll('-', '')}`

/** The name and password of the embedded node's admin, for suites whose node has users. */
const ADMIN: Credentials = { username: 'admin', password: 'changeit' }

const withCredentials = (url: string, who: Credentials | null): string =>
  url.replace(
    /\/\/([^@/]*@)?/,
    who === null ? '//' : `//${encodeURIComponent(who.username)}:${encodeURIComponent(who.password)}@`,
  )

const kitOf = (
  name: LibraryName,
  url: string,
  store: TestEventStore | undefined,
  opened: Array<() => Promise<void>>,
): Kit => {
  const lib = require(name) as Library & { KurrentDBClient?: Library['EventStoreDBClient'] }
  const kurrent = lib.KurrentDBClient
  const client = (kurrent ?? lib.EventStoreDBClient).connectionString(
    kurrent === undefined ? url : url.replace('esdb:', 'kurrentdb:'),
  )
  const raw = createRaw(url)
  opened.push(async () => {
    raw.close()
    // `dispose` would wait for ever for a call that the server ended first.
    await Promise.race([client.dispose(), new Promise((resolve) => setTimeout(resolve, 500))])
  })
  return {
    name,
    lib,
    client,
    url,
    credentials: credentialsOf(url) ?? ADMIN,
    raw,
    store: () => {
      if (store === undefined) throw new Error('This suite has no node of its own')
      return store
    },
    as: (who) => kitOf(name, withCredentials(url, who), store, opened),
    events: (count, type = 'Happened') =>
      Array.from({ length: count }, (_, n) => lib.jsonEvent({ type, data: { n }, metadata: { meta: n } })),
    append: (stream, events, expected = 'any', options = {}) =>
      client.appendToStream(stream, [...events], {
        ...options,
        ...(kurrent === undefined ? { expectedRevision: expected } : { streamState: expected }),
      }),
    read: (stream, options) => collect(client.readStream(stream, options)),
    readAll: (options = {}) => collect(client.readAll(options) as never),
  }
}

/** Which server a suite's cases run on. `shared`: EVENTSTORE_URL's, or one embedded node for all such suites. The
 *  others need a node of their own, with system projections, with users, or to be killed; a server that is given by
 *  its URL can't be set up that way. */
export type Server = 'shared' | 'projections' | 'users' | 'own'

const ARGS: Readonly<Record<Server, ReadonlyArray<string>>> = {
  shared: [],
  projections: ['--projections'],
  users: ['--auth'],
  own: [],
}

/** A node for the suites of one kind, and how clients reach it. With users it has TLS: without, clients send no
 *  credentials. */
const startNode = async (server: Server) => {
  if (server !== 'users') {
    const store = await testEventStore({ args: ARGS[server] })
    return { store, url: store.url, stop: store.stop }
  }
  const { key, cert, ca, remove } = createCertificate()
  const store = await testEventStore({
    args: [...ARGS.users, '--tls-key', key, '--tls-cert', cert],
    env: { EVENTSTORE_ADMIN_PASSWORD: ADMIN.password },
  })
  return {
    store,
    url: withCredentials(`esdb://localhost:${store.port}?tls=true&tlsCAFile=${ca}`, ADMIN),
    stop: async () => {
      await store.stop()
      remove()
    },
  }
}

type Limits = {
  /** The client that can't run the case, and why. The case is left out for that client. */
  readonly not?: readonly [client: LibraryName, why: string]
  /** What the real server does instead because of a fault of its own; on a real server the case may fail. */
  readonly differs?: string
  /** Other cases running at the same time would disturb it. */
  readonly alone?: true
  /** What the node does by itself, whichever client asked for it: in full (CONTRACT_ALL) with both, else with one. */
  readonly once?: true
}
type Run = (kit: Kit) => Promise<void>
/** Adds a case to a suite. */
export type Add = (title: string, run: Run, limits?: Limits) => void
/** Adds cases that one client is enough for. */
export const once =
  (add: Add): Add =>
  (title, run, limits = {}) =>
    add(title, run, { ...limits, once: true })
/** The client that runs those: the one that the product itself uses. */
const OWN_CLIENT: LibraryName = '@eventstore/db-client'
const RUNS_ALL = process.env.CONTRACT_ALL === '1' || (process.env.EVENTSTORE_URL ?? '') !== ''
const suites: Array<{
  readonly name: string
  readonly cases: (add: Add) => void
  readonly server: Server
  readonly isAlone: boolean
}> = []

/** Cases of one subject. They run when an entry (`*.test.ts`) calls `runContract`. `together`: side by side with others, unless a
 *  case says no. */
export const contract = (
  name: string,
  cases: (add: Add) => void,
  server: Server = 'shared',
  together: 'together' | 'alone' = 'together',
): void => {
  suites.push({ name, cases, server, isAlone: together === 'alone' })
}

/** How long one case may take on a server. */
const CASE_MS = Number(process.env.CONTRACT_CASE_MS ?? 30_000)
/** After the last case, a case that did not end no longer keeps the process alive. */
const LINGER_MS = 2_000
/** The test runner shows what follows even if everything passed. */
const SHOWN = '## shown'

/** A server of one kind, started or reached, and a kit for it. */
const open = async (library: LibraryName, server: Server, external: string | undefined) => {
  const opened: Array<() => Promise<void>> = []
  const node = external === undefined ? await startNode(server) : undefined
  const url = node?.url ?? external!
  const kit = kitOf(library, url, node?.store, opened)
  const { serverVersion } = await (
    kit.client as unknown as { capabilities: Promise<{ serverVersion: string }> }
  ).capabilities
  const name = node === undefined ? 'EVENTSTORE_URL' : ['the embedded node', ...ARGS[server]].join(' ')
  console.log(`${library} on ${name}, version ${serverVersion}, ${url.replace(/\/\/[^@/]*@/, '//')}`)
  return {
    kit,
    close: async (): Promise<void> => {
      await Promise.all(opened.map((close) => close()))
      await node?.stop()
    },
  }
}

const orThrow = (outcome: CaseOutcome): void => {
  if (outcome.tag === 'fails') throw outcome.error ?? new Error(outcome.why)
}

/** Printed at the end: what was left out and, if a server was named, the table. */
const say = (library: LibraryName, external: string | undefined, rows: ReadonlyArray<ReportLine>): void => {
  const leftOut = rows.filter(({ here }) => here.tag === 'left out')
  console.log(`${library}: ${rows.length - leftOut.length} cases run, ${leftOut.length} not applicable`)
  if (external === undefined)
    for (const { title, here } of leftOut)
      console.log(`  not applicable: ${title} (${here.tag === 'left out' ? here.why : ''})`)
  else console.log(`\n${SHOWN}\n${tableOf(`${library} on EVENTSTORE_URL`, rows)}`)
}

type Case = { readonly title: string; readonly run: Run; readonly limits: Limits }
type Opened = Awaited<ReturnType<typeof open>>
/** How many cases run at a time. */
const WIDTH = 6

/** Runs the suites of one kind of server, and returns the outcome of each case. */
const createSession = (library: LibraryName, server: Server, external: string | undefined) => {
  let embedded: Opened | undefined
  let named: Opened | undefined
  const ended = new Map<Case, { readonly here: CaseOutcome; readonly embedded: CaseOutcome }>()

  const runOne = async (one: Case, kit: Kit): Promise<void> => {
    const onEmbedded = await within(CASE_MS, () => one.run(kit))
    if (external === undefined) return void ended.set(one, { here: onEmbedded, embedded: onEmbedded })
    const here: CaseOutcome =
      named === undefined
        ? { tag: 'left out', why: `needs a node of its own: ${server}` }
        : await within(CASE_MS, () => one.run(named!.kit))
    ended.set(one, { here, embedded: onEmbedded })
  }
  /** Cases that may run together come before those that run alone. */
  const runTogether = async (all: ReadonlyArray<Case>): Promise<void> => {
    const { kit } = embedded!
    if (server !== 'own') return inPool(all, WIDTH, (one) => runOne(one, kit))
    const enter = sharedEnd(kit.store(), all.length)
    await inPool(all, all.length, async (one) => {
      const { store, leave } = enter()
      await runOne(one, { ...kit, store: () => store })
      leave()
    })
  }
  return {
    open: async (cases: ReadonlyArray<Case>): Promise<void> => {
      embedded = await open(library, server, undefined)
      if (external !== undefined && server === 'shared') named = await open(library, server, external)
      await runTogether(cases.filter(({ limits }) => limits.alone !== true))
    },
    outcome: async (one: Case) => {
      if (!ended.has(one)) await runOne(one, embedded!.kit)
      return ended.get(one)!
    },
    close: async (): Promise<void> => {
      await named?.close()
      await embedded?.close()
    },
  }
}

const casesOf = ({ cases, isAlone }: (typeof suites)[number]): ReadonlyArray<Case> => {
  const all: Case[] = []
  cases((title, run, limits = {}) =>
    all.push({ title, run, limits: isAlone ? { ...limits, alone: true } : limits }),
  )
  return all
}

/** Runs all cases with one client, on embedded nodes and, if EVENTSTORE_URL names a server, on that too. Each client
 *  needs a process of its own: both keep their generated code in the same global place, so the second to be loaded
 *  breaks the first. */
export const runContract = (library: LibraryName): void => {
  const external = process.env.EVENTSTORE_URL || undefined
  const rows: ReportLine[] = []
  /** Why a case is left out with this client; null if it is not. */
  const whyNot = ({ limits }: Case): string | null => {
    if (limits.not?.[0] === library) return limits.not[1]
    return limits.once && !RUNS_ALL && library !== OWN_CLIENT ? 'one client is enough: CONTRACT_ALL' : null
  }
  const isFor = (one: Case): boolean => whyNot(one) === null

  const servers = [...new Set(suites.map((one) => one.server))]
  for (const server of servers) {
    const session = createSession(library, server, external)
    const here = suites
      .filter((one) => one.server === server)
      .map((one) => ({ name: one.name, cases: casesOf(one) }))
    for (const [index, { name, cases }] of here.entries()) {
      const test = suite(name)
      if (index === 0) test.before(() => session.open(here.flatMap((one) => one.cases).filter(isFor)))
      if (index === here.length - 1)
        test.after(async () => {
          await session.close()
          if (server === servers.at(-1) && (external !== undefined || rows.some(isHung)))
            setTimeout(() => process.exit(), LINGER_MS).unref()
        })
      for (const one of cases) {
        const { title, limits } = one
        const add = (outcome: { readonly here: CaseOutcome; readonly embedded: CaseOutcome }): void =>
          void rows.push({ title: `${name}: ${title}`, ...outcome, differs: limits.differs })
        const why = whyNot(one)
        if (why !== null) {
          const out = { tag: 'left out', why } as const
          add({ here: out, embedded: out })
          continue
        }
        test(title, async () => {
          const outcome = await session.outcome(one)
          add(outcome)
          orThrow(outcome.embedded)
          if (limits.differs === undefined) orThrow(outcome.here)
        })
      }
      test.run()
    }
  }
  process.once('exit', () => say(library, external, rows))
}

/** Waits until `check` returns something, checking often; the time limit only ends what would never end. */
export const until = async <T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> => {
  let found: T | undefined | false
  await eventually(
    'it came to be',
    async () => {
      found = await check()
      return found !== undefined && found !== false
    },
    30_000,
  )
  return found as T
}
