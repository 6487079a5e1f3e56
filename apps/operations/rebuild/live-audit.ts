/** Compares the live audit log with the log while that is folded: range by range, by digests. Only the rows of ranges that
 *  differ have to be written beside the live ones, and compared one by one. */
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { GENESIS } from '../../../projections/audit/canonical.ts'
import { AUDIT_TABLE } from '../../../projections/audit/fold.ts'
import {
  type AuditColumns,
  type AuditRecords,
  auditColumns,
  digestIn,
  storedAudit,
} from '../../../projections/audit/records.ts'
import { lastTablesCut } from '../../../projections/tables-cut.ts'
import type { ShapeFaults } from '../tables/shape.ts'

/** Positions whose rows are to be compared one by one; null: without end. `before`: the chain's hash before the first. */
export type AuditRange = {
  readonly from: bigint | null
  readonly upTo: bigint | null
  readonly before: string
}
/** All of them. */
export const EVERY_ROW: ReadonlyArray<AuditRange> = [{ from: null, upTo: null, before: GENESIS }]

/** An event after those that were known deletes rows that were compared by digests before: none may be compared so. */
export class CutMeanwhile extends Error {
  override readonly name = 'CutMeanwhile'
}

const FIRST = -(2n ** 63n)
/** Rows larger than this together are compared one by one: Postgres makes no value of more than 1 GiB. */
const MOST_BYTES = 128 * 1024 * 1024

export type LiveAudit = {
  readonly columns: AuditColumns
  /** Rows of events up to here are compared one by one, since later events deleted some of them. */
  readonly cutAt: bigint | null
  /** Whether the range's live rows are stored with the same bytes as these. */
  readonly isAlike: (
    range: { readonly from: bigint | null; readonly upTo: bigint },
    made: AuditRecords,
  ) => Promise<boolean>
  readonly close: () => Promise<void>
}

/** Null if the live table can't be compared so: it does not store what the migrations make it store. Its rows then read
 *  differently even if their bytes are the same. */
export const openLiveAudit = async (
  session: DatabaseSession,
  databaseUrl: string,
  shape: ShapeFaults,
): Promise<LiveAudit | null> => {
  if (shape.tables.has(AUDIT_TABLE.name)) return null
  const columns = auditColumns(await session.run(storedAudit()))
  if (columns === null) return null
  await session.exec('SET LOCAL search_path TO public')
  const [cut] = await session.run(lastTablesCut())
  const reading = await connectSession(databaseUrl, 'presence rebuild')
  try {
    await reading.exec('SET search_path TO pg_catalog')
  } catch (error) {
    await reading.close()
    throw error
  }
  let before: Promise<unknown> = Promise.resolve()
  return {
    columns,
    cutAt: (cut?.position as bigint | undefined) ?? null,
    isAlike: ({ from, upTo }, { digest, rows }) => {
      if (rows.records().length > MOST_BYTES) return Promise.resolve(false)
      const asked = before.then(async () => {
        const [live] = await reading.run(digestIn(columns, from ?? FIRST, upTo))
        return live?.digest === digest
      })
      // What Postgres can't hash is compared one by one, which tells what is wrong.
      const alike = asked.catch(() => false)
      before = alike
      return alike
    },
    close: () => reading.close(),
  }
}

/** Adds a range, which begins after all others, to those that are compared one by one. */
export const withRange = (
  ranges: ReadonlyArray<AuditRange>,
  range: AuditRange,
): ReadonlyArray<AuditRange> => {
  const last = ranges.at(-1)
  return last !== undefined && last.upTo !== null && range.from === last.upTo + 1n
    ? [...ranges.slice(0, -1), { ...last, upTo: range.upTo }]
    : [...ranges, range]
}
