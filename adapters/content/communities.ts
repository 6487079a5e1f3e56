/** Hive's communities, kept in a table, so that a node's last answer is still known while none answers; lists are made from it. */
import type pg from 'pg'
import type { Clock } from '../../domain/ports.ts'
import type { Community } from '../hive/community.ts'
import type { Hive } from '../hive/hive.ts'
import { lastKnown } from './last-known.ts'

export type Communities = { readonly find: (name: string) => Promise<Community | null> }

export const createCommunities = (
  pool: pg.Pool,
  hive: Pick<Hive, 'community'>,
  clock: Clock,
): Communities => {
  const read = async (name: string): Promise<Community | null> => {
    const { rows } = await pool.query<Community>({
      text: 'SELECT title, owner, team FROM hive_communities WHERE name = $1',
      values: [name],
    })
    return rows[0] ?? null
  }
  const keep = async (name: string, found: Community | null): Promise<void> => {
    if (found === null) {
      await pool.query({
        text: 'DELETE FROM hive_communities WHERE name = $1',
        values: [name],
      })
      return
    }
    const { title, owner, team } = found
    await pool.query({
      text: `INSERT INTO hive_communities AS old (name, title, owner, team, seen_at) VALUES ($1, $2, $3, $4, to_timestamp($5))
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, owner = excluded.owner, team = excluded.team,
               seen_at = excluded.seen_at
             WHERE (old.title, old.owner, old.team) IS DISTINCT FROM (excluded.title, excluded.owner, excluded.team)`,
      values: [name, title, owner, JSON.stringify(team), clock.now() / 1_000],
    })
  }
  return lastKnown(clock, { ask: hive.community, keep, read })
}
