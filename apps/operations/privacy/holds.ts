/** Legal holds, read from their events on the log: an operator who erases somebody by hand is warned of those that stand. */
import * as E from 'fp-ts/lib/Either.js'
import { OUTSIDE_STREAM } from '../../../domain/names.ts'
import { readOutside } from '../../../domain/outside/events.ts'
import { foldingOutside, holdsOn, type LegalHold } from '../../../domain/outside/state.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { readErrorInWords } from '../read-error.ts'

const PAGE = 500

/** Throws if the log can't be read. */
export const holdsStanding = async (
  log: Pick<EventLog, 'readStream'>,
  subject: string,
): Promise<ReadonlyArray<LegalHold>> => {
  const all = foldingOutside()
  for (let from = 0n; ; ) {
    const read = await log.readStream(OUTSIDE_STREAM, { from, limit: PAGE })()
    if (E.isLeft(read)) throw new Error(readErrorInWords(read.left))
    for (const { type, data } of read.right) {
      const event = readOutside(type, data)
      if (event !== null) all.take(event)
    }
    if (read.right.length < PAGE) return holdsOn(all.state(), subject)
    from = read.right.at(-1)!.revision + 1n
  }
}
