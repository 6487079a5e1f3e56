/** What the audit log is asked. */

import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from '../projection.ts'
import { decimal, iso, nullable, type Query, query } from '../query.ts'
import type { AuditRequest, AuditRow } from '../read-models.ts'

/** Who these sessions were, by their joining. Answers `session_id` and `subject`. */
export const sessionSubjects = (sessions: ReadonlyArray<string>): Statement =>
  sql.unsafe`SELECT DISTINCT ON (session_id) session_id, subject FROM (
      SELECT details ->> 'sessionId' AS session_id, position, CASE
        WHEN jsonb_typeof(details -> 'account') = 'string' THEN details ->> 'account'
        WHEN jsonb_typeof(details -> 'guest') = 'string' THEN details ->> 'guest' END AS subject
      FROM presence_audit_log
      WHERE action = 'SessionJoined' AND details ->> 'sessionId' = ANY(${sql.array(sessions, 'text')})
    ) AS joined
    WHERE subject IS NOT NULL ORDER BY session_id, position DESC`

/** The end of the chain: `position` and `hash`, or no row. */
export const lastAudit = (): Statement =>
  sql.unsafe`SELECT position, hash FROM presence_audit_log ORDER BY position DESC LIMIT 1`

const listed = t.type({
  position: decimal,
  event_id: t.string,
  created_at: iso,
  action: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  target: nullable(t.string),
  space_type: t.string,
  space_id: t.string,
  subspace: nullable(t.string),
  details: t.unknown,
  ip_address: nullable(t.string),
  user_agent: nullable(t.string),
  command_id: t.string,
  correlation_id: t.string,
  causation_id: t.string,
  stream: t.string,
  revision: decimal,
  erased_by: nullable(t.string),
  hash: t.string,
  prev_hash: t.string,
})

/** Newest first, before position `before`. */
export const auditLog = (
  { space, account, action, from, to }: Omit<AuditRequest, 'limit' | 'cursor'>,
  before: string | null,
  limit: number,
): Query<AuditRow> => {
  const filters = [
    ...(space === undefined ? [] : [sql.fragment`space_type = ${space.type} AND space_id = ${space.id}`]),
    ...(action === undefined ? [] : [sql.fragment`action = ${action}`]),
    ...(from === undefined ? [] : [sql.fragment`created_at >= ${from.toISOString()}::timestamptz`]),
    ...(to === undefined ? [] : [sql.fragment`created_at <= ${to.toISOString()}::timestamptz`]),
    ...(before === null ? [] : [sql.fragment`position < ${before}::int8`]),
  ]
  const newest = (more: ReadonlyArray<ReturnType<typeof sql.fragment>>) => {
    const all = [...more, ...filters]
    return sql.fragment`(SELECT position FROM presence_audit_log
      ${all.length === 0 ? sql.fragment`` : sql.fragment`WHERE ${sql.join(all, sql.fragment` AND `)}`}
      ORDER BY position DESC LIMIT ${limit})`
  }
  // Each of the three has its index; an OR over them would walk the whole log.
  const positions =
    account === undefined
      ? newest([])
      : sql.join(
          [
            newest([sql.fragment`user_account = ${account}`]),
            newest([sql.fragment`guest_id = ${account}`]),
            newest([sql.fragment`target = ${account}`]),
          ],
          sql.fragment` UNION `,
        )
  return query(
    sql.unsafe`SELECT position, event_id, created_at, action, user_account, guest_id, target, space_type, space_id,
        subspace, details, ip_address, user_agent, command_id, correlation_id, causation_id, stream, revision,
        erased_by, hash, prev_hash
      FROM presence_audit_log WHERE position IN (${positions}) ORDER BY position DESC LIMIT ${limit}`,
    listed as t.Type<AuditRow, AuditRow, unknown>,
  )
}
