/** Deliveries to subscribed addresses, which this server makes while it is the one that delivers. */
import { spaceFrom } from '../../adapters/http/codecs.ts'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import { HttpError } from '../../adapters/http/errors.ts'
import { mayFollow, positionBefore } from '../../adapters/http/routes/feed.ts'
import type { Deliveries } from '../../adapters/outside/deliver/deliveries.ts'
import { DAY, type Pace } from '../../adapters/outside/deliver/pump.ts'
import { startDeliveries } from '../../adapters/outside/deliver/start.ts'
import type { PartMetrics } from './metrics.ts'

export const deliverFor = (
  deps: HttpDeps,
  options: {
    readonly databaseUrl: string
    readonly allowsLoopback: boolean
    readonly metrics: PartMetrics
    readonly pace?: Pace
  },
): Deliveries => {
  const { outside, feedLog, proofs, webhookKey, clock, ids, logger } = deps
  return startDeliveries({
    databaseUrl: options.databaseUrl,
    outside: outside!,
    clock,
    ids,
    nodeId: deps.config.nodeId,
    pace: options.pace ?? DAY,
    logger,
    count: options.metrics.count,
    log: feedLog!,
    before: positionBefore(deps),
    archivedAfter: async (after) => (await deps.archivedAfter?.(after)) ?? null,
    proofs: proofs!,
    key: webhookKey!,
    target: { allowsLoopback: options.allowsLoopback },
    spaceFrom,
    mayFollow: async (space, caller) => {
      try {
        await mayFollow(deps, space, caller)
        return 'yes'
      } catch (error) {
        // If it can't be determined, it is asked again.
        return error instanceof HttpError && error.told.status < 500 ? 'no' : 'unknown'
      }
    },
  })
}
