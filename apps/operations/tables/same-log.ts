/** Holds the tables of a session's schema to the log that is read. */
import * as E from 'fp-ts/lib/Either.js'
import type { Session } from '../../../adapters/postgres/session.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { lastPlaces, otherLog } from '../../../projections/same-log.ts'

/** The tables were made of another log than this one: nothing of it may go into them. */
export class OtherLog extends Error {
  override readonly name = 'OtherLog'
}

/** A sentence where the tables are of another log, else null. Throws where the log can't be read. */
export const whyOtherLog = async (
  session: Session,
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

/** Throws `OtherLog` with the sentence. */
export const holdToLog = async (session: Session, log: Pick<EventLog, 'readStream'>): Promise<void> => {
  const why = await whyOtherLog(session, log)
  if (why !== null) throw new OtherLog(why)
}
