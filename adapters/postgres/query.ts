/** The one place where rows are decoded. */
import * as E from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { type CommonQueryMethods, sql } from 'slonik'
import type { Query } from '../../projections/query.ts'
import type { ReadResult } from '../../projections/read-models.ts'
import { isDefect, unavailable } from './errors.ts'

/** A row does not have the type that the query declares: a bug. */
class UnexpectedRow extends Error {
  override readonly name = 'UnexpectedRow'
}

/** Runs a query and decodes each row. Throws Postgres' errors, and `UnexpectedRow`. */
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

/** How long to wait for an answer if Postgres says nothing at all. */
export const SILENCE_MS = 2_000

class Silent extends Error {
  override readonly name = 'Silent'
  constructor(ms: number) {
    super(`no answer within ${ms / 1_000} s`)
  }
}

const LATE = Symbol('late')
const orLate = async <T>(work: Promise<T>, ms: number): Promise<T | typeof LATE> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Gives up on a silent Postgres, but waits for slow work as long as Postgres answers something else (`anything`) in
 *  the meantime. While it is silent nothing more is sent to it, so that queries don't pile up. */
export const createPatience = (anything: () => PromiseLike<unknown>, silenceMs = SILENCE_MS) => {
  let beating: Promise<boolean> | null = null
  let isSilent = false
  const beat = (): Promise<boolean> => {
    beating ??= Promise.resolve(anything())
      .then(
        () => {
          isSilent = false
          return true
        },
        () => false,
      )
      .finally(() => {
        beating = null
      })
    return beating
  }
  return async <T>(work: () => Promise<T>): Promise<T> => {
    // One query determines for all whether it answers again.
    if (isSilent && (await orLate(beat(), silenceMs)) !== true) throw new Silent(silenceMs)
    const done = work()
    // Its failure is handled where it is awaited, or comes too late to matter.
    done.catch(() => {})
    for (let half = silenceMs / 2; ; ) {
      const first = await orLate(done, half)
      if (first !== LATE) return first
      const answer = beat()
      const second = await orLate(Promise.race([done.then((value) => ({ value })), answer]), half)
      if (typeof second === 'object') return second.value
      if (second === true) continue
      const last = await orLate(done, 0)
      if (last !== LATE) return last
      isSilent = true
      throw new Silent(silenceMs)
    }
  }
}

type Patience = ReturnType<typeof createPatience>
const patiences = new WeakMap<object, Patience>()
const patienceWith = (pool: Pick<CommonQueryMethods, 'query'>): Patience => {
  let patience = patiences.get(pool)
  if (patience === undefined) {
    patience = createPatience(() => pool.query(sql.unsafe`SELECT 1`))
    patiences.set(pool, patience)
  }
  return patience
}

/** Work on a pool as an effect: connection trouble, or a Postgres that is silent for two seconds, becomes
 *  `PostgresUnavailable`; a defect throws. */
export const askingOf = (pool: Pick<CommonQueryMethods, 'query'>) => {
  const patience = patienceWith(pool)
  return <T>(work: () => Promise<T>): ReadResult<T> =>
    async () => {
      try {
        return E.right(await patience(work))
      } catch (error) {
        if (error instanceof UnexpectedRow || isDefect(error)) throw error
        return E.left(unavailable(error))
      }
    }
}
