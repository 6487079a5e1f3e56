/** Queries of cases. Whoever asks decides who may see the answers. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import { ofSpace } from '../audit/queries.ts'
import { bigint, count, decimal, iso, nullable, type Query, query, spaceType } from '../query.ts'
import type { CaseList } from './lists.ts'
import type { AccountedRow, CaseRow, CaseStep, ReceiptRow, ReportRow } from './rows.ts'

const row = {
  case_id: t.string,
  subject: t.string,
  about: t.string,
  message_id: nullable(t.string),
  entity_id: nullable(t.string),
  subspace: nullable(t.string),
  opened_at: iso,
  opened_position: decimal,
  moment_space: decimal,
  moment_chat: decimal,
  status: t.string,
  taken_by: nullable(t.string),
  outcome: nullable(t.string),
  rule: nullable(t.string),
  reason: nullable(t.string),
  closed_by: nullable(t.string),
  closed_at: nullable(iso),
  acted_by: nullable(t.string),
  acted_at: nullable(iso),
  appeal: nullable(t.string),
  appealed_at: nullable(iso),
  decided_by: nullable(t.string),
  decided_at: nullable(iso),
  decision: nullable(t.string),
  reports: count,
  acts: count,
  did: t.unknown,
}
const ofCase = t.type(row) as unknown as t.Type<CaseRow, CaseRow, unknown>
const COLUMNS = sql.join(
  Object.keys(row).map((name) => sql.identifier([name])),
  sql.fragment`, `,
)

/** Those open the longest come first, after position `past`. */
export const casesOf = (
  space: SpaceRef,
  list: CaseList | null,
  past: string | null,
  limit: number,
): Query<CaseRow> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM presence_cases
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND opened_position > ${past ?? '-1'}::int8
        ${
          list === null
            ? sql.fragment``
            : list === 'appealed'
              ? sql.fragment`AND appeal = 'made'`
              : sql.fragment`AND status = ${list}`
        }
      ORDER BY opened_position LIMIT ${limit}`,
    ofCase,
  )

export const caseOf = (space: SpaceRef, caseId: string): Query<CaseRow> =>
  query(
    sql.unsafe`SELECT ${COLUMNS} FROM presence_cases
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND case_id = ${caseId}`,
    ofCase,
  )

const step = t.type({
  position: decimal,
  created_at: iso,
  action: t.string,
  user_account: nullable(t.string),
  guest_id: nullable(t.string),
  details: t.unknown,
  revision: decimal,
  event_id: t.string,
})

/** Everything that was recorded about a case, in order. */
export const caseSteps = (space: SpaceRef, caseId: string, limit: number): Query<CaseStep> =>
  query(
    sql.unsafe`SELECT position, created_at, action, user_account, guest_id, details, revision, event_id
      FROM presence_audit_log
      WHERE space_type = ${space.type} AND space_id = ${space.id} AND details ? 'caseId'
        AND details ->> 'caseId' = ${caseId} AND stream = ${streamName('cases', space)}
      ORDER BY position LIMIT ${limit}`,
    step as t.Type<CaseStep, CaseStep, unknown>,
  )

const placed = { space_type: spaceType, space_id: t.string }

/** Cases in which somebody was acted on, the newest first, before position `past`. */
export const receiptsOf = (subject: string, past: string | null, limit: number): Query<ReceiptRow> =>
  query(
    sql.unsafe`SELECT space_type, space_id, ${COLUMNS} FROM presence_cases
      WHERE subject = ${subject} AND acts > 0 ${past === null ? sql.fragment`` : sql.fragment`AND opened_position < ${past}::int8`}
      ORDER BY opened_position DESC LIMIT ${limit}`,
    t.type({ ...placed, ...row }) as unknown as t.Type<ReceiptRow, ReceiptRow, unknown>,
  )

/** What somebody reported, the newest first, before position `past`. */
export const reportsBy = (reporter: string, past: string | null, limit: number): Query<ReportRow> =>
  query(
    sql.unsafe`SELECT r.space_type, r.space_id, r.report_id, r.reported_at, r.position, c.subject, c.about, c.message_id, c.entity_id,
        c.status = 'closed' AS is_closed
      FROM presence_reports r JOIN presence_cases c USING (space_type, space_id, case_id)
      WHERE r.reporter = ${reporter} ${past === null ? sql.fragment`` : sql.fragment`AND r.position < ${past}::int8`}
      ORDER BY r.position DESC LIMIT ${limit}`,
    t.type({
      ...placed,
      report_id: t.string,
      reported_at: iso,
      position: decimal,
      subject: t.string,
      about: t.string,
      message_id: nullable(t.string),
      entity_id: nullable(t.string),
      is_closed: t.boolean,
    }) as unknown as t.Type<ReportRow, ReportRow, unknown>,
  )

/** Rows that a transparency report is made from: everything about cases up to `to`, and what was done in the span. */
export const transparencyRows = (
  space: SpaceRef,
  span: { readonly from: string; readonly to: string },
  actions: ReadonlyArray<string>,
  page: { readonly past: bigint; readonly limit: number },
): Query<AccountedRow> =>
  query(
    sql.unsafe`SELECT position, stream, action, created_at AS at, details FROM presence_audit_log
      WHERE ${ofSpace(space)} AND position > ${String(page.past)}::int8
        AND created_at <= ${span.to}::timestamptz
        AND (stream = ${streamName('cases', space)}
          OR (created_at >= ${span.from}::timestamptz AND action = ANY(${sql.array([...actions], 'text')})))
      ORDER BY position LIMIT ${page.limit}`,
    t.type({ position: bigint, stream: t.string, action: t.string, at: iso, details: t.unknown }) as never,
  )
