/** Who is banned or muted now: restrictions that have run out are not listed. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { iso, nullable, type Query, query } from '../query.ts'
import type { BanRow, MuteRow } from '../read-models.ts'

const props = { subject: t.string, reason: nullable(t.string), until: nullable(iso), created_at: iso }

/** In the order of subjects, after `after`. */
export const bansOf = (space: SpaceRef, after: string | null, limit: number): Query<BanRow> =>
  query(
    sql.unsafe`SELECT subject, banned_by, reason, until, created_at FROM presence_bans
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND subject > ${after ?? ''}
        AND (until IS NULL OR until > now())
      ORDER BY subject LIMIT ${limit}`,
    t.type({ ...props, banned_by: t.string }),
  )

export const mutesOf = (space: SpaceRef, after: string | null, limit: number): Query<MuteRow> =>
  query(
    sql.unsafe`SELECT subject, muted_by, reason, until, created_at FROM presence_mutes
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND subject > ${after ?? ''}
        AND (until IS NULL OR until > now())
      ORDER BY subject LIMIT ${limit}`,
    t.type({ ...props, muted_by: t.string }),
  )
