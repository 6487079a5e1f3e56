/** Cases and reports, one row each. What people wrote is not in them: the audit log has it, where it can be erased. */
import { sql } from 'slonik'
import type { CaseEvent, CaseEventOf } from '../../domain/cases/events.ts'
import { isCaseEvent } from '../../domain/cases/events.ts'
import {
  type Columns,
  names,
  type PlacedEvent,
  type Projection,
  type Row,
  recordset,
  type Statement,
  spaceMapKey,
} from '../projection.ts'

const CASES = { name: 'presence_cases', key: ['space_type', 'space_id', 'case_id'] }
const REPORTS = { name: 'presence_reports', key: ['space_type', 'space_id', 'report_id'] }

const KEY = { space_type: 'text', space_id: 'text', case_id: 'text' } as const
/** Columns that are set once, when a case is opened. */
const FIRST = {
  subject: 'text',
  about: 'text',
  message_id: 'text',
  entity_id: 'text',
  subspace: 'text',
  opened_at: 'timestamptz',
  /** The position of the event that opened it: the case's moment is the room just before that. */
  opened_position: 'int8',
  moment_space: 'int8',
  moment_chat: 'int8',
} as const satisfies Columns
/** Columns that change as the case goes on: the newest value counts. */
const LATER = {
  status: 'text',
  taken_by: 'text',
  outcome: 'text',
  rule: 'text',
  reason: 'text',
  closed_by: 'text',
  closed_at: 'timestamptz',
  acted_by: 'text',
  acted_at: 'timestamptz',
  appeal: 'text',
  appealed_at: 'timestamptz',
  decided_by: 'text',
  decided_at: 'timestamptz',
  decision: 'text',
} as const satisfies Columns
const COUNTS = { reports: 'int4', acts: 'int4' } as const satisfies Columns
const LAST = { did: 'jsonb', last_position: 'int8' } as const satisfies Columns
const COLUMNS = { ...KEY, ...FIRST, ...LATER, ...COUNTS, ...LAST }
const REPORT_COLUMNS = {
  space_type: 'text',
  space_id: 'text',
  report_id: 'text',
  case_id: 'text',
  reporter: 'text',
  reported_at: 'timestamptz',
  position: 'int8',
} as const satisfies Columns

type Change = {
  readonly key: Row
  /** Null if the case was opened before this batch. */
  first: Row | null
  later: Row
  reports: number
  acts: number
  did: ReadonlyArray<Row>
  last: string
}
type Changes = { readonly cases: Map<string, Change>; readonly reports: Row[] }

const laterOf = (event: Exclude<CaseEvent, { type: 'CaseOpened' | 'ReportFiled' | 'CaseNoted' }>): Row => {
  const { by, at } = event.data
  switch (event.type) {
    case 'CaseTaken':
      return { status: 'taken', taken_by: by.id }
    case 'CaseActed': {
      const { act, rule, reason } = event.data
      const isLifting = act === 'unban' || act === 'unmute'
      return isLifting ? {} : { acted_by: by.id, acted_at: at, rule, reason }
    }
    case 'CaseClosed': {
      const { outcome, rule, reason } = event.data
      return { status: 'closed', outcome, rule, reason, closed_by: by.id, closed_at: at }
    }
    case 'AppealMade':
      return { appeal: 'made', appealed_at: at }
    case 'AppealDecided':
      return { appeal: event.data.outcome, decided_by: by.id, decided_at: at, decision: event.data.reason }
    default:
      return event satisfies never
  }
}

const firstOf = ({ data }: CaseEventOf<'CaseOpened'>, position: bigint): Row => ({
  subject: data.subject,
  about: data.about.kind,
  message_id: data.about.kind === 'message' ? data.about.messageId : null,
  entity_id: data.about.kind === 'entity' ? data.about.entityId : null,
  subspace: data.about.kind === 'person' ? null : data.about.subspace,
  opened_at: data.at,
  opened_position: String(position),
  moment_space: data.moment.space,
  moment_chat: data.moment.chat,
})

