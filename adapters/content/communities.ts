/** Hive's communities, kept in a table, so that what a node said stays known while none answers; lists are made from it. */
import * as E from 'fp-ts/lib/Either.js'
import type pg from 'pg'
import type { Clock } from '../../domain/ports.ts'
import type { Community } from '../hive/community.ts'
import type { Hive } from '../hive/hive.ts'

/** No node of Hive can be asked, and nothing is known of it. */
export class HiveSilent extends Error {
  override readonly name = 'HiveSilent'
}

/** How many new names a minute are asked of Hive, so that made-up names can't cost it more. */
const PER_MINUTE = 300

export type Communities = { readonly find: (name: string) => Promise<Community | null> }

export const createCommunities = (
  pool: pg.Pool,
  hive: Pick<Hive, 'community'>,
  clock: Clock,
): Communities => {
  let minute = 0
  let asked = 0
  const mayAsk = (): boolean => {
    const now = Math.floor(clock.now() / 60_000)
    if (now !== minute) asked = 0
    minute = now
    asked += 1
    return asked <= PER_MINUTE
  }
  const held = async (name: string): Promise<Community | null> => {
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
  return {
    find: async (name) => {
      const answer = mayAsk() ? await hive.community(name)() : null
      if (answer !== null && E.isRight(answer)) {
        await keep(name, answer.right)
        return answer.right
      }
      const known = await held(name)
      if (known === null) throw new HiveSilent(answer === null ? 'too many were asked for' : answer.left._tag)
      return known
    },
  }
}
