/** Starts all the parts, as much at once as they allow, and stops them in order. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { loadSampleContent } from '../../adapters/content/load.ts'
import { migrate } from '../../adapters/postgres/migrate.ts'
import { freePort } from '../../infra/postgres/embedded.ts'
import type { Environment } from '../config/load.ts'
import { CannotStart } from '../operations/instance/cannot-start.ts'
import {
  type Endpoints,
  leftBehind,
  removeEndpoints,
  writeEndpoints,
} from '../operations/instance/endpoints.ts'
import { readSecrets } from '../operations/instance/secrets.ts'
import { checkDataDir, checkPort, freeMb } from './checks.ts'
import { type Child, startChild } from './child.ts'
import type { Display } from './display.ts'
import { lockDataDir } from './lock.ts'
import { createLogs } from './logs.ts'
import { checkDatabase, checkEventStore, redisTrouble } from './parts-given.ts'
import { startPostgresPart } from './postgres.ts'
import { environmentFor, type Settings } from './settings.ts'

export type Running = { readonly endpoints: () => Endpoints; readonly stop: () => Promise<void> }

const LOW_DISK_MB = 100
const program = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const PROGRAMS = {
  eventStore: program('infra/eventstore/main.ts'),
  projector: program('apps/projector/main.ts'),
  server: program('apps/server/main.ts'),
}

/** Milliseconds that the parts of a killed run have to stop: they do when they notice that it is gone. */
const LEFT_BEHIND_MS = 30_000
const waitForLeftBehind = async (dataDir: string, display: Display): Promise<void> => {
  if (leftBehind(dataDir).length === 0) return
  display.say('  a run before was killed: waiting for its parts to stop')
  const end = Date.now() + LEFT_BEHIND_MS
  while (leftBehind(dataDir).length > 0 && Date.now() < end) await delay(50)
}

