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

const WRITTEN =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/

/** Reads a time that somebody wrote, a day alone or with an hour: in UTC if it has no zone, wherever this runs. Null if
 *  there is no such time, as on 30 February. */
export const readTime = (text: string): Date | null => {
  const [whole, year, month, day, zone] = WRITTEN.exec(text) ?? []
  if (whole === undefined) return null
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  date.setUTCFullYear(Number(year))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null
  // Databases and blockchains write a blank for the T, an hour alone for the zone, or no zone for UTC.
  const written = whole.replace(' ', 'T')
  const hourAlone = zone !== undefined && zone.length === 3
  const suffix = hourAlone ? ':00' : whole.length === 10 || zone !== undefined ? '' : 'Z'
  const time = new Date(`${written}${suffix}`)
  return Number.isNaN(time.getTime()) ? null : time
}

const LAST_OF_DAY_MS = 86_400_000 - 1

/** Reads the end of a range that somebody wrote: of a day alone, its last millisecond, so that from a day to that same day is that day. */
export const readEnd = (text: string): Date | null => {
  const time = readTime(text)
  return time !== null && text.length === 10 ? new Date(time.getTime() + LAST_OF_DAY_MS) : time
}
