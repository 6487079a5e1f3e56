/** How far the tables are, guarded by an epoch: a writer that does not know both position and epoch changes nothing. */

import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from './projection.ts'
import { bigint, iso, nullable, type Query, query } from './query.ts'

/** The one checkpoint of all tables: they move together. */
export const CHECKPOINT = 'tables'
/** Notified with the position when a batch is committed. */
export const ADVANCED = 'projection_advanced'

const text = (position: bigint | null): string | null => (position === null ? null : String(position))

/** Takes the lead by beginning a new epoch. Returns `position` and `epoch`. */
export const takeLead = (): Statement =>
  sql.unsafe`INSERT INTO projection_checkpoints AS t (name, position, epoch) VALUES (${CHECKPOINT}, NULL, 1)
    ON CONFLICT (name) DO UPDATE SET epoch = t.epoch + 1, updated_at = now()
    RETURNING position, epoch`

/** Advances from exactly this position in exactly this epoch, and notifies those who wait. Returns which `backend` of
 *  Postgres did so. No row means that somebody else leads. */
export const advance = (from: bigint | null, to: bigint | null, epoch: bigint): Statement =>
  sql.unsafe`WITH moved AS (
      UPDATE projection_checkpoints SET position = ${text(to)}::int8, updated_at = now()
      WHERE name = ${CHECKPOINT} AND epoch = ${String(epoch)}::int8
        AND position IS NOT DISTINCT FROM ${text(from)}::int8
      RETURNING position
    ) SELECT pg_notify(${ADVANCED}, coalesce(position, 0)::text), pg_backend_pid() AS backend FROM moved`

/** Keeps every writer out until the transaction ends. Returns `position` and `epoch`, or no row. */
export const holdCheckpoint = (): Statement =>
  sql.unsafe`SELECT position, epoch FROM projection_checkpoints WHERE name = ${CHECKPOINT} FOR UPDATE`

/** Sets the position whatever it was, in a new epoch, so that the writer in charge starts over from here. */
export const putCheckpoint = (position: bigint | null): Statement =>
  sql.unsafe`INSERT INTO projection_checkpoints AS t (name, position, epoch)
    VALUES (${CHECKPOINT}, ${text(position)}::int8, 1)
    ON CONFLICT (name) DO UPDATE SET position = excluded.position, epoch = t.epoch + 1, updated_at = now()`

/** There is no row before the first projector has led. */
export const readCheckpoint = (): Query<{
  readonly position: bigint | null
  readonly epoch: bigint
  readonly at: string | null
}> =>
  query(
    sql.unsafe`SELECT position, epoch, updated_at AS at FROM projection_checkpoints WHERE name = ${CHECKPOINT}`,
    t.type({ position: nullable(bigint), epoch: bigint, at: nullable(iso) }),
  )
