/** Puts the server's parts together. It does not listen: `run.ts` makes it. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { archivedAfter } from '../../adapters/archive/archived-log.ts'
import { createLooks } from '../../adapters/http/audit-reads.ts'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import { createHttp } from '../../adapters/http/http.ts'
import { latePart } from '../../adapters/late-part.ts'
import type { Logger } from '../../adapters/logger.ts'
import { createNetworkTag } from '../../adapters/networks.ts'
import { crowdBringer } from '../../adapters/outside/keys.ts'
import { createLeaseStore } from '../../adapters/postgres/leases.ts'
import { keysAhead } from '../../adapters/privacy/keys-ahead.ts'
import { lookForKeys } from '../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { attachSockets, type Sockets } from '../../adapters/sockets/attach.ts'
import { tracedCommands, tracedLog, tracedTelling } from '../../adapters/tracing.ts'
import { watchTurn } from '../../adapters/turn/stun-probe.ts'
import { waitAtMost } from '../../adapters/wait-at-most.ts'
import type { Commands } from '../../domain/ports.ts'
import { createMoments } from '../../projections/history/moments.ts'
import { createCommands, lookupIn, withKnownIds } from '../commands/index.ts'
import { keepLeases } from '../commands/leases.ts'
import { keepSeats } from '../commands/seats.ts'
import type { Config } from '../config/load.ts'
import { consolePage } from '../console/plugin.ts'
import { createMomentWriter } from '../operations/keep/moment-writer.ts'
import { startPage } from '../page/plugin.ts'
import { clientScripts } from '../scripts/plugin.ts'
import { withAvatars } from './avatars.ts'
import type { Background } from './background.ts'
import { keepCheckpoints, measureWitnesses } from './checkpoints.ts'
import { evidenceFrom } from './evidence.ts'
import { measureFollowing, type WatchedFollowing, watchFollowing, withContent } from './following.ts'
import { createHealth } from './health.ts'
import { connectMachines, type Machines } from './machines.ts'
import { createMetrics, type MetricsRegistry } from './metrics.ts'
import { withPinned } from './pinned.ts'
import { closeHttp } from './stopping.ts'
import { watchParts } from './watched-parts.ts'
import { measureDeliveries, webhookKeyOf } from './webhooks.ts'

export type App = {
  /** Resolves to the address once it accepts connections. */
  readonly listen: () => Promise<string>
  /** Ends every session on the log and closes every handle. */
  readonly stop: () => Promise<void>
}

/** How many milliseconds a stop waits for answers under way. */
const LAST_ANSWERS = 3_000
/** How many milliseconds may be spent on what only helps the next start, and on closing connections properly: a silent
 *  part is not waited for any longer. */
const LAST_RITES = 3_000

const clock = { now: () => Date.now() }
const ids = { uuid: () => randomUUID() }

type Node = { readonly id: string; readonly boot: string }

/** The part of the settings that may be shown. */
const httpConfigOf = (config: Config, version: string): HttpDeps['config'] => ({
  nodeId: config.nodeId,
  publicUrl: config.publicUrl,
  corsOrigins: config.corsOrigins,
  trustProxy: config.trustProxy,
  systemAdmins: config.systemAdmins,
  auditors: config.auditors,
  operatorToken: config.operatorToken,
  erasureWaitDays: config.erasureWaitDays,
  version,
})

const momentsOf = ({ log, past, vault }: Machines) =>
  createMoments(sealedLog(past, vault), {
    stored: past,
    open: log.open,
    keep: createMomentWriter(past).keep,
  })

/** The pages that come with the server. */
const servePages = async (http: FastifyInstance, { hive }: Config, sfuUrl: string | null): Promise<void> => {
  const hiveStandIn = hive.standIn ? (hive.nodes[0] ?? null) : null
  await http.register(async (scope) => {
    startPage(scope, { hiveStandIn })
    consolePage(scope)
  })
  await http.register(async (scope) => clientScripts(scope, sfuUrl))
}

const socketsOn = (
  http: FastifyInstance,
  machines: Machines,
  { config, commands, node, metrics, logger }: Serving,
): Sockets => {
  const { readModels, auth, content, log, relay, positions, turn, outside, motion, sfu } = machines
  return attachSockets(http.server, {
    commands: withPinned(withAvatars(tracedCommands(commands), readModels), readModels),
    auth,
    content,
    log: tracedTelling(log),
    given: log.given,
    node,
    clock,
    ids,
    relay,
    ...(positions === null ? {} : { positions }),
    ...(sfu === null ? {} : { sfu }),
    iceServers: (id) => turn.credentialsFor(id).iceServers,
    logger,
    metrics: metrics.parts,
    origins: config.corsOrigins,
    trustProxy: config.trustProxy,
    limits: { perAddress: config.socketsPerAddress },
    crowdBringer: (key) => crowdBringer(outside, key, clock.now()),
    motion: { store: motion, days: config.motionDays },
  })
}

const turnPart = ({ turn, turnTls }: Machines) => ({
  uris: () => turn.uris,
  look: watchTurn(turn.servers, clock.now),
  ...(turnTls === null
    ? {}
    : {
        tls: () =>
          Object.fromEntries(
            turn.tlsServers.map((place) => [`${place.name}:${place.port}`, turnTls.stateOf(place)]),
          ),
      }),
})

