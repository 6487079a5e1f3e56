/** A moment as somebody types it. */
import type { When } from '../../../projections/moment/moments.ts'

/** A position (digits), a time with its date, or hh:mm[:ss] on the day of `near`. In UTC where no zone is given. Null where
 *  it is none of these. */
export const readWhen = (text: string, near: string | null = null): When | null => {
  const asked = text.trim()
  if (/^\d{1,19}$/.test(asked)) return { kind: 'position', position: BigInt(asked) }
  const full = /^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(asked)
    ? near === null
      ? null
      : `${near.slice(0, 10)}T${asked.padStart(asked.indexOf(':') === 1 ? asked.length + 1 : 0, '0')}`
    : /^\d{4}-\d{2}-\d{2}([T ][\d:.]{5,15}(Z|[+-]\d{2}:?\d{2})?)?$/.test(asked)
      ? asked.replace(' ', 'T')
      : null
  if (full === null) return null
  const time = new Date(/T.*(Z|[+-]\d{2}:?\d{2})$/.test(full) || !full.includes('T') ? full : `${full}Z`)
  return Number.isNaN(time.getTime()) ? null : { kind: 'time', time }
}

/** `60x` or `60`; null where it is no such number. */
export const readSpeed = (text: string): number | null => {
  const speed = /^\d{1,7}(\.\d{1,3})?x?$/.test(text) ? Number.parseFloat(text) : 0
  return speed > 0 ? speed : null
}
