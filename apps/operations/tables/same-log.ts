/** Checks that the tables of a session's schema belong to the log that is read. */
import * as E from 'fp-ts/lib/Either.js'
import { archivesOn } from '../../../adapters/archive/archived-log.ts'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { lastAudit } from '../../../projections/audit/queries.ts'
import { lastPlaces, otherLog, REMEDY } from '../../../projections/same-log.ts'
import { readErrorInWords } from '../read-error.ts'

/** The tables were made from another log: nothing from this one may be put into them. */
export class OtherLog extends Error {
  override readonly name = 'OtherLog'
}

/** A sentence if the tables were made from another log, else null. Throws if the log can't be read. */
export const whyOtherLog = async (
  session: DatabaseSession,
  log: Pick<EventLog, 'readStream'>,
): Promise<string | null> => {
  const { statement, row } = lastPlaces()
  const places = (await session.run(statement)).flatMap((one) => {
    const place = row.decode(one)
    return E.isRight(place) ? [place.right] : []
  })
  const other = await otherLog(log, places)
  if (E.isLeft(other)) throw new Error(`The log can't be read: ${other.left}.`)
  return other.right
}

/** Throws `OtherLog` if the tables end before what is no longer on the log: events in between would be missing in them. */
export const holdToArchives = async (
  session: DatabaseSession,
  log: Pick<EventLog, 'readStream'>,
): Promise<void> => {
  const made = await archivesOn(log)
  if (E.isLeft(made)) throw new Error(readErrorInWords(made.left))
  const [last] = await session.run(lastAudit())
  const position = (last?.position as bigint | undefined) ?? -1n
  const beyond = made.right.find((one) => BigInt(one.position) > position)
  if (beyond === undefined) return
  throw new OtherLog(
    `The tables end before the last event of the archive ${beyond.name} (${beyond.place}), and what that has is not on the log any more: put the archive into LOG_ARCHIVE_DIR, and ${REMEDY}.`,
  )
}

/** Throws `OtherLog` with a sentence if the tables were made from another log. */
export const holdToLog = async (
  session: DatabaseSession,
  log: Pick<EventLog, 'readStream'>,
): Promise<void> => {
  const why = await whyOtherLog(session, log)
  if (why !== null) throw new OtherLog(why)
}
