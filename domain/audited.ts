/** Events that are on the audit log and in no room, in `access-` streams: looks at the audit log, parked events that were given up,
 *  and what the tables have no more. */
import * as t from 'io-ts'
import { Time } from './time.ts'

export const AuditRead = t.type({
  type: t.literal('AuditRead'),
  data: t.intersection([
    t.type({
      /** What was asked: the call, and each filter by its name. Of a search only that there was one, never its words: they
       *  may belong to somebody who is erased later. */
      call: t.string,
      filters: t.UnknownRecord,
      /** How many rows were given; null for an export, which is recorded before its first row. */
      rows: t.union([t.number, t.null]),
      at: Time,
    }),
    /** Set where looks were too many to record one by one: how many more there were, and since when. `at` is the time of
     *  the last. */
    t.partial({ times: t.number, from: Time }),
  ]),
})
export type AuditRead = t.TypeOf<typeof AuditRead>

/** A stream's parked events (`presence parked`) will never be in the tables; they stay on the log and on the audit log. It
 *  covers the events before it; later ones are applied as usual. It stands in the `access-` stream of no space. */
export const ParkedLetGo = t.type({
  type: t.literal('ParkedLetGo'),
  data: t.type({ stream: t.string, reason: t.string, at: Time }),
})
export type ParkedLetGo = t.TypeOf<typeof ParkedLetGo>

/** Of what is in an archive, the tables have no rows any more: of the audit log, of messages and of reactions, where they say an earlier
 *  time than these. It stands in the `access-` stream of no space. */
export const TablesCut = t.type({
  type: t.literal('TablesCut'),
  data: t.type({
    /** Of rooms. */
    before: Time,
    refusals: Time,
    looks: Time,
    /** The archive that has them. */
    archive: t.string,
    at: Time,
  }),
})
export type TablesCut = t.TypeOf<typeof TablesCut>
