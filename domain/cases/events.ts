/** The events of a space's cases, one entry each: what was reported, what was done about it, and who heard an appeal.
 *  Who reported is only in these streams, which only people who may handle a case can see. */
import * as t from 'io-ts'
import { Actor } from '../identity.ts'
import type { Concerns, Words } from '../space/events.ts'
import { nullable } from '../space/session.ts'
import { Time } from '../time.ts'

type Entry<Data> = {
  readonly stream: 'cases'
  /** The schema in which it is written (`upcast.ts` converts older ones). */
  readonly schema: number
  readonly data: t.Type<Data>
  readonly concerns: Concerns
  readonly says: (data: Data, words: Words) => string
}
const event = <Data>(data: t.Type<Data>, says: Entry<Data>['says']): Entry<Data> => ({
  stream: 'cases',
  schema: 1,
  data,
  concerns: 'space',
  says,
})

/** What a case is about: a message, a person as such, or an entity that somebody pinned in a room's scene. */
export const About = t.union([
  t.type({ kind: t.literal('message'), messageId: t.string, subspace: t.string }),
  t.type({ kind: t.literal('person') }),
  t.type({ kind: t.literal('entity'), entityId: t.string, subspace: t.string }),
])
export type About = t.TypeOf<typeof About>

/** The revisions of the space and of its chat at that time: -1 for nothing yet. */
export const StoodAt = t.type({ space: t.number, chat: t.number })
export type StoodAt = t.TypeOf<typeof StoodAt>

/** What can be done to somebody in a case, and what lifts it. */
export const ACT_KINDS = ['kick', 'mute', 'ban', 'delete', 'unmute', 'unban'] as const
export const ActKind = t.union([
  t.literal('kick'),
  t.literal('mute'),
  t.literal('ban'),
  t.literal('delete'),
  t.literal('unmute'),
  t.literal('unban'),
])
export type ActKind = t.TypeOf<typeof ActKind>

const CloseOutcome = t.union([t.literal('acted'), t.literal('dismissed')])
const AppealOutcome = t.union([t.literal('stands'), t.literal('lifted')])
export type CloseOutcome = t.TypeOf<typeof CloseOutcome>
export type AppealOutcome = t.TypeOf<typeof AppealOutcome>

const step = { caseId: t.string, by: Actor, at: Time }
const orNothing = (words: string): string => (words === '' ? '(the words were erased)' : words)

const OF = { message: 'a message of ', person: '', entity: 'something pinned by ' } as const

export const CASE_EVENTS = {
  CaseOpened: event(
    t.type({ ...step, subject: t.string, about: About, moment: StoodAt }),
    ({ subject, about }, { actor }) => `${actor} brought ${OF[about.kind]}${subject} before the moderators`,
  ),
  ReportFiled: event(
    t.intersection([
      t.type({ ...step, reportId: t.string, words: t.string, moment: StoodAt }),
      // For a guest: the network from whose share of open reports this one was taken.
      t.partial({ network: t.string }),
    ]),
    ({ words }, { actor }) => `${actor} reported it: ${orNothing(words)}`,
  ),
  CaseTaken: event(t.type(step), (_, { actor }) => `${actor} took the case`),
  CaseNoted: event(
    t.type({ ...step, words: t.string }),
    ({ words }, { actor }) => `${actor} noted: ${orNothing(words)}`,
  ),
  CaseActed: event(
    t.type({
      ...step,
      act: ActKind,
      /** ISO 8601; null if it never ends, and for acts without an end. */
      until: nullable(t.string),
      rule: t.string,
      reason: nullable(t.string),
      /** The act's last event, in its own stream. */
      in: t.union([t.literal('space'), t.literal('chat')]),
      revision: t.number,
    }),
    ({ act, rule }, { actor }) => `${actor} acted (${act}) by the rule ${rule}`,
  ),
  CaseClosed: event(
    t.type({ ...step, outcome: CloseOutcome, rule: nullable(t.string), reason: nullable(t.string) }),
    ({ outcome }, { actor }) => `${actor} closed the case: ${outcome}`,
  ),
  AppealMade: event(
    t.type({ ...step, words: t.string }),
    ({ words }, { actor }) => `${actor} appealed: ${orNothing(words)}`,
  ),
  AppealDecided: event(
    t.type({ ...step, outcome: AppealOutcome, reason: t.string }),
    ({ outcome }, { actor }) =>
      `${actor} heard the appeal: ${outcome === 'stands' ? 'the act stands' : 'the act is lifted'}`,
  ),
} as const

type Entries = typeof CASE_EVENTS
export type CaseEventName = keyof Entries
export type CaseEvent = {
  [Name in CaseEventName]: { readonly type: Name; readonly data: t.TypeOf<Entries[Name]['data']> }
}[CaseEventName]
export type CaseEventOf<T extends CaseEventName> = Extract<CaseEvent, { type: T }>
export const isCaseEvent = (event: { readonly type: string }): event is CaseEvent =>
  Object.hasOwn(CASE_EVENTS, event.type)
