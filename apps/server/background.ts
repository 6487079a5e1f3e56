/** What the server does beside answering: deliveries, erasures and lists of bans. It is loaded and begun once the server listens. */
import type { HttpDeps } from '../../adapters/http/deps.ts'
import type { Commands } from '../../domain/ports.ts'
import type { Config } from '../config/load.ts'
import { keepBanLists } from './ban-lists.ts'
import { deliverFor } from './deliveries.ts'
import { keepErasures } from './erasures.ts'
import type { Machines } from './machines.ts'
import type { PartMetrics } from './metrics.ts'

export type Background = {
  /** Whether this is the server that delivers. */
  readonly isDelivering: () => boolean
  readonly stop: () => Promise<void>
}

export const beginBackground = (
  http: HttpDeps,
  { log, readModels, content, outside }: Pick<Machines, 'log' | 'readModels' | 'content' | 'outside'>,
  { config, commands, metrics }: { config: Config; commands: Commands; metrics: PartMetrics },
): Background => {
  const { clock, ids, logger } = http
  const databaseUrl = config.database.url
  const { allowsLoopback } = config.webhooks
  const deliveries = deliverFor(http, { databaseUrl, allowsLoopback, metrics })
  const erasures = keepErasures({
    ...{ outside, log, readModels, clock, ids, logger, databaseUrl },
    masterKey: config.privacy.masterKey,
    nodeId: config.nodeId,
  })
  erasures.start()
  const banLists = keepBanLists(
    { commands, models: readModels, content, clock, ids },
    { databaseUrl, logger },
  )
  return {
    isDelivering: deliveries.isLeading,
    stop: async () => {
      await Promise.all([deliveries.stop(), erasures.stop(), banLists.stop()])
    },
  }
}
