/** Two servers on one log, one database and one Redis, each part a process of its own, as in production. */
import { startHiveStandIn } from '../hive/stand-in.ts'
import { testEventStore } from './eventstore.ts'
import { testDatabase } from './postgres.ts'
import { testRedis } from './redis.ts'
import { type ServerProcess, startProjectorProcess, startServerProcess } from './server.ts'

export type TwoServers = {
  readonly servers: readonly [ServerProcess, ServerProcess]
  /** One more projector, for those who start their own; it is stopped by whoever started it. */
  readonly startProjector: (env?: Readonly<Record<string, string>>) => Promise<ServerProcess>
  readonly stop: () => Promise<void>
}

/** `projector`: whether one runs from the start. */
export const startTwoServers = async (
  more: Readonly<Record<string, string>> = {},
  { projector: hasProjector = true } = {},
): Promise<TwoServers> => {
  const [store, database, redis, hive] = await Promise.all([
    testEventStore(),
    testDatabase(),
    testRedis(),
    startHiveStandIn(),
  ])
  const env = {
    EVENTSTORE_URL: store.url,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    HIVE_NODE: hive.url,
    HIVE_STANDIN: 'on',
    LOG_LEVEL: 'warn',
    ...more,
  }
  const startProjector = (own: Readonly<Record<string, string>> = {}) =>
    startProjectorProcess({ ...env, NODE_ID: 'projector', ...own })
  const projector = hasProjector ? await startProjector() : null
  const servers = await Promise.all([
    startServerProcess({ ...env, NODE_ID: 'one' }),
    startServerProcess({ ...env, NODE_ID: 'two' }),
  ])
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()))
    await projector?.stop()
    await Promise.all([store.stop(), redis.stop(), hive.close()])
    await database.drop()
  }
  return { servers, startProjector, stop }
}
