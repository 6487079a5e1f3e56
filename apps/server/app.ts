/** The server's parts put together. Never listens: `main.ts` does. */
import { randomUUID } from 'node:crypto'
import { archivedLog } from '../../adapters/archive/archived-log.ts'
import { createAuth } from '../../adapters/auth/authenticate.ts'
import { createAuthStore } from '../../adapters/auth/store.ts'
import { createContent } from '../../adapters/content/content.ts'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createHive } from '../../adapters/hive/hive.ts'
import { createLooks } from '../../adapters/http/audit-reads.ts'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import { createHttp } from '../../adapters/http/http.ts'
import type { Logger } from '../../adapters/logger.ts'
import { createNetworkTag } from '../../adapters/networks.ts'
import { readApiKey, withServices } from '../../adapters/outside/keys.ts'
import { createOutside } from '../../adapters/outside/registry.ts'
import { createLeaseStore } from '../../adapters/postgres/leases.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { keysAhead } from '../../adapters/privacy/keys-ahead.ts'
import { lookForKeys } from '../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { createPositions } from '../../adapters/redis/positions.ts'
import { createRelay, localRelay } from '../../adapters/redis/relay.ts'
import { attachSockets } from '../../adapters/sockets/attach.ts'
import { watchTurn } from '../../adapters/turn/stun-probe.ts'
import { createTurn } from '../../adapters/turn/turn.ts'
import { within } from '../../adapters/within.ts'
import type { Commands, EventLog } from '../../domain/ports.ts'
import { createMoments } from '../../projections/history/moments.ts'
import { signerOf } from '../../projections/proof/note.ts'
import { createCommands, lookupIn, withKnownIds } from '../commands/index.ts'
import { keepLeases } from '../commands/leases.ts'
import { keepSeats } from '../commands/seats.ts'
import type { Config } from '../config/load.ts'
import { consolePage } from '../console/plugin.ts'
import { createMomentWriter } from '../operations/keep/moment-writer.ts'
import { startPage } from '../page/plugin.ts'
import { clientScripts } from '../scripts/plugin.ts'
import { withAvatars } from './avatars.ts'
import { deliverFor, measureDeliveries, webhookKeyOf } from './deliveries.ts'
import { measureFollowing, watchFollowing, withContent } from './following.ts'
import { createHealth } from './health.ts'
import { createMetrics } from './metrics.ts'
import { withPinned } from './pinned.ts'
import { closeHttp } from './stopping.ts'
import { watchParts } from './watched-parts.ts'
import { watchWrites } from './watched-writes.ts'

export type App = {
  /** Resolves to the address once it accepts connections. */
  readonly listen: () => Promise<string>
  /** Every session ends on the log, every handle is closed. */
  readonly stop: () => Promise<void>
}

/** Milliseconds between checkpoints that nobody asked for: so that there is always an earlier one. */
const CHECKPOINT_EVERY = 60_000
/** Milliseconds that a stop waits for answers under way. */
const LAST_ANSWERS = 3_000
/** Milliseconds for what only helps the next start, and for goodbyes: neither is owed to a part that says nothing. */
const LAST_RITES = 3_000

const clock = { now: () => Date.now() }
const ids = { uuid: () => randomUUID() }

const poolFor = (config: Config) =>
  createPostgresPool(config.database.url, { maxConnections: config.database.poolSize }).catch(
    (error: unknown) => {
      throw new Error(`Postgres can't be used: ${error instanceof Error ? error.message : error}.`, {
        cause: error,
      })
    },
  )

const proofsOf = (
  config: Config,
  pool: Awaited<ReturnType<typeof poolFor>>,
  stored: EventLog,
  logger: Logger,
) =>
  createProofs({
    pool,
    signer: signerOf(config.audit.origin, Buffer.from(config.audit.signingKey, 'hex')),
    clock,
    onAltered: (size) =>
      logger.error({ size }, 'The log’s tree is not the one that was signed: run presence audit verify.'),
    log: stored,
    onLost: (rows) =>
      logger.error({ rows }, 'Checkpoints were gone from proof_checkpoints, and were put back from the log.'),
  })

