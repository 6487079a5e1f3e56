/** What is known of deliveries to subscribed addresses before any is made: the key of their secrets, and what is measured. */
import type { KeyObject } from 'node:crypto'
import { macKey } from '../../adapters/auth/tokens.ts'
import type { Outside } from '../../adapters/outside/registry.ts'
import type { MetricsRegistry } from './metrics.ts'

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
