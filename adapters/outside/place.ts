/** Whether a place is beyond the log's end, because the log went back to an earlier state or is another one. A reader
 *  who continued from there would miss everything up to it, and never know. */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog } from '../../domain/ports.ts'

export const BEYOND =
  'The log ends before that place: it went back to an earlier state, or is another. Go on from start, or from a place that it has.'

/** The position of the log's end. Left: it can't be read. */
export const endOf = async (log: Pick<EventLog, 'readAll'>): Promise<E.Either<string, bigint | null>> => {
  const read = await log.readAll({ direction: 'backwards', limit: 1 })()
  if (E.isLeft(read)) return E.left('cause' in read.left ? read.left.cause : read.left._tag)
  return E.right(read.right[0]?.position ?? null)
}

/** Throws if the log can't be read. */
export const isBeyond = async (
  log: Pick<EventLog, 'readAll'>,
  place: bigint | 'start' | 'end',
): Promise<boolean> => {
  if (typeof place !== 'bigint') return false
  const end = await endOf(log)
  if (E.isLeft(end)) throw new Error(`The log can't be read: ${end.left}.`)
  return place > (end.right ?? -1n)
}
