/** A log that checks appends against everything accepted but shows only what is committed, as EventStoreDB does: right
 *  after "wrong expected version, it is at N" its reads still end before N. For tests alone. */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog } from '../../domain/ports.ts'

export type LaggingLog = EventLog & {
  /** Reads of a stream that showed less than a refusal had named. */
  readonly stale: () => number
}

/** `reads`: how many reads of a stream lag after each refusal on it. */
export const laggingLog = (log: EventLog, reads: number): LaggingLog => {
  /** By stream, the last revision that was shown or acknowledged. */
  const shown = new Map<string, bigint>()
  const lagging = new Map<string, number>()
  let stale = 0
  const show = (stream: string, revision: bigint): void => {
    if (revision > (shown.get(stream) ?? -1n)) shown.set(stream, revision)
  }
  return {
    ...log,
    append: (stream, expected, events) => async () => {
      const result = await log.append(stream, expected, events)()
      if (E.isRight(result)) show(stream, result.right.revision)
      else if (result.left._tag === 'WrongExpectedRevision') lagging.set(stream, reads)
      return result
    },
    readStream: (stream, read) => async () => {
      const result = await log.readStream(stream, read)()
      if (E.isLeft(result)) return result
      const left = lagging.get(stream) ?? 0
      const upTo = shown.get(stream) ?? -1n
      if (left > 0) {
        lagging.set(stream, left - 1)
        stale += 1
        return E.right(result.right.filter(({ revision }) => revision <= upTo))
      }
      for (const { revision } of result.right) show(stream, revision)
      return result
    },
    stale: () => stale,
  }
}
