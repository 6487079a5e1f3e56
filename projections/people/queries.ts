/** Queries of what is held on one person. Only that person receives the answers. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { isGuest } from '../../domain/names.ts'
import { count, decimal, iso, nullable, type Query, query, spaceType } from '../query.ts'
import type { HeldKey, HeldRoom, LookRow } from './rows.ts'

/** How many of somebody's rows are counted at most, beginning with the latest. */
export const MOST_COUNTED = 100_000

/** The subject's rows of rooms, without refusals that would reveal a space that they may not know of. */
const theirs = (subject: string) => sql.fragment`
  ${isGuest(subject) ? sql.fragment`guest_id` : sql.fragment`user_account`} = ${subject}
  AND (starts_with(stream, 'space-') OR starts_with(stream, 'chat-') OR starts_with(stream, 'refusal-'))
  AND NOT (action = 'CommandRefused' AND details ->> 'reason' = 'space_not_found')`

export const roomsOf = (subject: string): Query<HeldRoom> =>
  query(
    sql.unsafe`SELECT space_type, space_id,
        count(*) FILTER (WHERE action = 'SessionJoined') AS sessions,
        count(*) FILTER (WHERE action = 'MessagePosted') AS messages,
        count(*) FILTER (WHERE action NOT IN ('SessionJoined', 'MessagePosted')) AS others,
        min(created_at) AS first_at, max(created_at) AS last_at
      FROM (SELECT space_type, space_id, action, created_at FROM presence_audit_log
        WHERE ${theirs(subject)} ORDER BY position DESC LIMIT ${MOST_COUNTED}) AS mine
      GROUP BY space_type, space_id ORDER BY max(created_at) DESC, space_type, space_id`,
    t.type({
      space_type: spaceType,
      space_id: t.string,
      sessions: count,
      messages: count,
      others: count,
      first_at: iso,
      last_at: iso,
    }),
  )

export const keysOf = (subject: string): Query<HeldKey> =>
  query(
    sql.unsafe`SELECT generation, created_at, erased_by, erased_at FROM privacy_keys
      WHERE subject = ${subject} ORDER BY generation`,
    t.type({
      generation: t.number,
      created_at: iso,
      erased_by: nullable(t.string),
      erased_at: nullable(iso),
    }),
  )

const COUNTS = {
  reports: count,
  receipts: count,
  appeals: count,
  permissions: count,
  motion_blocks: count,
}
export const countsOf = (subject: string): Query<{ [Name in keyof typeof COUNTS]: number }> =>
  query(
    sql.unsafe`SELECT
        (SELECT count(*) FROM presence_reports WHERE reporter = ${subject}) AS reports,
        (SELECT count(*) FROM presence_cases WHERE subject = ${subject} AND acts > 0) AS receipts,
        (SELECT count(*) FROM presence_cases WHERE subject = ${subject} AND acts > 0 AND appeal = 'made') AS appeals,
        (SELECT count(*) FROM presence_permissions WHERE user_account = ${subject}) AS permissions,
        (SELECT count(DISTINCT block) FROM motion_sections WHERE subject = ${subject} AND bytes IS NOT NULL) AS motion_blocks`,
    t.type(COUNTS),
  )

/** So many looks of anybody's are searched for a page. */
const SEARCHED = 20_000
const before = (past: string | null) =>
  past === null ? sql.fragment`` : sql.fragment`AND position < ${past}::int8`
/** The position of the last of the looks to search before `past`; none where there are fewer. */
export const lastOfLooks = (past: string | null): Query<{ position: string }> =>
  query(
    sql.unsafe`SELECT position FROM presence_audit_log WHERE action = 'AuditRead' ${before(past)}
      ORDER BY position DESC OFFSET ${SEARCHED - 1} LIMIT 1`,
    t.type({ position: decimal }),
  )

/** A look concerns somebody if it asked for them by name in a place where they had been, or if it asked for nobody by
 *  name in a place where they had been before it. Of any other place they may not learn that there is one. Looks at cases are left out: somebody who was reported learns nothing of it until a moderator acts. */
export const looksAt = (
  subject: string,
  past: string | null,
  floor: string | null,
  limit: number,
): Query<LookRow> =>
  query(
    sql.unsafe`WITH rooms AS MATERIALIZED (
        SELECT space_type, space_id, min(position) AS since FROM presence_audit_log
        WHERE ${theirs(subject)} GROUP BY space_type, space_id
      ), looks AS MATERIALIZED (
        SELECT position, created_at, COALESCE(user_account, guest_id) AS by, space_type, space_id, details ->> 'call' AS call,
          COALESCE(details -> 'filters', '{}') AS filters, COALESCE((details ->> 'times')::int8, 1) AS times
        FROM presence_audit_log WHERE action = 'AuditRead'
          ${before(past)} ${floor === null ? sql.fragment`` : sql.fragment`AND position >= ${floor}::int8`}
      ), named AS (
        SELECT *, ARRAY[filters ->> 'account', filters ->> 'guest', filters ->> 'target', filters ->> 'subject'] AS names FROM looks
      )
      SELECT position, created_at AS at, by, space_type, space_id, COALESCE(call, '') AS call,
        (${subject} = ANY(names)) IS TRUE AS by_name, times
      FROM named LEFT JOIN rooms USING (space_type, space_id) CROSS JOIN (SELECT min(since) AS first FROM rooms) AS anywhere
      WHERE by IS NOT NULL AND by <> ${subject} AND call IS DISTINCT FROM 'cases' AND ((${subject} = ANY(names) AND (space_id = '*' OR since IS NOT NULL))
        OR (array_remove(names, NULL) = '{}' AND CASE space_id WHEN '*' THEN first ELSE since END < position))
      ORDER BY position DESC LIMIT ${limit}`,
    t.type({
      position: decimal,
      at: iso,
      by: t.string,
      space_type: t.string,
      space_id: t.string,
      call: t.string,
      by_name: t.boolean,
      times: count,
    }),
  )
