/** The metrics of the server's parts, read at each scrape. */
import type { connectEventLog } from '../../adapters/eventstore/index.ts'
import type { Sockets } from '../../adapters/sockets/attach.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import type { createCommands } from '../commands/index.ts'
import type { createHealth } from './health.ts'
import type { createMetrics } from './metrics.ts'

export const watchParts = (
  metrics: ReturnType<typeof createMetrics>,
  parts: {
    readonly sockets: Pick<Sockets, 'state'>
    readonly commands: Pick<ReturnType<typeof createCommands>, 'stats'>
    readonly log: Pick<ReturnType<typeof connectEventLog>, 'stats' | 'health'>
    readonly readModels: Pick<ReadModels, 'parked'>
    readonly health: ReturnType<typeof createHealth>
  },
): void => {
  const { sockets, commands, log, readModels, health } = parts
  metrics.gauge('presence_sockets', 'sockets of this process', () => sockets.state().sockets)
  metrics.gauge('presence_live_spaces', 'spaces with sockets here', () => sockets.state().spaces)
  metrics.gauge(
    'presence_departing',
    'sessions whose end is not on the log yet',
    () => sockets.state().departing,
  )
  metrics.gauge('presence_log_up', '1 while the event store is reached', () =>
    log.health().state === 'up' ? 1 : 0,
  )
  /** One look at health for everything that a scrape needs from it. */
  let looking: ReturnType<typeof health> | null = null
  const look = () => {
    looking ??= health().finally(() => {
      looking = null
    })
    return looking
  }
  metrics.gauge('presence_postgres_up', '1 while the tables can be asked', async () =>
    (await look()).postgres?.ok ? 1 : 0,
  )
  metrics.gauge(
    'presence_tables_lag_seconds',
    'how long the tables have been behind the log',
    async () => Number((await look()).projections?.lag_ms) / 1_000,
  )
  metrics.counter(
    'presence_feed_reconnects',
    'times that the live feed was resumed',
    () => sockets.state().feed.reconnects,
  )
  for (const what of ['streams', 'events'] as const)
    metrics.gauge(
      `presence_parked_${what}`,
      `${what} that wait because they could not be applied`,
      async () => {
        const parked = await readModels.parked()()
        return parked._tag === 'Right' ? Number(parked.right[what]) : Number.NaN
      },
    )
  metrics.gauge(
    'presence_command_queue',
    'commands that wait for their stream',
    () => commands.stats().queued,
  )
  metrics.gauge('presence_cached_streams', 'streams whose state is in memory', () => commands.stats().streams)
  metrics.gauge('presence_cached_bytes', 'roughly the size of those states', () => commands.stats().bytes)
  const { subscriptions: _, ...soFar } = log.stats()
  metrics.gauge('presence_log_subscriptions', 'subscriptions to the log', () => log.stats().subscriptions)
  for (const name of Object.keys(soFar) as Array<keyof typeof soFar>) {
    const words = name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
    metrics.counter(`presence_log_${words.replaceAll(' ', '_')}`, `${words} so far`, () => log.stats()[name])
  }
}