/** Where this machine reaches what listens on `host`. */
const localUrlOf = (host: string, port: number): string => {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${here.includes(':') ? `[${here}]` : here}:${port}`
}

/** Rejects with a sentence where a part does not start, or when `signal` gives up; what did start is stopped then. */
export const startAll = async (
  settings: Settings,
  env: Environment,
  display: Display,
  programs = PROGRAMS,
  signal?: AbortSignal,
): Promise<Running> => {
  const { config, dataDir, given } = settings
  checkDataDir(dataDir)
  const unlock = lockDataDir(dataDir)
  /** What to stop, the last started first. */
  const started: Array<{ readonly name: string; readonly stop: () => Promise<void> }> = []
  let stopping: Promise<void> | null = null
  const stopAll = async (): Promise<void> => {
    removeEndpoints(dataDir)
    for (const part of started.toReversed())
      await part.stop().catch((error: Error) => display.say(`${part.name} did not stop: ${error.message}`))
    unlock()
  }
  const stop = (): Promise<void> => {
    stopping ??= stopAll()
    return stopping
  }
  const keep = <A extends { readonly stop: () => Promise<void> }>(name: string, part: A): A => {
    started.push({ name, stop: part.stop })
    return part
  }
  try {
    await waitForLeftBehind(dataDir, display)
    await checkPort(config.host, config.port)
    const asked = await Promise.allSettled([
      given.eventStore === null ? null : checkEventStore(given.eventStore),
      given.database === null
        ? null
        : checkDatabase(given.database === '' ? 'DB_REPLICA_HOST' : 'DATABASE_URL', config.database.url),
      config.redisUrl === null
        ? null
        : redisTrouble(config.redisUrl).then((trouble) => trouble !== null && display.say(`  ${trouble}`)),
    ])
    const silent = asked.find((one) => one.status === 'rejected')
    if (silent) throw silent.reason
    signal?.throwIfAborted()
    const port = config.port || (await freePort())
    const secrets = readSecrets(dataDir)
    const logs = createLogs(dataDir, display.say)
    let publish = () => {}
    const child = async (
      name: string,
      path: string,
      ready: RegExp,
      childEnv: NodeJS.ProcessEnv,
      args: ReadonlyArray<string> = [],
    ): Promise<Child> =>
      keep(
        name,
        await startChild({
          name,
          args: [path, ...args],
          env: childEnv,
          ready,
          onLine: logs.of(name.replace(' ', '-')),
          say: display.say,
          onRestart: () => publish(),
          ...(signal ? { signal } : {}),
        }),
      )

    const startEventStore = async () => {
      if (given.eventStore !== null) return { url: given.eventStore, pid: () => 0 }
      const storePort = String(await freePort())
      const args = ['--port', storePort, '--data', join(dataDir, 'eventstore')]
      const ready = /^eventstore ready (esdb:\S+)/
      const nodeEnv = { PATH: env.PATH, NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE }
      const started = child('event store', programs.eventStore, ready, nodeEnv, args)
      const store = await display.during('event store', started, () => join(dataDir, 'eventstore'))
      return { url: store.ready(), pid: store.pid }
    }
    const startDatabase = async () => {
      if (given.database !== null) return { url: given.database, pid: () => 0, fresh: false }
      const part = startPostgresPart({
        dataDir,
        password: secrets.postgres,
        say: (line) => display.say(`  ${line}`),
        onRestart: () => publish(),
      })
      const postgres = keep('PostgreSQL', await display.during('PostgreSQL', part, (one) => one.dataDir))
      return postgres
    }
    const prepareTables = async (url: string) => {
      const applied = await migrate(url)
      // Once, when the tables of content are made: who deletes a sample should not see it come back.
      if (!applied.includes('0002_content.sql')) return { applied, sample: false }
      const loaded = await loadSampleContent(url)
      if (E.isLeft(loaded)) throw new Error(`The sample content can't be loaded: ${loaded.left.join(' ')}`)
      return { applied, sample: true }
    }
    const startHive = async () => {
      if (given.hive !== null) return given.hive
      const { startHiveStandIn } = await import('../../infra/hive/stand-in.ts')
      const hive = await display.during(
        'Hive stand-in',
        startHiveStandIn(),
        () => 'made-up accounts, no network',
      )
      return keep('Hive stand-in', { url: hive.url, stop: hive.close }).url
    }
    const startTables = async () => {
      const database = await startDatabase()
      signal?.throwIfAborted()
      if (given.database === null)
        await display.during('tables', prepareTables(database.url), ({ applied, sample }) =>
          [
            applied.length > 0 ? `${applied.length} migrations` : 'up to date',
            ...(sample ? ['sample content'] : []),
          ].join(', '),
        )
      return database
    }
    // All of them end before a failure is told, so that whatever started is known and can be stopped.
    const parts = await Promise.allSettled([startEventStore(), startTables(), startHive()])
    const failed = parts.find((part) => part.status === 'rejected')
    if (failed) throw failed.reason
    signal?.throwIfAborted()
    const [store, database, hive] = parts.map((part) => part.status === 'fulfilled' && part.value) as [
      Awaited<ReturnType<typeof startEventStore>>,
      Awaited<ReturnType<typeof startTables>>,
      string,
    ]

    const childEnv = environmentFor(env, secrets, {
      port,
      eventStore: store.url,
      database: database.url,
      hive,
    })
    const serverEnv = { ...childEnv, NODE_OPTIONS: env.SERVER_NODE_OPTIONS }
    const both = await Promise.allSettled([
      display.during('projector', child('projector', programs.projector, /(projecting)/i, childEnv)),
      display.during('server', child('server', programs.server, /^listening on (\S+)/, serverEnv)),
    ])
    const [projector, server] = both.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    }) as [Child, Child]

    const localUrl = localUrlOf(config.host, port)
    const endpoints = (): Endpoints => ({
      url: config.publicUrl.endsWith(':0') ? localUrl : config.publicUrl,
      localUrl,
      eventStoreUrl: store.url,
      databaseUrl: database.url,
      hiveNode: hive,
      hiveStandIn: given.hive === null,
      dataDir,
      pids: {
        supervisor: process.pid,
        server: server.pid(),
        projector: projector.pid(),
        eventstore: store.pid(),
        postgres: database.pid(),
      },
    })
    publish = () => void (stopping ?? writeEndpoints(endpoints()))
    publish()

    let low = false
    const watch = setInterval(() => {
      const free = freeMb(dataDir)
      if (free < LOW_DISK_MB && !low)
        display.say(`The disk is nearly full: ${free} MB are free where the data is (${dataDir}).`)
      low = free < LOW_DISK_MB
    }, 30_000)
    started.push({ name: 'disk watch', stop: async () => clearInterval(watch) })
    return { endpoints, stop }
  } catch (error) {
    await stop()
    throw error instanceof CannotStart || signal?.aborted
      ? error
      : new CannotStart((error as Error).message, { cause: error })
  }
}
