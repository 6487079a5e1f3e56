/** How each part is started: as a process of its own or in this one; not at all if the environment names one that is running already. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { loadSampleContent } from '../../adapters/content/load.ts'
import { migrate } from '../../adapters/postgres/migrate.ts'
import { freePort } from '../../infra/postgres/embedded.ts'
import { type Signer, signerOf } from '../../projections/proof/note.ts'
import type { Environment } from '../config/load.ts'
import { takeUpTables } from '../operations/backup/left-tables.ts'
import type { Secrets } from '../operations/instance/secrets.ts'
import { type Child, startChild } from './child.ts'
import type { Display } from './display.ts'
import { createLogs } from './logs.ts'
import { startPostgresPart } from './postgres.ts'
import { PRIMARY_SETTINGS, startPrimary, wantsPrimary } from './primary.ts'
import { NICENESS } from './priority.ts'
import { type Addresses, auditFor, environmentFor, firstEnvironment, type Settings } from './settings.ts'
import type { Started } from './started.ts'

export type Programs = { readonly eventStore: string; readonly projector: string; readonly server: string }

const program = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
export const PROGRAMS: Programs = {
  eventStore: program('infra/eventstore/main.ts'),
  projector: program('apps/projector/main.ts'),
  server: program('apps/server/main.ts'),
}

/** The URL of the module that a program loads while the parts that it needs are starting. */
const moduleUrl = (path: string): string => new URL(`../../${path}`, import.meta.url).href
const EARLY_MODULES = {
  projector: moduleUrl('apps/projector/run.ts'),
  server: moduleUrl('apps/server/run.ts'),
}
/** For a program in the place of ours, which would load all that for nothing: what it has loaded by then anyway. */
const NOTHING_EARLY = moduleUrl('apps/embedded/stop-with-parent.ts')

type World = {
  readonly settings: Settings
  readonly env: Environment
  readonly display: Display
  readonly programs: Programs
  readonly secrets: Secrets
  readonly started: Started
  /** Called when a part is up again, under another pid. */
  readonly onRestart: () => void
  /** Aborts a start that is under way. */
  readonly signal: AbortSignal | undefined
}

/** The server has 16 MB (what Node lets grow to at most) for what is new from its beginning. Otherwise that grows from 1 MB while the
 *  modules are loaded, and the garbage collector goes through them again and again: a fifth of the processor time of loading. */
const NEW_SPACE = '--min-semi-space-size=16'

/** V8 would collect an idle server's garbage, and from then on let its heap grow by a few megabytes only. As soon as people spoke again it
 *  collected once more: 100 ms in which every message was late, after each pause. */
const NO_IDLE_COLLECTION = '--no-memory-reducer'

/** V8's threads, which compile and collect beside the program, leave it a processor. By default there are four, whatever the machine has. */
const HELPERS = `--v8-pool-size=${Math.min(4, Math.max(1, availableParallelism() - 1))}`

const SERVER_FLAGS = [NEW_SPACE, NO_IDLE_COLLECTION, HELPERS]

/** A part's address, and its process: 0 if that is not ours. */
type Part = { readonly url: string; readonly pid: () => number }
/** `primary`: the variables from which the parts learn of the primary that was asked for. */
type Database = Part & { readonly primary: Readonly<Record<string, string>> }

type Process = Pick<Parameters<typeof startChild>[0], 'name' | 'args' | 'env' | 'ready' | 'niceness'>
type StartProcess = (process: Process) => Promise<Child>

const processStarter = ({ settings, env, display, started, onRestart, signal }: World): StartProcess => {
  const longestPause = Number(env.RESTART_PAUSE_MS) || undefined
  const logs = createLogs(settings.dataDir, display.say)
  return async (process) => {
    const { name } = process
    const onLine = logs.of(name.replace(' ', '-'))
    return started.keep(
      name,
      await startChild({
        ...process,
        onLine,
        say: display.say,
        onRestart,
        ...(signal ? { signal } : {}),
        ...(longestPause ? { longestPause } : {}),
      }),
    )
  }
}

const startEventStore = async (world: World, start: StartProcess): Promise<Part> => {
  const { settings, env, display, programs } = world
  if (settings.given.eventStore !== null) return { url: settings.given.eventStore, pid: () => 0 }
  const data = join(settings.dataDir, 'eventstore')
  const port = String(await freePort())
  const process = start({
    name: 'event store',
    args: [programs.eventStore, '--port', port, '--data', data],
    env: { PATH: env.PATH, NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE },
    ready: /^eventstore ready (esdb:\S+)/,
  })
  const store = await display.during('event store', process, () => data)
  return { url: store.ready(), pid: store.pid }
}

