/** Starts all the parts on one machine, says where they are, and stops them in order. */
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../infra/postgres/embedded.ts'
import type { Environment } from '../config/load.ts'
import { CannotStart } from '../operations/instance/cannot-start.ts'
import {
  type Endpoints,
  leftBehind,
  removeEndpoints,
  writeEndpoints,
} from '../operations/instance/endpoints.ts'
import { lockFolder } from '../operations/instance/folder-lock.ts'
import { readSecrets } from '../operations/instance/secrets.ts'
import { checkParts } from './check-parts.ts'
import { checkDataDir, checkPort, freeMb } from './checks.ts'
import type { Display } from './display.ts'
import { type Parts, PROGRAMS, type Programs, startParts } from './parts.ts'
import type { Settings } from './settings.ts'
import { createStarted, type Started } from './started.ts'

export type Running = { readonly endpoints: () => Endpoints; readonly stop: () => Promise<void> }

const LOW_DISK_MB = 100
const LOOK_AT_DISK_MS = 30_000

/** How many milliseconds the parts of a killed run have to stop, which they do when they notice that it is gone. */
const LEFT_BEHIND_MS = 30_000
/** Returns whether there were any. */
const waitForLeftBehind = async (dataDir: string, display: Display): Promise<boolean> => {
  if (leftBehind(dataDir).length === 0) return false
  display.say('  a run before was killed: waiting for its parts to stop')
  const end = Date.now() + LEFT_BEHIND_MS
  while (leftBehind(dataDir).length > 0 && Date.now() < end) await delay(50)
  return true
}

/** How many milliseconds the port of a process that has ended may still be taken: the kernel closes what a process has open
 *  only once the last of its threads is gone. */
const LETTING_GO_MS = 5_000
const checkPortAfter = async (wereLeftBehind: boolean, host: string, port: number): Promise<void> => {
  for (const end = Date.now() + LETTING_GO_MS; wereLeftBehind && Date.now() < end; await delay(50))
    if (
      await checkPort(host, port).then(
        () => true,
        () => false,
      )
    )
      return
  await checkPort(host, port)
}

/** The address at which this machine reaches what listens on `host`. */
const localUrlOf = (host: string, port: number): string => {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${here.includes(':') ? `[${here}]` : here}:${port}`
}

const endpointsOf = ({ config, dataDir, given }: Settings, parts: Parts, port: number): Endpoints => {
  const localUrl = localUrlOf(config.host, port)
  return {
    url: config.publicUrl.endsWith(':0') ? localUrl : config.publicUrl,
    localUrl,
    eventStoreUrl: parts.eventStore.url,
    databaseUrl: parts.database.url,
    hiveNode: parts.hive,
    hiveStandIn: given.hive === null,
    dataDir,
    pids: {
      supervisor: process.pid,
      server: parts.server.pid(),
      projector: parts.projector.pid(),
      eventstore: parts.eventStore.pid(),
      postgres: parts.database.pid(),
    },
  }
}

/** Says where everything is, in `endpoints.json`: once all is up, and again when a part has another pid. */
const createAnnouncement = (started: Started) => {
  let endpoints: (() => Endpoints) | null = null
  const renew = (): void => {
    if (endpoints !== null && !started.isStopping()) writeEndpoints(endpoints())
  }
  return {
    renew,
    begin: (of: () => Endpoints): void => {
      endpoints = of
      renew()
    },
  }
}

/** Warns once each time that the disk becomes nearly full. */
const watchDisk = (dataDir: string, display: Display): { readonly stop: () => Promise<void> } => {
  let low = false
  const watch = setInterval(() => {
    const free = freeMb(dataDir)
    if (free < LOW_DISK_MB && !low)
      display.say(`The disk is nearly full: ${free} MB are free where the data is (${dataDir}).`)
    low = free < LOW_DISK_MB
  }, LOOK_AT_DISK_MS)
  return { stop: async () => clearInterval(watch) }
}

/** Rejects with a sentence if a part does not start, or if `signal` aborts; then what did start is stopped. */
export const startAll = async (
  settings: Settings,
  env: Environment,
  display: Display,
  { programs = PROGRAMS, signal }: { readonly programs?: Programs; readonly signal?: AbortSignal } = {},
): Promise<Running> => {
  const { config, dataDir } = settings
  checkDataDir(dataDir)
  const started = createStarted({
    say: display.say,
    onStop: () => removeEndpoints(dataDir),
    afterwards: lockFolder(
      dataDir,
      (pid) =>
        new CannotStart(
          `Another npm start (process ${pid}) runs on ${dataDir}: stop it first, or name another folder with DATA_DIR.`,
        ),
    ),
  })
  try {
    const wereLeftBehind = await waitForLeftBehind(dataDir, display)
    await checkPortAfter(wereLeftBehind, config.host, config.port)
    await checkParts(settings, display.say)
    signal?.throwIfAborted()
    const port = config.port || (await freePort())
    const secrets = readSecrets(dataDir)
    const announcement = createAnnouncement(started)
    const onRestart = announcement.renew
    const parts = await startParts(
      { settings, env, display, programs, secrets, started, onRestart, signal },
      port,
    )
    const endpoints = (): Endpoints => endpointsOf(settings, parts, port)
    announcement.begin(endpoints)
    started.keep('disk watch', watchDisk(dataDir, display))
    return { endpoints, stop: started.stop }
  } catch (error) {
    await started.stop()
    throw error instanceof CannotStart || signal?.aborted
      ? error
      : new CannotStart((error as Error).message, { cause: error })
  }
}
