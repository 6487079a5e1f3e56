/** What `TablesCut` does to the tables: rows of what is archived are deleted. Cases, keys, subscriptions and whatever
 *  is not a look at the audit log stay; so do the rows of who joined, until they leave, since later events of theirs
 *  are understood by them. */
import { sql } from 'slonik'
import type { TablesCut } from '../domain/audited.ts'
import type { Only } from './batch.ts'
import type { Statement } from './projection.ts'

type Cut = TablesCut['data']

const isArchived = ({ before, refusals, looks }: Cut) => sql.fragment`(
  (starts_with(a.stream, 'space-') AND a.created_at < ${before}::timestamptz)
  OR (starts_with(a.stream, 'chat-') AND a.created_at < ${before}::timestamptz)
  OR (starts_with(a.stream, 'refusal-') AND a.created_at < ${refusals}::timestamptz)
  OR (starts_with(a.stream, 'access-') AND a.action = 'AuditRead' AND a.created_at < ${looks}::timestamptz))`

const latest = (cut: Cut): string => [cut.before, cut.refusals, cut.looks].sort().at(-1)!

const cutAudit = (cut: Cut): ReadonlyArray<Statement> => [
  // The tables of a rebuild have no statistics yet, without which Postgres would choose badly here.
  sql.unsafe`SET LOCAL enable_nestloop = off`,
  sql.unsafe`DELETE FROM presence_audit_log a
    WHERE a.action = 'SessionJoined' AND a.created_at < ${latest(cut)}::timestamptz AND ${isArchived(cut)} AND EXISTS (
      SELECT FROM presence_audit_log l WHERE l.action = 'SessionLeft'
        AND l.details ->> 'sessionId' = a.details ->> 'sessionId')`,
  sql.unsafe`SET LOCAL enable_nestloop = on`,
  sql.unsafe`DELETE FROM presence_audit_log a
    WHERE a.action <> 'SessionJoined' AND a.created_at < ${latest(cut)}::timestamptz AND ${isArchived(cut)}`,
]

/** `position`: the event's. Later rows stay, whatever their time. */
const cutMessages = ({ before }: Cut, position: bigint): Statement =>
  sql.unsafe`WITH gone AS (
      DELETE FROM chat_messages
      WHERE created_at < ${before}::timestamptz AND position < ${String(position)}::int8
      RETURNING space_type, space_id, message_id)
    DELETE FROM chat_reactions r USING gone g
    WHERE r.space_type = g.space_type AND r.space_id = g.space_id AND r.message_id = g.message_id`

/** For the tables that `only` names. */
export const cutTables = (cut: Cut, position: bigint, only?: Only): ReadonlyArray<Statement> => [
  ...(only === undefined || only === 'audit' ? cutAudit(cut) : []),
  ...(only === undefined || only === 'chat' ? [cutMessages(cut, position)] : []),
]

/** The newest such event that the tables know: `position` and `details`, or no row. */
export const lastTablesCut = (): Statement =>
  sql.unsafe`SELECT position, details FROM presence_audit_log WHERE action = 'TablesCut'
    ORDER BY position DESC LIMIT 1`
