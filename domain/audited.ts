/** What is on the audit log and in no room: looks at the audit log, and what was let go of. In `access-` streams. */
import * as t from 'io-ts'
import { Time } from './time.ts'

export const AuditRead = t.type({
  type: t.literal('AuditRead'),
  data: t.intersection([
    t.type({
      /** What was asked: the call, and each filter by its name. Words that were searched for are not told, only that
       *  some were: they may be somebody's who is erased later. */
      call: t.string,
      filters: t.UnknownRecord,
      /** How many rows were given; null for an export, which is recorded before its first row. */
      rows: t.union([t.number, t.null]),
      at: Time,
    }),
    /** Of looks that were too many to tell one by one: how many more there were, since when; `at` is when the last was. */
    t.partial({ times: t.number, from: Time }),
  ]),
})
export type AuditRead = t.TypeOf<typeof AuditRead>

/** What waits of a stream (`presence parked`) will never be in the tables: it stays on the log and on the audit log. Holds for
 *  what stands before it; what comes after it is taken as any stream's. In the `access-` stream of no space. */
export const ParkedLetGo = t.type({
  type: t.literal('ParkedLetGo'),
  data: t.type({ stream: t.string, reason: t.string, at: Time }),
})
export type ParkedLetGo = t.TypeOf<typeof ParkedLetGo>