const startDatabase = async ({
  settings,
  env,
  display,
  secrets,
  started,
  onRestart,
}: World): Promise<Database> => {
  if (settings.given.database !== null) return { url: settings.given.database, pid: () => 0, primary: {} }
  const asksForPrimary = wantsPrimary(env)
  const part = startPostgresPart({
    dataDir: settings.dataDir,
    password: secrets.postgres,
    say: (line) => display.say(`  ${line}`),
    onRestart,
    ...(asksForPrimary ? { settings: PRIMARY_SETTINGS } : {}),
  })
  const postgres = started.keep('PostgreSQL', await display.during('PostgreSQL', part, (one) => one.dataDir))
  const primary = asksForPrimary
    ? await display.during(
        'primary',
        startPrimary(postgres.urlOf, secrets.postgres),
        () => 'a small one of DLUX’s kind',
      )
    : {}
  return { ...postgres, primary }
}

const signerOfWorld = ({ env, secrets }: World): Signer => {
  const { AUDIT_ORIGIN, AUDIT_SIGNING_KEY } = auditFor(env, secrets)
  return signerOf(AUDIT_ORIGIN, Buffer.from(AUDIT_SIGNING_KEY, 'hex'))
}

const prepareTables = async (world: World, url: string) => {
  const applied = await migrate(url)
  // Before anything writes: the keys of what is on the restored log.
  if (await takeUpTables(world.settings.dataDir, url, () => signerOfWorld(world)))
    return { applied, sample: false }
  // Only once, when the content tables are made: whoever deletes a sample should not see it come back.
  if (!applied.includes('0002_content.sql')) return { applied, sample: false }
  const loaded = await loadSampleContent(url)
  if (E.isLeft(loaded)) throw new Error(`The sample content can't be loaded: ${loaded.left.join(' ')}`)
  return { applied, sample: true }
}

const startTables = async (world: World): Promise<Database> => {
  const { settings, display, signal } = world
  const database = await startDatabase(world)
  signal?.throwIfAborted()
  if (settings.given.database === null)
    await display.during('tables', prepareTables(world, database.url), ({ applied, sample }) =>
      [
        applied.length > 0 ? `${applied.length} migrations` : 'up to date',
        ...(sample ? ['sample content'] : []),
      ].join(', '),
    )
  return database
}

const startHive = async ({ settings, display, started }: World): Promise<string> => {
  if (settings.given.hive !== null) return settings.given.hive
  const { startHiveStandIn } = await import('../../infra/hive/stand-in.ts')
  const hive = await display.during('Hive stand-in', startHiveStandIn(), () => 'made-up accounts, no network')
  return started.keep('Hive stand-in', { url: hive.url, stop: hive.close }).url
}

/** Waits for all of them before it throws a failure, so that whatever started is known and can be stopped. */
const allOf = async <A extends ReadonlyArray<unknown>>(
  starting: readonly [...{ [K in keyof A]: Promise<A[K]> }],
): Promise<A> => {
  const ended = await Promise.allSettled(starting as ReadonlyArray<Promise<unknown>>)
  const failed = ended.find((part) => part.status === 'rejected')
  if (failed) throw failed.reason
  return ended.map((part) => part.status === 'fulfilled' && part.value) as unknown as A
}

export type Parts = {
  readonly eventStore: Part
  readonly database: Part
  readonly hive: string
  readonly projector: Child
  readonly server: Child
}

/** Starts the parts, as many at once as possible. `port`: where the server listens. */
export const startParts = async (world: World, port: number): Promise<Parts> => {
  const { env, display, programs, secrets, signal } = world
  const start = processStarter(world)
  const base = allOf<[Part, Database, string]>([
    startEventStore(world, start),
    startTables(world),
    startHive(world),
  ])
  const environment = base.then(([eventStore, database, hive]) => {
    signal?.throwIfAborted()
    const to: Addresses = { port, eventStore: eventStore.url, database: database.url, hive }
    return { ...environmentFor(env, secrets, to), ...database.primary }
  })
  const program = (
    name: 'projector' | 'server',
    ready: RegExp,
    options: string | undefined,
    { flags = [], ...more }: Pick<Process, 'niceness'> & { readonly flags?: ReadonlyArray<string> } = {},
  ) => {
    const early = {
      first: { ...firstEnvironment(env), NODE_OPTIONS: options },
      module: programs[name] === PROGRAMS[name] ? EARLY_MODULES[name] : NOTHING_EARLY,
      whole: environment.then((whole) => ({ ...whole, NODE_OPTIONS: options })),
    }
    return display.during(name, start({ name, args: [...flags, programs[name]], env: early, ready, ...more }))
  }
  const [[eventStore, database, hive], projector, server] = await allOf<
    [[Part, Database, string], Child, Child]
  >([
    base,
    program('projector', /(projecting)/i, env.PROJECTOR_NODE_OPTIONS, { niceness: NICENESS.projector }),
    program('server', /^listening on (\S+)/, env.SERVER_NODE_OPTIONS, { flags: SERVER_FLAGS }),
  ])
  return { eventStore, database, hive, projector, server }
}
