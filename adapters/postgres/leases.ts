/** Leases in Postgres, by its clock: every change is one statement, so two takers never both succeed. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import { type DatabasePool, sql } from 'slonik'
import type { LeaseStore, LeasesUnavailable } from '../../domain/leases.ts'
import { unavailable } from './errors.ts'
import { rowsOf } from './query.ts'

const Renewed = t.type({ was_taken: t.boolean })
const Row = t.type({
  boot: t.string,
  node: t.string,
  idle_ms: t.number,
  taken_by: t.union([t.string, t.null]),
})
const Taken = t.type({ mine: t.boolean })

/** The caller ends the pool. */
export const createLeaseStore = (pool: DatabasePool): LeaseStore => {
  const asking =
    <T>(work: () => Promise<T>): TaskEither<LeasesUnavailable, T> =>
    async () => {
      try {
        return E.right(await work())
      } catch (error) {
        return E.left({ _tag: 'LeasesUnavailable', cause: unavailable(error).cause })
      }
    }

  return {
    renew: (boot, node) =>
      asking(async () => {
        const rows = await rowsOf(pool, {
          statement: sql.unsafe`
            WITH before AS (SELECT taken_by FROM presence_leases WHERE boot = ${boot})
            INSERT INTO presence_leases (boot, node, renewed_at) VALUES (${boot}, ${node}, now())
            ON CONFLICT (boot) DO UPDATE
              SET node = excluded.node, renewed_at = now(), taken_by = NULL, taken_at = NULL
            RETURNING EXISTS (SELECT 1 FROM before WHERE taken_by IS NOT NULL) AS was_taken`,
          row: Renewed,
        })
        return { wasTaken: rows[0]?.was_taken === true }
      }),

    all: () =>
      asking(async () => {
        const rows = await rowsOf(pool, {
          statement: sql.unsafe`
            SELECT boot, node, taken_by,
              (extract(epoch FROM now() - renewed_at) * 1000)::float8 AS idle_ms
            FROM presence_leases ORDER BY boot`,
          row: Row,
        })
        return rows.map((row) => ({
          boot: row.boot,
          node: row.node,
          idleMs: row.idle_ms,
          takenBy: row.taken_by,
        }))
      }),

    take: (boot, by, ttlMs) =>
      asking(async () => {
        const rows = await rowsOf(pool, {
          statement: sql.unsafe`
            INSERT INTO presence_leases AS lease (boot, node, renewed_at) VALUES (${boot}, '', now())
            ON CONFLICT (boot) DO UPDATE SET taken_by = ${by}, taken_at = now()
              WHERE lease.renewed_at < now() - ${ttlMs}::float8 * interval '1 millisecond'
                AND (lease.taken_by IS NULL OR lease.taken_by = ${by}
                  OR lease.taken_at < now() - ${ttlMs}::float8 * interval '1 millisecond')
            RETURNING coalesce(taken_by = ${by}, false) AS mine`,
          row: Taken,
        })
        return rows[0]?.mine === true
      }),

    release: (boot, by) =>
      asking(async () => {
        await pool.query(
          sql.unsafe`DELETE FROM presence_leases WHERE boot = ${boot} AND (boot = ${by} OR taken_by = ${by})`,
        )
      }),
  }
}
