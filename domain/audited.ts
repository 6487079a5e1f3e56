/** Events that are on the audit log and in no room, in `access-` streams: somebody looked at the audit log, parked
 *  events were given up, or rows of archived events were removed from the tables. */
import * as t from 'io-ts'
import { Time } from './time.ts'

export const AuditRead = t.type({
  type: t.literal('AuditRead'),
  data: t.intersection([
    t.type({
      /** What was asked: the call, and each filter by its name. Of a search, only that there was one, never the words
       *  searched for: they may belong to somebody who is erased later. */
      call: t.string,
      filters: t.UnknownRecord,
      /** How many rows were returned; null for an export, which is recorded before its first row. */
      rows: t.union([t.number, t.null]),
      at: Time,
    }),
    /** Set if there were too many looks to record each: how many more there were, and since when. `at` is the time of the last one. */
    t.partial({ times: t.number, from: Time }),
  ]),
})
export type AuditRead = t.TypeOf<typeof AuditRead>

/** A stream's parked events (`presence parked`) will never be in the tables; they stay on the log and on the audit log.
 *  This covers the events before it; later ones are applied as usual. It is in the `access-` stream that belongs to no
 *  space. */
export const ParkedLetGo = t.type({
  type: t.literal('ParkedLetGo'),
  data: t.type({ stream: t.string, reason: t.string, at: Time }),
})
export type ParkedLetGo = t.TypeOf<typeof ParkedLetGo>

/** The tables no longer have rows of what is in an archive: rows of the audit log, of messages and of reactions that
 *  have an earlier time than these. It is in the `access-` stream that belongs to no space. */
export const TablesCut = t.type({
  type: t.literal('TablesCut'),
  data: t.type({
    /** The time before which rows of rooms are gone. */
    before: Time,
    refusals: Time,
    looks: Time,
    /** The archive that has those events. */
    archive: t.string,
    at: Time,
  }),
})
export type TablesCut = t.TypeOf<typeof TablesCut>
