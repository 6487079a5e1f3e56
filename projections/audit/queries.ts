/** What the audit log is asked. */
import { type QuerySqlToken, sql } from 'slonik'

/** Who these sessions were, by their joining. Answers `session_id` and `subject`. */
export const sessionSubjects = (sessions: ReadonlyArray<string>): QuerySqlToken =>
  sql.unsafe`SELECT DISTINCT ON (session_id) session_id, subject FROM (
      SELECT details ->> 'sessionId' AS session_id, position, CASE
        WHEN jsonb_typeof(details -> 'account') = 'string' THEN details ->> 'account'
        WHEN jsonb_typeof(details -> 'guest') = 'string' THEN details ->> 'guest' END AS subject
      FROM presence_audit_log
      WHERE action = 'SessionJoined' AND details ->> 'sessionId' = ANY(${sql.array(sessions, 'text')})
    ) AS joined
    WHERE subject IS NOT NULL ORDER BY session_id, position DESC`

/** The end of the chain: `position` and `hash`, or no row. */
export const lastAudit = (): QuerySqlToken =>
  sql.unsafe`SELECT position, hash FROM presence_audit_log ORDER BY position DESC LIMIT 1`
