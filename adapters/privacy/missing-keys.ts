/** Finds keys that the log was sealed under but that were never in this database: then it is not this log's database,
 *  or an older copy. This is noticed at the start, rather than by blank messages. */

import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'

export type MissingKeys = { readonly count: number; readonly some: ReadonlyArray<string> }

/** Null if none is missing. */
export const missingSentence = ({ count, some }: MissingKeys): string | null =>
  count === 0
    ? null
    : `${count} ${count === 1 ? 'key that the log was sealed under is' : 'keys that the log was sealed under are'} not in this database (${some.slice(0, 3).join(', ')}${count > 3 ? ', …' : ''}): what these people wrote can't be read. Restore the database that belongs to this log, privacy_keys at least, then run presence rebuild.`

/** How many events at either end are looked at. */
const LOOK = 500

/** Reads the log's first and last events through the vault, which counts missing keys. Never throws: a log that is away is
 *  checked when it is read. */
export const lookForKeys = async (
  opened: Pick<EventLog, 'readAll'>,
  missing: () => MissingKeys,
): Promise<string | null> => {
  for (const direction of ['forwards', 'backwards'] as const)
    await opened.readAll({ direction, limit: LOOK, prefixes: STREAM_PREFIXES })()
  return missingSentence(missing())
}
