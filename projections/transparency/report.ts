/** What a space's moderators did in a span of time, counted from the log, without any names. Anybody who has the log
 *  can count it again (`independent_count.py` beside this file does, in another language). */
import { ACT_KINDS } from '../../domain/cases/events.ts'
import { CASES_PREFIX } from '../../domain/names.ts'
import type { AccountedRow } from '../cases/rows.ts'

/** What is done to people, in a case or not: everything that is counted besides the cases. */
export const COUNTED = [
  'AccountBanned',
  'AccountUnbanned',
  'AccountMuted',
  'AccountUnmuted',
  'SessionLeft',
  'MessageHeld',
  'FilterActed',
  'MessageApproved',
  'MessageDropped',
] as const

type Counts = Readonly<Record<string, number>>
export type Transparency = {
  /** ISO 8601, both inclusive. */
  readonly from: string
  readonly to: string
  readonly reports: number
  readonly cases: {
    readonly opened: number
    readonly opened_by_report: number
    readonly opened_by_moderators: number
    readonly about_messages: number
    readonly about_people: number
    readonly about_entities: number
    readonly closed: number
    readonly acted_on: number
    readonly dismissed: number
    /** Cases opened up to the end of the span and not closed by then. */
    readonly open_at_the_end: number
    /** Median seconds from opening to closing, of the cases closed in the span; null for none. */
    readonly median_seconds_to_close: number | null
  }
  /** Counts of the cases in which somebody was acted on, by the rule named when they were closed. */
  readonly by_rule: Counts
  /** What was done in cases. */
  readonly acts: Counts
  readonly appeals: {
    readonly made: number
    readonly stand: number
    readonly lifted: number
    readonly waiting_at_the_end: number
    readonly median_seconds_to_decide: number | null
  }
  /** Bans, mutes and kicks, both in cases and outside of them. */
  readonly moderation: Counts
  /** What the space's filters did by themselves, and how moderators settled it. */
  readonly filters: Counts
}

type Loose = Readonly<Record<string, unknown>>
const loose = (value: unknown): Loose => (typeof value === 'object' && value !== null ? (value as Loose) : {})

type Known = { readonly openedAt: number; isReported: boolean; isClosed: boolean; appealedAt: number | null }

