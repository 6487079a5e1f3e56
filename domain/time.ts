/** A moment as every event writes it. */
import * as t from 'io-ts'

const ISO =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

const isTime = (value: unknown): value is string => typeof value === 'string' && ISO.test(value)

/** ISO 8601 with a zone, years 0 to 9999. */
export const Time = new t.Type<string, string, unknown>(
  'Time',
  isTime,
  (value, context) => (isTime(value) ? t.success(value) : t.failure(value, context, 'not an ISO 8601 time')),
  t.identity,
)
