/** A look at the audit log is on it too. The one event of an `access-` stream. */
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
