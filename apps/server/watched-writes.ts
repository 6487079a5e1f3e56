/** Whether the event store accepts writes: with a full disk it still answers reads. */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog, Ids } from '../../domain/ports.ts'

/** The stream, which nobody reads, of the event that is written to test whether writes work again. */
const PROBES = 'health-probes'
const PROBE_EVERY_MS = 2_000

export type WatchedWrites = {
  /** Why the last write was refused, by an event store that can be reached; null if it was accepted. After a refusal a
   *  write is tried again, so that this is current even if nobody else writes. */
  readonly refused: () => Promise<string | null>
}

export const watchWrites = <Log extends EventLog>(
  log: Log,
  ids: Ids,
  now: () => number,
): { readonly log: Log; readonly writes: WatchedWrites } => {
  let cause: string | null = null
  let probedAt = Number.NEGATIVE_INFINITY
  const append: EventLog['append'] = (stream, expected, events) => async () => {
    const outcome = await log.append(stream, expected, events)()
    if (E.isRight(outcome) || outcome.left._tag === 'WrongExpectedRevision') cause = null
    else if (outcome.left._tag === 'LogUnavailable' && log.health().state === 'up') cause = outcome.left.cause
    return outcome
  }
  return {
    log: { ...log, append },
    writes: {
      refused: async () => {
        if (cause === null || log.health().state !== 'up') return null
        if (now() - probedAt < PROBE_EVERY_MS) return cause
        probedAt = now()
        const event = { id: ids.uuid(), type: 'Probed', data: {}, metadata: {} }
        await append(PROBES, 'any', [event])()
        return cause
      },
    },
  }
}
