/** A place in the queue of a full room, in the form of events and states. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import { Time } from '../time.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

/** The right by which its turn comes before others’. */
const Ahead = t.union([t.literal('moderators'), t.literal('listed'), t.literal('others')])
const where = { subject: t.string, subspace: t.string, ahead: Ahead }
// A guest's network (`networkTag`), since one network’s guests have a share.
const from = t.partial({ network: t.string })

/** A place taken or extended: `until` is how long it is kept for somebody who does not ask again. */
export const Taking = t.intersection([t.type({ ...where, until: Time, at: Time }), from])
export const GivingUp = t.type({
  subject: t.string,
  why: t.union([
    t.literal('left'),
    t.literal('expired'),
    t.literal('removed'),
    t.literal('banned'),
    t.literal('kicked'),
  ]),
  /** Who took it away; null if nobody did. */
  by: nullable(Actor),
  note: nullable(t.string),
  at: Time,
})

export const StoredPlace = t.intersection([t.type({ ...where, since: Time, until: Time }), from])
export type WaitingPlace = Readonly<t.TypeOf<typeof StoredPlace>>

/** A place that is extended keeps its age. */
export const keptPlace = (
  { subject, subspace, ahead, until, at, network }: t.TypeOf<typeof Taking>,
  before: WaitingPlace | undefined,
): WaitingPlace => ({
  subject,
  subspace,
  ahead,
  since: before?.since ?? at,
  until,
  ...(network === undefined ? {} : { network }),
})

/** How fast turns come: the time of the last one (or of the queue's beginning), and the mean of seconds between them. */
export const Turns = t.type({ at: Time, seconds: nullable(t.number) })
export type Turns = Readonly<t.TypeOf<typeof Turns>>

/** The weight of the newest wait: newer ones count more. */
const WEIGHT = 0.3
export const turnsAfter = (before: Turns | null, at: string): Turns => {
  if (before === null) return { at, seconds: null }
  const since = Math.max(0, Date.parse(at) - Date.parse(before.at)) / 1_000
  const mean = before.seconds === null ? since : before.seconds * (1 - WEIGHT) + since * WEIGHT
  return { at, seconds: Math.round(mean * 10) / 10 }
}
