/** How much happened in a room, and when: counts by span of time and by type, for an axis of any length. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { CASE_EVENTS } from '../../domain/cases/events.ts'
import type { SpaceRef } from '../../domain/names.ts'
import { count, nullable, type Query, query } from '../query.ts'

/** What happened in the room: not looks at the audit log, nor what moderators do about cases. */
const HAPPENED = sql.fragment`action <> 'AuditRead' AND action <> ALL(${sql.array(Object.keys(CASE_EVENTS), 'text')})`

type Span = { readonly first: number | null; readonly last: number | null }

/** The times of a room's first and last event, in ms since the epoch, without looks at the audit log. */
export const auditSpan = ({ type, id }: SpaceRef): Query<Span> =>
  query(
    sql.unsafe`SELECT min(created_at) AS first, max(created_at) AS last FROM presence_audit_log
      WHERE space_type = ${type} AND space_id = ${id} AND ${HAPPENED}`,
    t.type({ first: nullable(t.number), last: nullable(t.number) }),
  )

type Counted = { readonly bucket: number; readonly action: string; readonly events: number }

/** Spans of `width_ms` from `first` to `last` inclusive: a row for each span and type that has any event. */
export const auditCounts = (
  { type, id }: SpaceRef,
  { first, last, width_ms }: { readonly first: number; readonly last: number; readonly width_ms: number },
): Query<Counted> => {
  const from = new Date(first).toISOString()
  return query(
    sql.unsafe`SELECT floor(extract(epoch FROM created_at - ${from}::timestamptz) * 1000 / ${width_ms}::int8)::int4 AS bucket,
        action, count(*)::int4 AS events
      FROM presence_audit_log
      WHERE space_type = ${type} AND space_id = ${id} AND ${HAPPENED}
        AND created_at >= ${from}::timestamptz AND created_at <= ${new Date(last).toISOString()}::timestamptz
      GROUP BY 1, 2 ORDER BY 1, 2`,
    t.type({ bucket: count, action: t.string, events: count }),
  )
}
