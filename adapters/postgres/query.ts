/** The one place where rows are decoded. */
import * as E from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import type { CommonQueryMethods } from 'slonik'
import type { Query } from '../../projections/query.ts'
import type { Asking } from '../../projections/read-models.ts'
import { isDefect, unavailable } from './errors.ts'

/** A row is not what the question says it is: a defect of ours. */
export class UnexpectedRow extends Error {
  override readonly name = 'UnexpectedRow'
}

/** Runs it and decodes each row. Throws what Postgres says, and `UnexpectedRow`. */
export const rowsOf = async <T>(
  on: Pick<CommonQueryMethods, 'query'>,
  { statement, row }: Query<T>,
): Promise<ReadonlyArray<T>> => {
  const { rows } = await on.query(statement)
  return rows.map((each) => {
    const decoded = row.decode(each)
    if (E.isLeft(decoded)) throw new UnexpectedRow(PathReporter.report(decoded).slice(0, 3).join('; '))
    return decoded.right
  })
}

/** Work on Postgres as an effect: connection trouble is `PostgresUnavailable`, a defect throws. */
export const asking =
  <T>(work: () => Promise<T>): Asking<T> =>
  async () => {
    try {
      return E.right(await work())
    } catch (error) {
      if (error instanceof UnexpectedRow || isDefect(error)) throw error
      return E.left(unavailable(error))
    }
  }