const changeOf = ({ cases }: Changes, { space }: PlacedEvent, caseId: string): Change => {
  const name = spaceMapKey(space, caseId)
  const known = cases.get(name)
  if (known !== undefined) return known
  const key = { space_type: space.type, space_id: space.id, case_id: caseId }
  const change: Change = { key, first: null, later: {}, reports: 0, acts: 0, did: [], last: '' }
  cases.set(name, change)
  return change
}

const addAct = (change: Change, { data }: CaseEventOf<'CaseActed'>): void => {
  const { act, by, at, until, reason } = data
  change.acts += 1
  change.did = [...change.did, { act, by: by.id, at, until, reason }]
}

const apply = (changes: Changes, change: Change, event: CaseEvent, told: PlacedEvent): void => {
  switch (event.type) {
    case 'CaseOpened':
      change.first = firstOf(event, told.position)
      break
    case 'ReportFiled': {
      const { reportId, by, at, caseId } = event.data
      const { type, id } = told.space
      change.reports += 1
      changes.reports.push({
        space_type: type,
        space_id: id,
        report_id: reportId,
        case_id: caseId,
        reporter: by.id,
        reported_at: at,
        position: String(told.position),
      })
      break
    }
    case 'CaseNoted':
      break
    default:
      if (event.type === 'CaseActed') addAct(change, event)
      change.later = { ...change.later, ...laterOf(event) }
  }
}

const opened = (changes: ReadonlyArray<Change>): ReadonlyArray<Statement> => {
  const rows = changes
    .filter(({ first }) => first !== null)
    .map(({ key, first, later, reports, acts, did, last }) => ({
      status: 'open',
      ...key,
      ...first,
      ...later,
      reports,
      acts,
      did,
      last_position: last,
    }))
  if (rows.length === 0) return []
  return [
    sql.unsafe`INSERT INTO presence_cases (${names(Object.keys(COLUMNS))})
      SELECT ${names(Object.keys(COLUMNS), 'r')} FROM ${recordset(rows, COLUMNS)}`,
  ]
}

/** One statement for all changed cases: columns that the batch does not change keep their values. */
const goneOn = (changes: ReadonlyArray<Change>): ReadonlyArray<Statement> => {
  const rows = changes
    .filter(({ first }) => first === null)
    .map(({ key, later, reports, acts, did, last }) => ({
      ...key,
      changed: later,
      reports,
      acts,
      did,
      last_position: last,
    }))
  if (rows.length === 0) return []
  const columns = { ...KEY, changed: 'jsonb', ...COUNTS, ...LAST } as const
  const set = Object.entries(LATER).map(([name, type]) => {
    const column = sql.identifier([name])
    const cast = type === 'timestamptz' ? sql.fragment`::timestamptz` : sql.fragment``
    return sql.fragment`${column} = CASE WHEN r.changed ? ${name} THEN (r.changed ->> ${name})${cast} ELSE t.${column} END`
  })
  return [
    sql.unsafe`UPDATE presence_cases AS t SET ${sql.join(set, sql.fragment`, `)},
        reports = t.reports + r.reports, acts = t.acts + r.acts, did = t.did || r.did, last_position = r.last_position
      FROM ${recordset(rows, columns)}
      WHERE t.space_type = r.space_type AND t.space_id = r.space_id AND t.case_id = r.case_id`,
  ]
}

const reported = (rows: ReadonlyArray<Row>): ReadonlyArray<Statement> =>
  rows.length === 0
    ? []
    : [
        sql.unsafe`INSERT INTO presence_reports (${names(Object.keys(REPORT_COLUMNS))})
          SELECT ${names(Object.keys(REPORT_COLUMNS), 'r')} FROM ${recordset(rows, REPORT_COLUMNS)}`,
      ]

export const cases: Projection<Changes> = {
  name: 'cases',
  tables: [CASES, REPORTS],
  start: () => ({ cases: new Map(), reports: [] }),
  fold: (changes, told) => {
    if (!isCaseEvent(told.event)) return
    const change = changeOf(changes, told, told.event.data.caseId)
    change.last = String(told.position)
    apply(changes, change, told.event, told)
  },
  write: (changes) => {
    const all = [...changes.cases.values()]
    return [...opened(all), ...goneOn(all), ...reported(changes.reports)]
  },
}