const tally = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}
const sorted = (counts: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
/** The lower of the two in the middle, in whole seconds. */
const median = (ms: ReadonlyArray<number>): number | null =>
  ms.length === 0 ? null : Math.floor([...ms].sort((a, b) => a - b)[(ms.length - 1) >> 1]! / 1_000)

const moderationOf = ({ action, details }: AccountedRow): string | null => {
  const { reason } = loose(details)
  switch (action) {
    case 'AccountBanned':
      return 'bans'
    case 'AccountUnbanned':
      return 'bans_lifted'
    case 'AccountMuted':
      return 'mutes'
    case 'AccountUnmuted':
      return 'mutes_lifted'
    case 'SessionLeft':
      return reason === 'kicked' ? 'kicks' : null
    default:
      return null
  }
}

const BY_FILTERS: Readonly<Record<string, string>> = { mute: 'muted', report: 'reported', hold: 'held' }
const filteringOf = ({ action, details }: AccountedRow): string | null => {
  switch (action) {
    case 'MessageHeld':
      return 'held'
    case 'FilterActed':
      return BY_FILTERS[String(loose(details).act)] ?? null
    case 'MessageApproved':
      return 'let_through'
    case 'MessageDropped':
      return 'dropped'
    default:
      return null
  }
}

type Account = {
  readonly from: string
  readonly to: string
  readonly known: Map<string, Known>
  readonly counts: Record<string, number>
  readonly acts: Record<string, number>
  readonly rules: Record<string, number>
  readonly moderation: Record<string, number>
  readonly filters: Record<string, number>
  readonly closing: number[]
  readonly deciding: number[]
}
type Told = { readonly id: string; readonly data: Loose; readonly at: number; readonly isIn: boolean }

const ABOUT: Readonly<Record<string, string>> = { message: 'messages', person: 'people', entity: 'entities' }
const opened = ({ known, counts }: Account, { id, data, at, isIn }: Told): void => {
  known.set(id, { openedAt: at, isReported: false, isClosed: false, appealedAt: null })
  if (!isIn) return
  tally(counts, 'opened')
  tally(counts, ABOUT[String(loose(data.about).kind)] ?? 'people')
}
const filed = ({ known, counts }: Account, { id, at, isIn }: Told): void => {
  const one = known.get(id)
  if (isIn) tally(counts, 'reports')
  // The report that opens a case has exactly the case's time; one that joins it later does not.
  if (isIn && one?.isReported === false && one.openedAt === at) tally(counts, 'byReport')
  if (one !== undefined) one.isReported = true
}
const closed = ({ known, counts, rules, closing }: Account, { id, data, at, isIn }: Told): void => {
  const one = known.get(id)
  if (one !== undefined) one.isClosed = true
  if (!isIn) return
  if (one !== undefined) closing.push(at - one.openedAt)
  tally(counts, data.outcome === 'acted' ? 'acted' : 'dismissed')
  if (data.outcome === 'acted') tally(rules, String(data.rule))
}
const appealed = ({ known, counts }: Account, { id, at, isIn }: Told): void => {
  const one = known.get(id)
  if (one !== undefined) one.appealedAt = at
  if (isIn) tally(counts, 'appeals')
}
const decided = ({ known, counts, deciding }: Account, { id, data, at, isIn }: Told): void => {
  const one = known.get(id)
  if (isIn) tally(counts, data.outcome === 'lifted' ? 'lifted' : 'stand')
  if (one === undefined || one.appealedAt === null) return
  if (isIn) deciding.push(at - one.appealedAt)
  one.appealedAt = null
}

const OF_CASE: Readonly<Partial<Record<string, (account: Account, told: Told) => void>>> = {
  CaseOpened: opened,
  ReportFiled: filed,
  CaseActed: ({ acts }, { data, isIn }) => {
    if (isIn) tally(acts, String(data.act))
  },
  CaseClosed: closed,
  AppealMade: appealed,
  AppealDecided: decided,
}

export const beginAccount = (from: string, to: string): Account => ({
  from,
  to,
  known: new Map(),
  counts: {},
  acts: Object.fromEntries(ACT_KINDS.map((kind) => [kind, 0])),
  rules: {},
  moderation: { bans: 0, bans_lifted: 0, mutes: 0, mutes_lifted: 0, kicks: 0 },
  filters: { held: 0, muted: 0, reported: 0, let_through: 0, dropped: 0 },
  closing: [],
  deciding: [],
})

/** Adds the next of the rows of `CaseModels.accounted`, in order. */
export const addTo = (account: Account, row: AccountedRow): void => {
  const at = Date.parse(row.at)
  if (at > Date.parse(account.to)) return
  const isIn = at >= Date.parse(account.from)
  if (row.stream.startsWith(CASES_PREFIX)) {
    const data = loose(row.details)
    OF_CASE[row.action]?.(account, { id: String(data.caseId), data, at, isIn })
    return
  }
  if (!isIn) return
  const name = moderationOf(row)
  if (name !== null) tally(account.moderation, name)
  const filtered = filteringOf(row)
  if (filtered !== null) tally(account.filters, filtered)
}

export const reportOf = ({ from, to, known, ...account }: Account): Transparency => {
  const of = (name: string): number => account.counts[name] ?? 0
  const all = [...known.values()]
  return {
    from,
    to,
    reports: of('reports'),
    cases: {
      opened: of('opened'),
      opened_by_report: of('byReport'),
      opened_by_moderators: of('opened') - of('byReport'),
      about_messages: of('messages'),
      about_people: of('people'),
      about_entities: of('entities'),
      closed: of('acted') + of('dismissed'),
      acted_on: of('acted'),
      dismissed: of('dismissed'),
      open_at_the_end: all.filter(({ isClosed }) => !isClosed).length,
      median_seconds_to_close: median(account.closing),
    },
    by_rule: sorted(account.rules),
    acts: account.acts,
    appeals: {
      made: of('appeals'),
      stand: of('stand'),
      lifted: of('lifted'),
      waiting_at_the_end: all.filter(({ appealedAt }) => appealedAt !== null).length,
      median_seconds_to_decide: median(account.deciding),
    },
    moderation: account.moderation,
    filters: account.filters,
  }
}

/** The report as text for people. */
export const inWords = (space: string, report: Transparency): string => {
  const { cases, appeals } = report
  const list = (counts: Counts): string =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name.replaceAll('_', ' ')} ${count}`)
      .join(', ') || 'none'
  const seconds = (of: number | null): string => (of === null ? '' : `, ${of} s at the median`)
  return [
    `What was moderated in ${space}, from ${report.from} to ${report.to}`,
    '',
    `Reports: ${report.reports}`,
    `Cases: ${cases.opened} opened (${cases.opened_by_report} by a report, ${cases.opened_by_moderators} by moderators; ` +
      `${cases.about_messages} about a message, ${cases.about_people} about a person, ${cases.about_entities} about what was pinned)`,
    `  ${cases.closed} closed: ${cases.acted_on} acted on, ${cases.dismissed} dismissed${seconds(cases.median_seconds_to_close)}`,
    `  ${cases.open_at_the_end} open at the end`,
    `Rules: ${list(report.by_rule)}`,
    `Acts in cases: ${list(report.acts)}`,
    `Appeals: ${appeals.made} made, ${appeals.stand} acts stand, ${appeals.lifted} lifted${seconds(appeals.median_seconds_to_decide)}; ` +
      `${appeals.waiting_at_the_end} waiting at the end`,
    `All that was done, in cases and outside: ${list(report.moderation)}`,
    `Messages caught by filters: ${list(report.filters)}`,
    '',
  ].join('\n')
}
