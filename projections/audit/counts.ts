/** How much happened in a room, and when: counts by span of time and by type, for an axis of any length. Stretches of a room's
 *  record were counted before, at growing widths. A span is put together from the widest that fit into it, so its cost depends
 *  on how many spans are asked for and not on the room's age; of events only those are read that a span's edge divides, and the
 *  newest ones. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { CASE_EVENTS } from '../../domain/cases/events.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { Statement } from '../projection.ts'
import { count, nullable, type Query, query } from '../query.ts'
import { ofSpace } from './queries.ts'

/** What happened in the room: not looks at the audit log, nor what moderators do about cases. */
const HAPPENED = sql.fragment`action <> 'AuditRead' AND action <> ALL(${sql.array(Object.keys(CASE_EVENTS), 'text')})`

/** A stretch is so many rows of a room's record, looks among them: a span's edge divides one of them, and there are a few
 *  hundred edges. */
export const BLOCK = 128
/** So many stretches are counted by one statement. */
const AT_ONCE = 200
/** A stretch of the next level is so many of the level below; level 0 are those of single events. */
export const WIDER = 16
/** The widest stretches are of 134 million events. */
const WIDEST = 5

const inSpace = ({ type, id }: SpaceRef) => sql.fragment`space_type = ${type} AND space_id = ${id}`

type Fragment = ReturnType<typeof sql.fragment>

/** Beyond a position that is only known when the statement runs. The second bound says nothing: by the first alone the planner
 *  expects a third of all rows, and reads the whole table. */
const beyond = (column: Fragment, position: Fragment): Fragment =>
  sql.fragment`${column} > ${position} AND ${column} <= (SELECT 9223372036854775807)`

/** Where the counted stretches end: a position, or -1. */
const counted = (space: SpaceRef) => sql.fragment`COALESCE((SELECT last_position FROM presence_audit_blocks
  WHERE ${inSpace(space)} ORDER BY first_position DESC LIMIT 1), -1)`

const newest = (space: SpaceRef): Fragment =>
  sql.fragment`${ofSpace(space)} AND ${beyond(sql.fragment`position`, counted(space))}`

/** Those of a level that no stretch of the next level holds. */
const notWidened = (space: SpaceRef, wider: Fragment): Fragment =>
  beyond(
    sql.fragment`first_position`,
    sql.fragment`COALESCE((SELECT last_position FROM presence_audit_wide_blocks
      WHERE ${inSpace(space)} AND level = ${wider} ORDER BY first_position DESC LIMIT 1), -1)`,
  )

/** Counts the next whole stretches of a room; `more` if there may be still more. Whoever does it, and however often, it is the
 *  same. */
