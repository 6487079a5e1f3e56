/** Deletes rows of what is archived from the tables, if the operator wants that: with one event for a limited number of
 *  rows, so that no transaction of the projector is long. */
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { TablesCut } from '../../../domain/audited.ts'

type Cut = TablesCut['data']
/** What is deleted from the tables: rows of rooms, refusals and looks, each up to a time of their own. */
export type TableLimits = Pick<Cut, 'before' | 'refusals' | 'looks'>

/** How many rows of the audit log are deleted at once. */
const ROWS = 20_000

/** The time before which this many rows lie, counted from `from` on; null if there are fewer before `before`. */
const nextTime = async (
  session: DatabaseSession,
  from: string,
  before: string,
  rows: number,
): Promise<string | null> => {
  const [row] = await session.run(sql.unsafe`SELECT created_at FROM presence_audit_log
    WHERE created_at > ${from}::timestamptz AND created_at < ${before}::timestamptz
    ORDER BY created_at OFFSET ${rows} LIMIT 1`)
  return row === undefined ? null : new Date(row.created_at as Date).toISOString()
}

const earlier = (a: string, b: string): string => (a < b ? a : b)

/** What is deleted, step by step. */
export const stepsOf = async (
  session: DatabaseSession,
  { before, refusals, looks }: TableLimits,
  rows = ROWS,
): Promise<ReadonlyArray<TableLimits>> => {
  const steps: TableLimits[] = []
  const end = [before, refusals, looks].sort().at(-1)!
  for (let at = new Date(0).toISOString(); ; ) {
    const next = await nextTime(session, at, end, rows)
    if (next === null || next <= at) break
    at = next
    steps.push({
      before: earlier(before, at),
      refusals: earlier(refusals, at),
      looks: earlier(looks, at),
    })
  }
  return [...steps, { before, refusals, looks }]
}

/** Deletes kept states of rooms from before the cut: a bundle from then is made through the archive. */
export const cutStates = (session: DatabaseSession, stream: string, to: number): Promise<unknown> =>
  session.run(
    sql.unsafe`DELETE FROM proof_states WHERE stream = ${stream} AND revision < ${String(to)}::int8`,
  )