export const createApp = async (config: Config, version: string, logger: Logger): Promise<App> => {
  const node = { id: config.nodeId, boot: randomUUID() }
  const metrics = createMetrics(config.nodeId)
  const databaseUrl = config.database.url

  // What is personal is on the log only sealed; from here on everybody sees it opened.
  const vault = connectVault({
    databaseUrl,
    masterKey: config.privacy.masterKey,
    onWrongMaster: (error) => {
      process.stderr.write(`${error.message}\n`)
      process.exit(78)
    },
  })
  const { log: stored, writes } = watchWrites(connectEventLog({ url: config.eventStoreUrl }), ids, clock.now)
  const log = sealedLog(stored, vault)
  // Who asks of the past is told of what was archived too, where that is at hand.
  const past = archivedLog(stored, config.archive.dir)
  const pool = await poolFor(config)
  const readModels = createReadModels(pool)
  const hive = createHive({ nodes: config.hive.nodes, clock, allowStandIn: config.hive.standIn })
  const [ofTables, authStore] = await Promise.all([
    createContent({
      url: databaseUrl,
      systemAdmins: config.systemAdmins,
      clock,
      hive,
      hivePosts: config.content.hivePosts,
    }),
    createAuthStore({ url: databaseUrl }),
  ])
  const outside = createOutside({ log, clock, ids, nodeId: config.nodeId })
  const content = withServices(ofTables, outside, clock)
  const auth = createAuth({
    hive,
    services: (key, now) => readApiKey(outside, key, now),
    store: authStore,
    clock,
    secret: config.session.secret,
    ttlSeconds: config.session.ttlSeconds,
    headerMaxAgeSeconds: config.authHeaderMaxAgeSeconds,
  })
  const turn = createTurn({ ...config.turn, clock })
  const relay = config.redisUrl === null ? localRelay() : createRelay({ url: config.redisUrl })
  const positions = config.redisUrl === null ? null : createPositions({ url: config.redisUrl })

  const proofs = proofsOf(config, pool, stored, logger)

  const seats = keepSeats({ commands: (): Commands => commands, clock, ids })
  const commands = createCommands({
    log,
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
      sockets.tellAccepted(kind, space, accepted)
    },
  })

  const looks = createLooks({ log, clock, ids, nodeId: config.nodeId })
  const httpDeps: HttpDeps = {
    config: {
      nodeId: config.nodeId,
      publicUrl: config.publicUrl,
      corsOrigins: config.corsOrigins,
      trustProxy: config.trustProxy,
      systemAdmins: config.systemAdmins,
      auditors: config.auditors,
      operatorToken: config.operatorToken,
      version,
    },
    commands,
    content,
    readModels,
    looks,
    positions: (space) => sockets.positions(space),
    proofs,
    moments: createMoments(sealedLog(past, vault), {
      stored: past,
      open: log.open,
      keep: createMomentWriter(past).keep,
    }),
    feedLog: log,
    outside,
    webhookKey: webhookKeyOf(config.privacy.masterKey),
    auth,
    turn,
    clock,
    ids,
    logger,
    metrics: metrics.registry,
    health: () => health(),
  }
  const http = await createHttp(httpDeps)
  const hiveStandIn = config.hive.standIn ? (config.hive.nodes[0] ?? null) : null
  await http.register(async (scope) => {
    startPage(scope, { hiveStandIn })
    consolePage(scope)
  })
  await http.register(async (scope) => clientScripts(scope))
  await http.ready()

  const sockets = attachSockets(http.server, {
    commands: withPinned(withAvatars(commands, readModels), readModels),
    auth,
    content,
    log,
    node,
    clock,
    ids,
    relay,
    ...(positions === null ? {} : { positions }),
    iceServers: (id) => turn.credentialsFor(id).iceServers,
    logger,
    metrics: metrics.parts,
    origins: config.corsOrigins,
    trustProxy: config.trustProxy,
    limits: { perAddress: config.socketsPerAddress },
  })
  const following = watchFollowing(databaseUrl, config.content.url !== null)
  const ownHealth = createHealth({
    log: stored,
    readModels,
    relay: { configured: config.redisUrl !== null, state: relay.state },
    feed: () => sockets.state().feed,
    turn: { uris: turn.uris, look: watchTurn(turn.servers, clock.now) },
    writes,
    missingKeys: vault.missing,
    hearing: {
      'sessions that end': authStore.hearing,
      'content that changes': ofTables.hearing,
      erasures: vault.hearing,
    },
    now: clock.now,
  })
  const health = withContent(ownHealth, following)
  void lookForKeys(log, vault.missing).then((why) => {
    if (why !== null) logger.error({ keys: vault.missing().count }, why)
  })
  const keeper = keepLeases({
    leases: createLeaseStore(pool),
    commands,
    models: readModels,
    node,
    logger,
    metrics: metrics.parts,
    here: () => new Set(sockets.sessions().map(({ sessionId }) => sessionId)),
    // Their sessions are over on the log: they come back as new ones.
    onLost: () => sockets.sendAllElsewhere(),
  })
  watchParts(metrics, { sockets, commands, log, readModels, health })
  if (following.isAsked) measureFollowing(metrics, following)

  const deliveries = deliverFor(httpDeps, {
    databaseUrl,
    allowsLoopback: config.webhooks.allowsLoopback,
    metrics: metrics.parts,
  })

  measureDeliveries(metrics, outside, deliveries.isLeading)

  let checkpoints: NodeJS.Timeout | undefined
  return {
    listen: async () => {
      const address = await http.listen({ host: config.host, port: config.port })
      keeper.start()
      seats.start()
      checkpoints = setInterval(
        () =>
          void proofs
            .checkpoint()()
            .catch(() => {}),
        CHECKPOINT_EVERY,
      )
      return address
    },
    stop: async () => {
      clearInterval(checkpoints)
      seats.stop()
      await within(LAST_RITES, deliveries.stop())
      const sessions = sockets.sessions()
      await sockets.close()
      await keeper.stop(sessions)
      await closeHttp(http, LAST_ANSWERS)
      await within(LAST_RITES, Promise.all([commands.drain(), looks.flush()]))
      const closed = async () => {
        await Promise.allSettled([
          relay.close(),
          positions?.close(),
          authStore.stop(),
          ofTables.stop(),
          following.stop(),
          outside.stop(),
        ])
        await readModels.close()
        await pool.end()
        await log.close()
        await vault.close()
      }
      await within(LAST_RITES, closed())
    },
  }
}
