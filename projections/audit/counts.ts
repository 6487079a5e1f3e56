/** How much happened in a room, and when: counts by span of time and by type, for an axis of any length. Whole stretches of a
 *  room's record were counted before; of its events only those are read that a span's edge divides, and the newest ones. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { CASE_EVENTS } from '../../domain/cases/events.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { Statement } from '../projection.ts'
import { count, nullable, type Query, query } from '../query.ts'

/** What happened in the room: not looks at the audit log, nor what moderators do about cases. */
const HAPPENED = sql.fragment`action <> 'AuditRead' AND action <> ALL(${sql.array(Object.keys(CASE_EVENTS), 'text')})`

/** A stretch is so many rows of a room's record, looks among them: a span's edge divides one of them, and there are a few
 *  hundred edges. */
export const BLOCK = 128
/** So many stretches are counted by one statement. */
const AT_ONCE = 200

const inSpace = ({ type, id }: SpaceRef) => sql.fragment`space_type = ${type} AND space_id = ${id}`

/** The rows of a space, for a condition on positions beside it. It has an index by space and time too, by which the planner reads
 *  the whole room where it knows little of the table, as after a large room was written; so no condition fits that index. */
const placedIn = ({
  type,
  id,
}: SpaceRef) => sql.fragment`hashtextextended(space_id, 0) = hashtextextended(${id}, 0)
  AND space_id || '' = ${id} AND space_type || '' = ${type}`

/** Where the counted stretches end: a position, or -1. */
const counted = (space: SpaceRef) => sql.fragment`COALESCE((SELECT last_position FROM presence_audit_blocks
  WHERE ${inSpace(space)} ORDER BY first_position DESC LIMIT 1), -1)`

/** Counts the next whole stretches of a room; `more` if there may be still more. Whoever does it, and however often, it is the
 *  same. */
export const countBlocks = (space: SpaceRef): Query<{ readonly more: boolean }> =>
  query(
    sql.unsafe`WITH events AS (
        SELECT position, created_at, action, ${HAPPENED} AS has_happened,
          (row_number() OVER (ORDER BY position) - 1) / ${BLOCK}::int8 AS block
        FROM (SELECT position, created_at, action FROM presence_audit_log
          WHERE ${placedIn(space)} AND position > ${counted(space)}
          ORDER BY position LIMIT ${BLOCK * AT_ONCE}) AS next
      ), types AS (
        SELECT block, action, has_happened, count(*) AS events, min(position) AS first_position,
          max(position) AS last_position, min(created_at) AS first_at, max(created_at) AS last_at
        FROM events GROUP BY block, action, has_happened
      ), added AS (
        INSERT INTO presence_audit_blocks
        SELECT ${space.type}, ${space.id}, min(first_position), max(last_position),
          COALESCE(min(first_at) FILTER (WHERE has_happened), min(first_at)),
          COALESCE(max(last_at) FILTER (WHERE has_happened), max(last_at)),
          COALESCE(jsonb_object_agg(action, events) FILTER (WHERE has_happened), '{}')
        FROM types GROUP BY block HAVING sum(events) = ${BLOCK}
        ON CONFLICT DO NOTHING RETURNING 1
      )
      SELECT (SELECT count(*) FROM added) = ${AT_ONCE} AS more`,
    t.type({ more: t.boolean }),
  )

/** Forgets what was counted: to be run with whatever removes rows of the audit log. Nobody counts until it is committed. */
export const forgetBlocks = (): ReadonlyArray<Statement> => [
  sql.unsafe`LOCK TABLE public.presence_audit_blocks IN SHARE ROW EXCLUSIVE MODE`,
  sql.unsafe`DELETE FROM public.presence_audit_blocks`,
]

type Span = { readonly first: number | null; readonly last: number | null }

/** The times of a room's first and last event, in ms since the epoch, without looks at the audit log. */
export const auditSpan = (space: SpaceRef): Query<Span> =>
  query(
    sql.unsafe`SELECT min(first_at) AS first, max(last_at) AS last FROM (
        SELECT first_at, last_at FROM presence_audit_blocks WHERE ${inSpace(space)} AND counts <> '{}'
        UNION ALL
        SELECT created_at, created_at FROM presence_audit_log
          WHERE ${placedIn(space)} AND ${HAPPENED} AND position > ${counted(space)}
      ) AS all_of_it`,
    t.type({ first: nullable(t.number), last: nullable(t.number) }),
  )

type Counted = { readonly bucket: number; readonly action: string; readonly events: number }

/** Spans of `width_ms` from `first` to `last` inclusive: a row for each span and type that has any event. */
export const auditCounts = (
  space: SpaceRef,
  { first, last, width_ms }: { readonly first: number; readonly last: number; readonly width_ms: number },
): Query<Counted> => {
  const from = sql.fragment`${new Date(first).toISOString()}::timestamptz`
  const to = sql.fragment`${new Date(last).toISOString()}::timestamptz`
  const bucket = (column: string) =>
    sql.fragment`round(date_part('epoch', ${sql.identifier([column])} - ${from}) * 1000)::int8 / ${width_ms}::int8`
  return query(
    sql.unsafe`WITH blocks AS MATERIALIZED (
        SELECT *, ${bucket('first_at')} AS bucket,
          first_at >= ${from} AND last_at <= ${to} AND ${bucket('first_at')} = ${bucket('last_at')} AS is_whole
        FROM presence_audit_blocks
        WHERE ${inSpace(space)} AND last_at >= ${from} AND first_at <= ${to} AND counts <> '{}'
      ), found AS (
        SELECT bucket, action, events::int8 AS events FROM blocks, jsonb_each_text(counts) AS c (action, events) WHERE is_whole
        UNION ALL
        SELECT ${bucket('created_at')}, action, 1 FROM blocks, LATERAL (
          SELECT created_at, action FROM presence_audit_log
          WHERE ${placedIn(space)} AND ${HAPPENED} AND position BETWEEN first_position AND last_position
          -- Times are looked at outside, so that no index of times is taken.
          OFFSET 0) AS divided
        WHERE NOT is_whole AND created_at >= ${from} AND created_at <= ${to}
        UNION ALL
        SELECT ${bucket('created_at')}, action, 1 FROM (
          SELECT created_at, action FROM presence_audit_log
          WHERE ${placedIn(space)} AND ${HAPPENED} AND position > ${counted(space)} OFFSET 0) AS newest
        WHERE created_at >= ${from} AND created_at <= ${to}
      )
      SELECT bucket::int4 AS bucket, action COLLATE "C" AS action, sum(events)::int4 AS events
      FROM found GROUP BY 1, 2 ORDER BY 1, 2`,
    t.type({ bucket: count, action: t.string, events: count }),
  )
}
