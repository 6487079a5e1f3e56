/** How far each subscription has been delivered. The deliverer writes it; it is not derived from events. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { count, decimal, iso, nullable, type Query, query } from '../query.ts'
import type { DeliveryRow } from '../read-models.ts'

export const deliveriesOf = (subscriptions: ReadonlyArray<string>): Query<DeliveryRow> =>
  query(
    sql.unsafe`SELECT subscription, start, position, delivered, failures, failing_since, last_error, delivered_at, failed_at
      FROM subscription_positions WHERE subscription = ANY(${sql.array([...subscriptions], 'text')})`,
    t.type({
      subscription: t.string,
      start: t.number,
      position: nullable(decimal),
      delivered: count,
      failures: count,
      failing_since: nullable(iso),
      last_error: nullable(t.string),
      delivered_at: nullable(iso),
      failed_at: nullable(iso),
    }),
  )
