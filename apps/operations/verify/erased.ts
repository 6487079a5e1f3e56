/** Checks that each destroyed key of a person has its request on the log: somebody who can only write to Postgres can
 *  destroy a key and blank what was sealed under it, but can't make it look as if it had been requested. */
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { erasureRequests } from '../privacy/requests.ts'

const NAMED = 100

/** A sentence for each destroyed key without a request. */
export const holdErased = async (session: DatabaseSession, log: EventLog): Promise<ReadonlyArray<string>> => {
  const requests = new Map((await erasureRequests(log)).map((request) => [request.requestId, request]))
  const rows = await session.run(sql.unsafe`SELECT subject, generation, erased_by FROM public.privacy_keys
    WHERE wrapped IS NULL ORDER BY subject, generation`)
  const faults = rows.flatMap(({ subject, generation, erased_by }) => {
    const request = requests.get(String(erased_by))
    const isAsked = request?.subject === subject && Number(generation) <= (request?.generation ?? 0)
    if (isAsked) return []
    const why = request === undefined ? 'the log has no request for it' : 'its request is for another'
    return [`The key of ${subject} (generation ${generation}) is destroyed, and ${why} (${erased_by}).`]
  })
  const more = faults.length - NAMED
  return more > 0 ? [...faults.slice(0, NAMED), `… and ${more} more keys`] : faults
}
