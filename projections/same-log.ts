/** Checks whether a log is the one that the tables were made from: the last event that they have must stand at the same
 *  place. Another log has something else there; one that went back (an older backup) has nothing. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { RecordedEvent, StreamReader } from '../domain/ports.ts'
import { bigint, type Query, query } from './query.ts'

/** An event that the tables have, and where. */
export type LogPlace = {
  readonly position: bigint
  readonly event_id: string
  readonly stream: string
  readonly revision: bigint
}

/** If more streams than this have been deleted or cut since, the check gives no answer. */
const WITNESSES = 100

/** The last events that the tables have, the newest first. */
export const lastPlaces = (): Query<LogPlace> =>
  query(
    sql.unsafe`SELECT position, event_id, stream, revision FROM presence_audit_log ORDER BY position DESC LIMIT ${WITNESSES}`,
    t.type({ position: bigint, event_id: t.string, stream: t.string, revision: bigint }) as t.Type<
      LogPlace,
      LogPlace,
      unknown
    >,
  )

/** What is to be done about it. */
export const REMEDY = 'run presence rebuild, and the tables are made anew of it'

const sentence = (place: LogPlace, found: RecordedEvent | undefined): string => {
  const where = `event ${place.revision} of ${place.stream} at position ${place.position}`
  const there =
    found === undefined
      ? 'is not there: it went back to an earlier state, or is another'
      : found.id === place.event_id
        ? `stands at position ${found.position}: its events were moved here from another`
        : 'is another there'
  return `The log is not the one that the tables were made of: their last, ${where}, ${there}. If this is the right log, ${REMEDY}.`
}

/** A sentence if it is another log or one that went back; null if it is the same, or if there is nothing to compare.
 *  Left: the log can't be read. */
export const otherLog = async (
  log: StreamReader,
  places: ReadonlyArray<LogPlace>,
): Promise<E.Either<string, string | null>> => {
  const cut = new Set<string>()
  for (const place of places) {
    if (cut.has(place.stream)) continue
    const read = await log.readStream(place.stream, { from: place.revision, limit: 1 })()
    if (E.isLeft(read) && read.left._tag !== 'StreamDeleted') return E.left(read.left.cause)
    const found = E.isLeft(read) ? undefined : read.right[0]
    if (E.isLeft(read) || (found !== undefined && found.revision > place.revision)) {
      // It was deleted or cut since, so it says nothing about the log.
      cut.add(place.stream)
      continue
    }
    const isThere = found !== undefined && found.id === place.event_id && found.position === place.position
    return E.right(isThere ? null : sentence(place, found))
  }
  return E.right(null)
}
