/** Deliveries to subscribed addresses, which this server makes while it is the one that delivers. */
import type { KeyObject } from 'node:crypto'
import { macKey } from '../../adapters/auth/tokens.ts'
import { spaceFrom } from '../../adapters/http/codecs.ts'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import { HttpError } from '../../adapters/http/errors.ts'
import { mayFollow, positionBefore } from '../../adapters/http/routes/feed.ts'
import type { Deliveries } from '../../adapters/outside/deliver/deliveries.ts'
import { DAY, type Pace } from '../../adapters/outside/deliver/pump.ts'
import { startDeliveries } from '../../adapters/outside/deliver/start.ts'
import type { Outside } from '../../adapters/outside/registry.ts'
import type { MetricsRegistry, PartMetrics } from './metrics.ts'

/** Derived from the only secret that is never changed. */
export const webhookKeyOf = (masterKey: string): KeyObject => macKey(masterKey, 'webhook secrets')

export const measureDeliveries = (
  metrics: MetricsRegistry,
  outside: Pick<Outside, 'state'>,
  isLeading: () => boolean,
): void => {
  const all = () => [...(outside.state()?.subscriptions.values() ?? [])]
  metrics.gauge('presence_subscriptions', 'addresses that are told of what happens', () => all().length)
  metrics.gauge(
    'presence_subscriptions_parked',
    'addresses that took nothing for a day, and are told no more until they are replayed',
    () => all().filter(({ parked }) => parked !== null).length,
  )
  metrics.gauge('presence_deliveries_leading', '1 on the process that delivers', () => (isLeading() ? 1 : 0))
}

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
