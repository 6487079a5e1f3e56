/** Hive posts that no content table has, kept in a table of their own, so that a node's last answer is still known
 *  while none answers; the list of rooms is made from it. */
import type pg from 'pg'
import type { Clock } from '../../domain/ports.ts'
import type { Hive } from '../hive/hive.ts'
import type { HivePost } from '../hive/post.ts'
import { lastKnown } from './last-known.ts'

/** How many are kept; beyond that, those not asked for longest are removed, unless they have a room. */
const MAX_HELD = 20_000
const LOOK_EVERY = 200

export type HivePosts = { readonly find: (id: string) => Promise<HivePost | null> }

export const createHivePosts = (
  pool: pg.Pool,
  hive: Required<Pick<Hive, 'post'>>,
  clock: Clock,
): HivePosts => {
  let kept = 0
  const read = async (id: string): Promise<HivePost | null> => {
    const { rows } = await pool.query<HivePost>({
      text: 'SELECT title, shown, created_at::text AS "createdAt" FROM hive_posts WHERE id = $1',
      values: [id],
    })
    return rows[0] ?? null
  }
  const keep = async (id: string, found: HivePost | null): Promise<void> => {
    if (found === null) {
      await pool.query({ text: 'DELETE FROM hive_posts WHERE id = $1', values: [id] })
      return
    }
    await pool.query({
      text: `INSERT INTO hive_posts AS old (id, title, shown, created_at, seen_at) VALUES ($1, $2, $3, $4, to_timestamp($5))
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, shown = excluded.shown, seen_at = excluded.seen_at
             WHERE (old.title, old.shown) IS DISTINCT FROM (excluded.title, excluded.shown)
               OR old.seen_at < excluded.seen_at - interval '1 hour'`,
      values: [id, found.title, found.shown, found.createdAt, clock.now() / 1_000],
    })
    kept += 1
    if (kept % LOOK_EVERY === 0)
      await pool.query({
        text: `DELETE FROM hive_posts WHERE id IN (
                 SELECT id FROM hive_posts h WHERE NOT EXISTS (
                   SELECT FROM presence_spaces o WHERE o.space_type = 'post' AND o.space_id = h.id)
                 ORDER BY seen_at DESC OFFSET $1)`,
        values: [MAX_HELD],
      })
  }
  return lastKnown(clock, { ask: hive.post, keep, read })
}
