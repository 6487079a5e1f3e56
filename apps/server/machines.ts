/** The connections and services that the server uses: the log, PostgreSQL, Redis, Hive, TURN, and what is built on them. */
import { archivedLog } from '../../adapters/archive/archived-log.ts'
import { createAuth } from '../../adapters/auth/authenticate.ts'
import { createAuthStore } from '../../adapters/auth/store.ts'
import { createContent } from '../../adapters/content/content.ts'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createHive } from '../../adapters/hive/hive.ts'
import type { Logger } from '../../adapters/logger.ts'
import { readApiKey, withServices } from '../../adapters/outside/keys.ts'
import { createOutside } from '../../adapters/outside/registry.ts'
import { createMotionStore } from '../../adapters/postgres/motion.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { localRelay } from '../../adapters/redis/relay.ts'
import type { Sfu } from '../../adapters/sfu/sfu.ts'
import { type TlsWatch, watchTls } from '../../adapters/turn/tls-watch.ts'
import { createTurn, type TurnService } from '../../adapters/turn/turn.ts'
import type { Clock, EventLog, Ids } from '../../domain/ports.ts'
import { type Signer, signerOf } from '../../projections/proof/note.ts'
import type { Config } from '../config/load.ts'
import { witnessesFor } from './checkpoints.ts'
import { watchWrites } from './watched-writes.ts'

export type World = { readonly clock: Clock; readonly ids: Ids }

export type Machines = Awaited<ReturnType<typeof connectMachines>>

const poolFor = (config: Config) =>
  createPostgresPool(config.database.url, { maxConnections: config.database.poolSize }).catch(
    (error: unknown) => {
      throw new Error(`Postgres can't be used: ${error instanceof Error ? error.message : error}.`, {
        cause: error,
      })
    },
  )

const proofsOf = (
  signer: Signer,
  pool: Awaited<ReturnType<typeof poolFor>>,
  stored: EventLog,
  { logger, clock }: { readonly logger: Logger; readonly clock: Clock },
) =>
  createProofs({
    pool,
    signer,
    clock,
    onAltered: (size) =>
      logger.error(
        { size },
        'The log’s tree is not the one that was signed: was an older backup put back, then presence audit went-back; else presence audit verify.',
      ),
    log: stored,
    onLost: (rows) =>
      logger.error({ rows }, 'Checkpoints were gone from proof_checkpoints, and were put back from the log.'),
  })

/** TURN, and the state of its TLS; null if nobody checks that. */
const turnFor = (
  { turn }: Pick<Config, 'turn'>,
  clock: Clock,
): { readonly turn: TurnService; readonly tls: TlsWatch | null } => {
  const { tls, ...settings } = turn
  if (tls !== 'auto')
    return { turn: createTurn({ ...settings, clock, speaksTls: () => tls === 'on' }), tls: null }
  const { tlsServers } = createTurn({ ...settings, clock })
  const watch = watchTls(tlsServers, { now: clock.now })
  void watch.look()
  const speaksTls = (place: { name: string; port: number }) => watch.stateOf(place) !== 'shut'
  return { turn: createTurn({ ...settings, clock, speaksTls }), tls: watch }
}

/** What is shared with other processes by Redis, whose driver a single process never loads. */
const sharedWith = async (url: string | null) => {
  if (url === null) return { relay: localRelay(), positions: null }
  const [{ createRelay }, { createPositions }] = await Promise.all([
    import('../../adapters/redis/redis-relay.ts'),
    import('../../adapters/redis/positions.ts'),
  ])
  return { relay: createRelay({ url }), positions: createPositions({ url }) }
}

/** The media server of large rooms, of whose adapters at most one is loaded. */
const sfuFor = async ({ sfu }: Pick<Config, 'sfu'>, { clock, ids }: World): Promise<Sfu | null> => {
  if (sfu === null) return null
  if (sfu.kind === 'janus') {
    const { createJanus } = await import('../../adapters/sfu/janus/janus.ts')
    return createJanus({ url: sfu.url, boot: ids.uuid() })
  }
  const { createLiveKit } = await import('../../adapters/sfu/livekit/livekit.ts')
  return createLiveKit({ ...sfu, clock })
}

export const connectMachines = async (config: Config, { clock, ids }: World, logger: Logger) => {
  const databaseUrl = config.database.url
  // Personal data is on the log only sealed; from here on it is opened for everything.
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
  // Reads of the past also find what was archived, if that is at hand.
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
  const { turn, tls: turnTls } = turnFor(config, clock)
  const { relay, positions } = await sharedWith(config.redisUrl)

  const heldPeople = () => {
    const state = outside.state()
    return state === null ? null : [...new Set([...state.holds.values()].map(({ subject }) => subject))]
  }
  const sfu = await sfuFor(config, { clock, ids })
  const motion = createMotionStore(pool, vault, heldPeople)
  const signer = signerOf(config.audit.origin, Buffer.from(config.audit.signingKey, 'hex'))
  const proofs = proofsOf(signer, pool, stored, { logger, clock })
  const witnesses = witnessesFor(config, { pool, signer, logger })

  return {
    vault,
    stored,
    writes,
    log,
    past,
    pool,
    readModels,
    ofTables,
    authStore,
    outside,
    content,
    auth,
    turn,
    turnTls,
    relay,
    positions,
    sfu,
    proofs,
    witnesses,
    signer,
    motion,
    close: async (): Promise<void> => {
      await Promise.allSettled([
        relay.close(),
        sfu?.stop(),
        positions?.close(),
        authStore.stop(),
        ofTables.stop(),
        outside.stop(),
      ])
      await readModels.close()
      await pool.end()
      await log.close()
      await vault.close()
    },
  }
}