export const countBlocks = (space: SpaceRef): Query<{ readonly more: boolean }> =>
  query(
    sql.unsafe`WITH events AS (
        SELECT position, created_at, action, ${HAPPENED} AS has_happened,
          (row_number() OVER (ORDER BY position) - 1) / ${BLOCK}::int8 AS block
        FROM (SELECT position, created_at, action FROM presence_audit_log
          WHERE ${newest(space)}
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

/** The counted stretches of a level, as both tables have them. */
const stretches = (level: Fragment, space: SpaceRef, where: Fragment) =>
  sql.fragment`SELECT 0 AS level, first_position, last_position, first_at, last_at, counts FROM presence_audit_blocks
      WHERE ${level} = 0 AND ${inSpace(space)} AND ${where}
    UNION ALL
    SELECT level::int4, first_position, last_position, first_at, last_at, counts FROM presence_audit_wide_blocks
      WHERE level = ${level} AND ${inSpace(space)} AND ${where}`

/** Counts the stretches of one level that the level below completes; `added`: how many. Whoever does it, and however often, it is
 *  the same. */
export const widenBlocks = (space: SpaceRef, level: number): Query<{ readonly added: number }> =>
  query(
    sql.unsafe`WITH below AS MATERIALIZED (
        SELECT *, (row_number() OVER (ORDER BY first_position) - 1) / ${WIDER}::int8 AS wide FROM (
          ${stretches(sql.fragment`${level - 1}`, space, notWidened(space, sql.fragment`${level}`))} ORDER BY first_position LIMIT ${WIDER * AT_ONCE}
        ) AS next
      ), sums AS (
        SELECT wide, jsonb_object_agg(action, events) AS counts FROM (
          SELECT wide, action, sum(events::int8) AS events FROM below, jsonb_each_text(counts) AS c (action, events)
          GROUP BY wide, action
        ) AS of_types GROUP BY wide
      ), added AS (
        INSERT INTO presence_audit_wide_blocks
        SELECT ${space.type}, ${space.id}, ${level}, min(first_position), max(last_position),
          COALESCE(min(first_at) FILTER (WHERE below.counts <> '{}'), min(first_at)),
          COALESCE(max(last_at) FILTER (WHERE below.counts <> '{}'), max(last_at)),
          COALESCE((SELECT sums.counts FROM sums WHERE sums.wide = below.wide), '{}')
        FROM below GROUP BY wide HAVING count(*) = ${WIDER}
        ON CONFLICT DO NOTHING RETURNING 1
      )
      SELECT count(*)::int4 AS added FROM added`,
    t.type({ added: count }),
  )

/** Counts what can be counted of a room. `ask` runs a query; it may end the work by answering null. */
export const countRoom = async (
  space: SpaceRef,
  ask: <Row>(asked: Query<Row>) => Promise<Row | null | undefined>,
): Promise<void> => {
  while ((await ask(countBlocks(space)))?.more === true);
  for (let level = 1, all = 1; level <= WIDEST && all > 0; level += 1) {
    all = 0
    for (let added = AT_ONCE; added === AT_ONCE; all += added)
      added = (await ask(widenBlocks(space, level)))?.added ?? 0
  }
}

/** Forgets what was counted: to be run with whatever removes rows of the audit log. Nobody counts until it is committed. The
 *  wider stretches go with those that they begin with. */
export const forgetBlocks = (): ReadonlyArray<Statement> => [
  sql.unsafe`LOCK TABLE public.presence_audit_wide_blocks, public.presence_audit_blocks IN SHARE ROW EXCLUSIVE MODE`,
  sql.unsafe`DELETE FROM public.presence_audit_blocks`,
]

type Span = { readonly first: number | null; readonly last: number | null }

/** The stretches that together are all that was counted of a room, each as wide as there is: at most a few of each level. */
const widest = (
  space: SpaceRef,
) => sql.fragment`SELECT whole.* FROM generate_series(0, ${WIDEST}) AS at (level), LATERAL (
    ${stretches(sql.fragment`at.level`, space, notWidened(space, sql.fragment`at.level + 1`))}) AS whole`

/** The times of a room's first and last event, in ms since the epoch, without looks at the audit log. */
export const auditSpan = (space: SpaceRef): Query<Span> =>
  query(
    sql.unsafe`SELECT min(first_at) AS first, max(last_at) AS last FROM (
        SELECT first_at, last_at FROM (${widest(space)}) AS stretches WHERE counts <> '{}'
        UNION ALL
        SELECT created_at, created_at FROM presence_audit_log
          WHERE ${newest(space)} AND ${HAPPENED}
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
  // A stretch is whole if no edge divides it. Those outside, and those of nothing but looks, are left out.
  const fitted = (some: Fragment) => sql.fragment`SELECT *,
      first_at >= ${from} AND last_at <= ${to} AND ${bucket('first_at')} = ${bucket('last_at')} AS is_whole
    FROM (${some}) AS stretch WHERE last_at >= ${from} AND first_at <= ${to} AND counts <> '{}'`
  // Without the limit the planner expects millions of stretches, and takes workers for them.
  const parts = sql.fragment`${stretches(
    sql.fragment`wide.level - 1`,
    space,
    sql.fragment`first_position BETWEEN wide.first_position AND wide.last_position`,
  )} LIMIT ${WIDER}`
  return query(
    sql.unsafe`WITH RECURSIVE fitting AS (
        ${fitted(widest(space))}
        UNION ALL
        SELECT part.* FROM fitting AS wide, LATERAL (${fitted(parts)}) AS part WHERE wide.level > 0 AND NOT wide.is_whole
      ), found AS (
        SELECT ${bucket('first_at')} AS bucket, action, events::int8 AS events
        FROM fitting, jsonb_each_text(counts) AS c (action, events) WHERE is_whole
        UNION ALL
        SELECT ${bucket('created_at')}, action, 1 FROM fitting, LATERAL (
          SELECT created_at, action FROM presence_audit_log
          WHERE ${ofSpace(space)} AND ${HAPPENED} AND position BETWEEN first_position AND last_position
          -- Times are looked at outside, so that no index of times is taken.
          OFFSET 0) AS divided
        WHERE level = 0 AND NOT is_whole AND created_at >= ${from} AND created_at <= ${to}
        UNION ALL
        SELECT ${bucket('created_at')}, action, 1 FROM (
          SELECT created_at, action FROM presence_audit_log
          WHERE ${newest(space)} AND ${HAPPENED} OFFSET 0) AS newest
        WHERE created_at >= ${from} AND created_at <= ${to}
      )
      SELECT bucket::int4 AS bucket, action COLLATE "C" AS action, sum(events)::int4 AS events
      FROM found GROUP BY 1, 2 ORDER BY 1, 2`,
    t.type({ bucket: count, action: t.string, events: count }),
  )
}
