/** Whose fault an error is: the connection's, the data's, or ours. */
import type { PostgresUnavailable } from '../../projections/read-models.ts'

const codeOf = (error: unknown): string | null => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    const code = (at as { code?: unknown }).code
    if (typeof code === 'string') return code
    at = (at as { cause?: unknown }).cause
  }
  return null
}

/** undefined_table */
const NO_TABLE = '42P01'

/** The data can't be stored as it is: a value out of range, a text that Postgres refuses, a broken constraint, a limit.
 *  Source: the classes of https://www.postgresql.org/docs/current/errcodes-appendix.html. */
export const isDataError = (error: unknown): boolean => {
  const code = codeOf(error)
  return code !== null && /^(22|23|54)[0-9A-Z]{3}$/.test(code)
}

/** Whether our statement or our schema is wrong: Postgres reported it, and it is about neither the connection nor the load. */
export const isDefect = (error: unknown): boolean => {
  const code = codeOf(error)
  if (code === null) {
    const name = error instanceof Error ? error.constructor.name : ''
    // Slonik's own errors have no code: wrong statements, and rows that are not as expected.
    return (
      error instanceof TypeError ||
      /^(InputSyntax|InvalidInput|DataIntegrity|NotFound|SchemaValidation|UnexpectedState)/.test(name)
    )
  }
  if (!/^[0-9A-Z]{5}$/.test(code)) return false
  // Tables that don't exist yet: the projector creates them.
  if (code === NO_TABLE) return false
  return !/^(08|53|55|57|58|40|25|XX)/.test(code) && code !== '28P01' && code !== '3D000'
}

export const unavailable = (error: unknown): PostgresUnavailable => ({
  _tag: 'PostgresUnavailable',
  cause:
    codeOf(error) === NO_TABLE
      ? 'its tables are not there yet: the projector makes them'
      : error instanceof Error
        ? error.message || error.name
        : String(error),
})
