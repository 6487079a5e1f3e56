/** Queries of the audit log. */

import * as t from 'io-ts'
import { sql } from 'slonik'
import { CASE_COMMAND_NAMES } from '../../domain/cases/commands.ts'
import { CASES_PREFIX, type SpaceRef, streamName } from '../../domain/names.ts'
import type { Statement } from '../projection.ts'
import { bigint, count, decimal, iso, nullable, type Query, query } from '../query.ts'
import type { AuditFilters, AuditOrder, AuditRow } from '../read-models.ts'

/** Whose sessions these were, according to when they joined. Rows of `session_id` and `subject`. */
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

type Fragment = ReturnType<typeof sql.fragment>

/** The rows of a space, as its index has them: by the hash of the id. The rest is one condition of which the planner expects nothing: of
 *  three it expects that few rows are left, and so gathers and sorts all rows of the space rather than walk its index. */
export const ofSpace = ({ type, id }: SpaceRef): Fragment =>
  sql.fragment`hashtextextended(space_id, 0) = hashtextextended(${id}, 0)
    AND CASE WHEN space_id = ${id} THEN space_type = ${type} ELSE FALSE END`

/** A message's words as they are searched. Most words are of ASCII, which is folded ten times as fast. */
const SEARCHED_WORDS = sql.fragment`CASE WHEN octet_length(details ->> 'content') = length(details ->> 'content')
    THEN lower((details ->> 'content') COLLATE "C") ELSE presence_folded(details ->> 'content') END`

const filtersOf = (asked: Omit<AuditFilters, 'account'>): ReadonlyArray<Fragment> => {
  const { space, subspace, guest, target, action, refusal, from, to, text, correlation, upTo } = asked
  const { knownOnly, withoutCases } = asked
  return [
    ...(space === undefined ? [] : [ofSpace(space)]),
    ...(subspace === undefined ? [] : [sql.fragment`subspace = ${subspace}`]),
    ...(guest === undefined ? [] : [sql.fragment`(guest_id = ${guest} OR target = ${guest})`]),
    ...(target === undefined ? [] : [sql.fragment`target = ${target}`]),
    ...(action === undefined ? [] : [sql.fragment`action = ${action}`]),
    ...(refusal === undefined
      ? []
      : [sql.fragment`action = 'CommandRefused' AND details ->> 'reason' = ${refusal}`]),
    ...(from === undefined ? [] : [sql.fragment`created_at >= ${from.toISOString()}::timestamptz`]),
    ...(to === undefined ? [] : [sql.fragment`created_at <= ${to.toISOString()}::timestamptz`]),
    ...(text === undefined
      ? []
      : [
          sql.fragment`action IN ('MessagePosted', 'MessageEdited')
            AND strpos(${SEARCHED_WORDS}, presence_folded(${text})) > 0`,
        ]),
    ...(correlation === undefined
      ? []
      : [
          sql.fragment`hashtextextended(correlation_id, 0) = hashtextextended(${correlation}, 0)
            AND correlation_id = ${correlation}`,
        ]),
    ...(knownOnly !== true
      ? []
      : [
          sql.fragment`NOT (action = 'CommandRefused' AND details ->> 'reason' = 'space_not_found')`,
          // Only moderators see that a filter reported somebody, as with any report.
          sql.fragment`NOT (action = 'FilterActed' AND details ->> 'act' = 'report')`,
        ]),
    ...(withoutCases !== true ? [] : [WITHOUT_CASES]),
    ...(upTo === undefined ? [] : [sql.fragment`position <= ${String(upTo)}::int8`]),
  ]
}

/** Leaves out rows about reports, cases and appeals, including refusals. */
const WITHOUT_CASES = sql.fragment`NOT starts_with(stream, ${CASES_PREFIX})
  AND NOT (action = 'CommandRefused' AND details ->> 'command' = ANY(${sql.array([...CASE_COMMAND_NAMES], 'text')}))`

/** Spans up to this long are looked up by their time. */
const SHORT_MS = 24 * 60 * 60 * 1_000

/** When the log began and what time it is now, in milliseconds since the epoch. */
export type LogTimes = { readonly began: number; readonly now: number }

/** When the log began: `at` in milliseconds since the epoch, or no row. */
export const logBegan = (): Query<{ readonly at: number }> =>
  query(
    sql.unsafe`SELECT (extract(epoch FROM created_at) * 1000)::int8 AS at FROM presence_audit_log ORDER BY position LIMIT 1`,
    t.type({ at: count }),
  )

/** Whether what a span holds is found by the time: by position, everything newer (or older) than the span would be gone through. A
 *  long span is if more time lies there than in the span, so that at most the smaller of the two is gone through. */
const isByTime = ({ from, to }: AuditFilters, order: AuditOrder, { began, now }: LogTimes): boolean => {
  if (from === undefined || to === undefined) return false
  const beyond = order === 'newest' ? now - to.getTime() : from.getTime() - began
  return to.getTime() - from.getTime() <= Math.max(SHORT_MS, beyond)
}