const healthOf = (
  machines: Machines,
  { config, sockets, following }: Pick<Serving, 'config'> & { sockets: Sockets; following: WatchedFollowing },
): HttpDeps['health'] => {
  const { stored, readModels, relay, writes, vault, authStore, ofTables } = machines
  const own = createHealth({
    log: stored,
    readModels,
    relay: { configured: config.redisUrl !== null, state: relay.state },
    feed: () => sockets.state().feed,
    turn: turnPart(machines),
    sfu: machines.sfu,
    writes,
    missingKeys: vault.missing,
    hearing: {
      'sessions that end': authStore.hearing,
      'content that changes': ofTables.hearing,
      erasures: vault.hearing,
    },
    now: clock.now,
  })
  return withContent(own, following)
}

type Serving = {
  readonly config: Config
  readonly commands: Commands
  readonly node: Node
  readonly metrics: MetricsRegistry
  readonly logger: Logger
}

const sayWhichKeysAreMissing = async ({ log, vault }: Machines, logger: Logger): Promise<void> => {
  const why = await lookForKeys(log, vault.missing)
  if (why !== null) logger.error({ keys: vault.missing().count }, why)
}

export const createApp = async (config: Config, version: string, logger: Logger): Promise<App> => {
  const node = { id: config.nodeId, boot: randomUUID() }
  const metrics = createMetrics(config.nodeId)
  const machines = await connectMachines(config, { clock, ids }, logger)
  const { log, readModels, content, proofs, outside, vault } = machines

  // Commands call the sockets with what they accepted, while sockets, seats and health use the commands.
  const laterSockets = latePart<Sockets>('sockets')
  const laterHealth = latePart<HttpDeps['health']>('health')
  const laterCommands = latePart<Commands>('commands')
  const seats = keepSeats({ commands: laterCommands.get, clock, ids })
  const commands = createCommands({
    log: tracedLog(log),
    content,
    clock,
    ids,
    node,
    messageLookup: withKnownIds(lookupIn(readModels), readModels),
    logger,
    metrics: metrics.parts,
    keys: keysAhead(vault),
    networkTag: createNetworkTag(config.session.secret),
    onAccepted: (kind, space, accepted) => {
      seats.noticed(kind, space, accepted)
      laterSockets.get().tellAccepted(kind, space, accepted)
    },
  })
  laterCommands.is(commands)

  const looks = createLooks({ log, clock, ids, nodeId: config.nodeId })
  const httpDeps: HttpDeps = {
    config: httpConfigOf(config, version),
    commands: tracedCommands(commands),
    content,
    readModels,
    looks,
    positions: (space) => laterSockets.get().positions(space),
    proofs,
    ...(machines.witnesses === null ? {} : { witnesses: machines.witnesses }),
    evidence: evidenceFrom({
      stored: machines.stored,
      log,
      databaseUrl: config.database.url,
      signer: machines.signer,
      witnesses: config.audit.witnesses,
      clock,
      proofs,
    }),
    moments: momentsOf(machines),
    motion: machines.motion,
    ...(machines.sfu === null ? {} : { sfu: machines.sfu }),
    feedLog: log,
    archivedAfter: (after) => archivedAfter(log, after),
    outside,
    webhookKey: webhookKeyOf(config.privacy.masterKey),
    auth: machines.auth,
    turn: machines.turn,
    clock,
    ids,
    logger,
    metrics: metrics.registry,
    health: () => laterHealth.get()(),
  }
  const http = await createHttp(httpDeps)
  await servePages(http, config, machines.sfu?.url ?? null)
  await http.ready()

  const serving: Serving = { config, commands, node, metrics, logger }
  const sockets = socketsOn(http, machines, serving)
  laterSockets.is(sockets)
  const following = watchFollowing(
    config.database.url,
    config.content.url !== null || config.content.alive !== null,
  )
  const health = healthOf(machines, { config, sockets, following })
  laterHealth.is(health)
  void sayWhichKeysAreMissing(machines, logger)
  const keeper = keepLeases({
    leases: createLeaseStore(machines.pool),
    commands,
    models: readModels,
    node,
    logger,
    metrics: metrics.parts,
    here: () => new Set(sockets.sessions().map(({ sessionId }) => sessionId)),
    // Their sessions ended on the log, so they come back as new ones.
    onLost: () => sockets.sendAllElsewhere(),
  })
  watchParts(metrics, { sockets, commands, log, readModels, health })
  if (following.isAsked) measureFollowing(metrics, following)

  let background: Background | null = null
  measureDeliveries(metrics, outside, () => background?.isDelivering() ?? false)
  measureWitnesses(metrics, machines.witnesses)

  let beginning: Promise<void> | null = null
  const begin = async (): Promise<void> => {
    const { beginBackground } = await import('./background.ts')
    background = beginBackground(httpDeps, machines, { config, commands, metrics: metrics.parts })
  }

  let stopCheckpoints = (): void => {}
  return {
    listen: async () => {
      const address = await http.listen({ host: config.host, port: config.port })
      keeper.start()
      seats.start()
      beginning = begin().catch((error) =>
        logger.error({ err: error, defect: true }, 'deliveries, erasures and lists of bans have not begun'),
      )
      stopCheckpoints = keepCheckpoints(proofs, machines.witnesses, logger)
      return address
    },
    stop: async () => {
      stopCheckpoints()
      seats.stop()
      await beginning
      await waitAtMost(LAST_RITES, Promise.all([background?.stop()]))
      const sessions = sockets.sessions()
      await sockets.close()
      await keeper.stop(sessions)
      await closeHttp(http, LAST_ANSWERS)
      await waitAtMost(LAST_RITES, Promise.all([commands.drain(), looks.flush()]))
      await waitAtMost(LAST_RITES, Promise.all([Promise.allSettled([following.stop()]), machines.close()]))
    },
  }
}
