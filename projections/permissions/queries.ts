/** Who was granted what. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { SpaceRef } from '../../domain/names.ts'
import { Permission } from '../../domain/space/events.ts'
import { iso, nullable, type Query, query } from '../query.ts'
import type { PermissionRow } from '../read-models.ts'

/** In the order of accounts, after `after`. */
export const permissionsOf = (space: SpaceRef, after: string | null, limit: number): Query<PermissionRow> =>
  query(
    sql.unsafe`SELECT user_account, permission, granted_by, reason, created_at FROM presence_permissions
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND user_account > ${after ?? ''}
      ORDER BY user_account LIMIT ${limit}`,
    t.type({
      user_account: t.string,
      permission: Permission,
      granted_by: t.string,
      reason: nullable(t.string),
      created_at: iso,
    }),
  )
