/** How far each subscription has been delivered, kept durably, on the connection of whoever delivers. */
import type { QueryConfig, QueryResult } from 'pg'
import type { Subscription } from '../../../domain/outside/state.ts'

export type Queries = { readonly query: (query: QueryConfig) => Promise<QueryResult> }

export type DeliveryProgress = {
  /** Everything up to here was accepted; null before the first. */
  readonly position: bigint | null
  readonly delivered: number
  /** Since when the next event has been refused; milliseconds since the epoch. */
  readonly failingSince: number | null
  readonly failures: number
  readonly lastError: string | null
  readonly deliveredAt: number | null
  readonly failedAt: number | null
}
const NO_PROGRESS: DeliveryProgress = {
  position: null,
  delivered: 0,
  failingSince: null,
  failures: 0,
  lastError: null,
  deliveredAt: null,
  failedAt: null,
}

export const readProgress = async (
  client: Queries,
  { id, start }: Subscription,
): Promise<DeliveryProgress> => {
  const { rows } = await client.query({
    text: `SELECT position::text, delivered::int4, failures::int4, last_error, extract(epoch FROM failing_since)::float8 * 1000 AS since
       FROM subscription_positions WHERE subscription = $1 AND start = $2`,
    values: [id, start],
  })
  const [row] = rows
  if (row === undefined) return NO_PROGRESS
  const { position, delivered, failures, last_error: lastError, since } = row
  return {
    ...NO_PROGRESS,
    position: position === null ? null : BigInt(position),
    delivered,
    failures,
    lastError,
    failingSince: since,
  }
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1_000)

/** The position never goes back, except with a new start. */
export const writeProgress = async (
  client: Queries,
  { id, start }: Subscription,
  progress: DeliveryProgress,
): Promise<void> => {
  const { position, delivered, failingSince, failures, lastError, deliveredAt, failedAt } = progress
  await client.query({
    name: 'subscription_progress',
    text: `INSERT INTO subscription_positions AS known
        (subscription, start, position, delivered, failing_since, failures, last_error, delivered_at, failed_at)
      VALUES ($1, $2, $3, $4, to_timestamp($5), $6, $7, to_timestamp($8), to_timestamp($9))
      ON CONFLICT (subscription) DO UPDATE SET start = excluded.start, position = excluded.position,
        delivered = excluded.delivered, failing_since = excluded.failing_since, failures = excluded.failures,
        last_error = excluded.last_error, delivered_at = coalesce(excluded.delivered_at, known.delivered_at),
        failed_at = coalesce(excluded.failed_at, known.failed_at)
      WHERE excluded.start > known.start
        OR (excluded.start = known.start AND coalesce(excluded.position, -1) >= coalesce(known.position, -1))`,
    values: [
      id,
      start,
      position === null ? null : String(position),
      delivered,
      seconds(failingSince),
      failures,
      lastError,
      seconds(deliveredAt),
      seconds(failedAt),
    ],
  })
}

/** Writes the newest value that it was given, one at a time. */
export const createSaver = (
  write: (progress: DeliveryProgress) => Promise<void>,
  onFailed: (error: unknown) => void,
) => {
  let next: DeliveryProgress | null = null
  let writing: Promise<void> | null = null
  const run = async (): Promise<void> => {
    while (next !== null) {
      const now = next
      next = null
      await write(now)
    }
  }
  return {
    save: (progress: DeliveryProgress): void => {
      next = progress
      writing ??= run()
        .catch(onFailed)
        .finally(() => {
          writing = null
        })
    },
    saved: async (): Promise<void> => {
      await writing
    },
  }
}
