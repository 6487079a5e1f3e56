/** Decides how many events to read from the file at a time: enough to be cheap, few enough to leave others their turn,
 *  and never so many that large events fill the memory. */
import type { StoredEvent } from '../protocol/record.ts'

export const FIRST_BATCH = 64
const MOST = 512
const LEAST = 4
const BYTES = 512 * 1024

/** The size of the batch after one of `last` that brought `events`. */
export const nextBatch = (last: number, events: ReadonlyArray<StoredEvent>): number => {
  if (events.length === 0) return last
  let bytes = 0
  for (const { body } of events) bytes += body.length
  const fitting = Math.floor((BYTES * events.length) / bytes)
  return Math.max(LEAST, Math.min(MOST, last * 2, fitting))
}
