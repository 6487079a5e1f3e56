/** Reads a moment that somebody types. */
import { readEnd, readTime } from '../../../../domain/time.ts'
import type { When } from '../../../../projections/history/moments.ts'

/** A position (digits), a time with its date, or hh:mm[:ss] on the day of `near`. In UTC if there is no zone. Null if
 *  it is none of these. */
export const readWhen = (text: string, near: string | null = null): When | null => {
  const asked = text.trim()
  if (/^\d{1,19}$/.test(asked)) return { kind: 'position', position: BigInt(asked) }
  // An hour without a date is on the day that is being shown.
  const isHour = /^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(asked)
  if (isHour && near === null) return null
  const padded = asked.indexOf(':') === 1 ? `0${asked}` : asked
  const time = readTime(isHour ? `${near!.slice(0, 10)}T${padded}` : asked)
  return time === null ? null : { kind: 'time', time }
}

/** The same for the end of a range: a day alone means the end of that day. */
export const readLast = (text: string): When | null => {
  const time = readEnd(text.trim())
  return time === null ? readWhen(text) : { kind: 'time', time }
}

/** `60x` or `60`; null if it is not such a number. */
export const readSpeed = (text: string): number | null => {
  const speed = /^\d{1,7}(\.\d{1,3})?x?$/.test(text) ? Number.parseFloat(text) : 0
  return speed > 0 ? speed : null
}