/** Of rows that no index finds, so many are searched for a page. */
const SEARCHED = 20_000
/** Filters that an index serves, or that few rows are left of. */
const isFound = ({ account, guest, target, correlation }: AuditFilters): boolean =>
  [account, guest, target, correlation].some((filter) => filter !== undefined)

/** The last of the rows to search for a page, by position; none where there are fewer. Null if the page is found by an index. */
export const lastSearched = (
  asked: AuditFilters,
  order: AuditOrder,
  past: string | null,
  { times, searched = SEARCHED }: { readonly times: LogTimes; readonly searched?: number | undefined },
): Query<{ readonly position: string }> | null => {
  const { space, text, subspace, refusal } = asked
  if (text === undefined && subspace === undefined && refusal === undefined) return null
  if (isFound(asked) || isByTime(asked, order, times)) return null
  const newest = order === 'newest'
  const where = [
    ...(space === undefined ? [] : [ofSpace(space)]),
    ...(refusal === undefined ? [] : [sql.fragment`action = 'CommandRefused'`]),
    past === null ? sql.fragment`TRUE` : beyond(newest, past),
  ]
  return query(
    sql.unsafe`SELECT position FROM presence_audit_log WHERE ${sql.join(where, sql.fragment` AND `)}
      ORDER BY position ${newest ? sql.fragment`DESC` : sql.fragment`ASC`} OFFSET ${searched - 1} LIMIT 1`,
    t.type({ position: decimal }),
  )
}
const beyond = (newest: boolean, past: string): Fragment =>
  newest ? sql.fragment`position < ${past}::int8` : sql.fragment`position > ${past}::int8`

/** Which rows: after position `past` (exclusive), up to `last` (inclusive) if that is not null, in the order asked for. */
export type AuditSpan = {
  readonly order: AuditOrder
  readonly past: string | null
  readonly last?: string | null
  readonly times: LogTimes
}

export const auditLog = (
  { account, ...asked }: AuditFilters,
  { order, past, last = null, times }: AuditSpan,
  limit: number,
): Query<AuditRow> => {
  const newest = order === 'newest'
  const filters = [
    ...filtersOf(asked),
    ...(past === null ? [] : [beyond(newest, past)]),
    ...(last === null
      ? []
      : [newest ? sql.fragment`position >= ${last}::int8` : sql.fragment`position <= ${last}::int8`]),
  ]
  const way = newest ? sql.fragment`DESC` : sql.fragment`ASC`
  const first = (more: ReadonlyArray<Fragment>) => {
    const all = [...more, ...filters]
    const found = sql.fragment`SELECT position FROM presence_audit_log
      ${all.length === 0 ? sql.fragment`` : sql.fragment`WHERE ${sql.join(all, sql.fragment` AND `)}`}`
    // Found before they are put in order, so that no index is taken for its order.
    return isByTime(asked, order, times)
      ? sql.fragment`(WITH found AS MATERIALIZED (${found}) SELECT position FROM found ORDER BY position ${way} LIMIT ${limit})`
      : sql.fragment`(${found} ORDER BY position ${way} LIMIT ${limit})`
  }
  // Each of the three has an index of its own; an OR over them would scan the whole log.
  const positions =
    account === undefined
      ? first([])
      : sql.join(
          [
            first([sql.fragment`user_account = ${account}`]),
            first([sql.fragment`guest_id = ${account}`]),
            first([sql.fragment`target = ${account}`]),
          ],
          sql.fragment` UNION `,
        )
  return query(
    sql.unsafe`SELECT position, event_id, created_at, action, user_account, guest_id, target, space_type, space_id,
        subspace, details, ip_address, user_agent, command_id, correlation_id, causation_id, stream, revision,
        erased_by, hash, prev_hash
      FROM presence_audit_log WHERE position IN (${positions}) ORDER BY position ${way} LIMIT ${limit}`,
    listed as t.Type<AuditRow, AuditRow, unknown>,
  )
}

/** The last event of a space's rooms before a position, without the streams that are in the audit log only. */
export const positionBefore = (
  space: SpaceRef,
  position: bigint,
  types: ReadonlyArray<string> | null,
): Query<{ position: bigint | null }> =>
  query(
    sql.unsafe`SELECT max(position) AS position FROM presence_audit_log
      WHERE ${ofSpace(space)} AND position < ${String(position)}::int8
        AND stream IN (${sql.join(
          ROOM_STREAMS.map((kind) => sql.fragment`${streamName(kind, space)}`),
          sql.fragment`, `,
        )})
        ${types === null ? sql.fragment`` : sql.fragment`AND action = ANY(${sql.array([...types], 'text')})`}`,
    t.type({ position: nullable(bigint) }),
  )
const ROOM_STREAMS = ['space', 'chat', 'refusal'] as const
