/** Keeps moments as rooms go on: folds what the projector gets, and reads the log again if it must
 *  (`stream-follower.ts`). The next moment, or the next look, makes up for what it misses. */
import * as E from 'fp-ts/lib/Either.js'
import { parseStreamName } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { Failed, type MomentError } from '../../../projections/history/errors.ts'
import type { Keeping } from '../../../projections/history/keeping.ts'
import { EVERY } from '../../../projections/history/kept-streams.ts'
import { createMomentWriter } from './moment-writer.ts'
import { type Bounds, type FollowedStream, follow, type StreamFollower } from './stream-follower.ts'

/** `log` may be the log as it is: nothing personal is needed. */
export const keepMoments = (
  options: Bounds & {
    readonly log: EventLog
    readonly every?: number
    readonly onError?: (error: MomentError | Error, stream: string) => void
  },
): StreamFollower => {
  const { log, every = EVERY, onError } = options
  const writer = createMomentWriter(log, every)
  const followed = (keeping: Keeping): FollowedStream => ({
    ...keeping,
    revision: () => keeping.point().revision,
    flush: () => writer.write(keeping),
  })
  return follow({
    ...options,
    every,
    onError: (error, stream) => onError?.(error instanceof Failed ? error.error : error, stream),
    of: (stream) => {
      const named = parseStreamName(stream)
      if (E.isLeft(named)) return null
      const { space, kind } = named.right
      if (kind === 'refusal' || kind === 'cases') return null
      return {
        begin: () => followed(writer.begin(space, kind)),
        takeUp: async () => {
          const keeping = await writer.takeUp(space, kind)
          return keeping === null ? null : followed(keeping)
        },
      }
    },
  })
}
