/** The audit log's rows as records, whose digest tells whether those of a range are stored with the same bytes in a table: so
 *  a verification need neither write its rows nor read the table's, unless they differ. */
import { hash } from 'node:crypto'
import { sql } from 'slonik'
import type { RecordedEvent } from '../../domain/ports.ts'
import { CopyRows } from '../copy.ts'
import type { Statement } from '../projection.ts'
import {
  AUDIT_TABLE,
  type AuditMemory,
  auditRow,
  forgetLeft,
  LEFT_COLUMN,
  NARROW_COLUMNS,
  WIDE_COLUMNS,
} from './fold.ts'

/** The columns that the table stores, with the oids of their types: rows of `name` and `type`. */
export const storedAudit = (): Statement =>
  sql.unsafe`SELECT attname::text AS name, atttypid::int8 AS type FROM pg_attribute
    WHERE attrelid = to_regclass(${`public.${AUDIT_TABLE.name}`}) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`

/** The columns of a table whose rows are compared as records. */
export type AuditColumns = {
  readonly narrow: boolean
  readonly names: ReadonlyArray<string>
  readonly types: ReadonlyArray<number>
}
/** Null if the table does not store exactly the columns of one of the two forms. `stored`: the result of `storedAudit`. */
export const auditColumns = (
  stored: ReadonlyArray<Readonly<Record<string, unknown>>>,
): AuditColumns | null => {
  const types = new Map(stored.map(({ name, type }) => [String(name), Number(type)]))
  const narrow = types.has(LEFT_COLUMN)
  const names = narrow ? [...NARROW_COLUMNS, LEFT_COLUMN] : WIDE_COLUMNS
  if (names.length !== types.size || !names.every((name) => types.has(name))) return null
  return { narrow, names, types: names.map((name) => types.get(name)!) }
}

/** What `digestIn` hashes for the same rows, and the rows themselves. */
export type AuditRecords = { readonly digest: string; readonly rows: CopyRows }

/** The `digest` (hex; null if there are none) of the rows at positions from `from` to `upTo`, both included. */
export const digestIn = ({ names }: AuditColumns, from: bigint, upTo: bigint): Statement => {
  const row = sql.join(
    names.map((column) => sql.identifier(['t', column])),
    sql.fragment`, `,
  )
  return sql.unsafe`SELECT pg_catalog.encode(pg_catalog.sha256(
      pg_catalog.string_agg(pg_catalog.record_send(ROW(${row})), ''::bytea ORDER BY t.position)), 'hex') AS digest
    FROM ${sql.identifier(['public', AUDIT_TABLE.name])} AS t
    WHERE t.position >= ${String(from)}::int8 AND t.position <= ${String(upTo)}::int8`
}

/** Like `copyAudit`, for comparing with the rows of a table that has these columns. */
export const recordAudit = (
  events: ReadonlyArray<RecordedEvent>,
  memory: AuditMemory,
  { narrow, names, types }: AuditColumns,
): AuditRecords & { readonly leaves: ReadonlyArray<string> } => {
  const rows = new CopyRows(AUDIT_TABLE.name, names, 1_300 * events.length, types)
  const leaves = events.map((event) => {
    const leaf = auditRow(rows, event, memory, { narrow, asPostgres: true })
    if (narrow) rows.null()
    return leaf
  })
  forgetLeft(events, memory)
  return { digest: hash('sha256', rows.records()), rows, leaves }
}
