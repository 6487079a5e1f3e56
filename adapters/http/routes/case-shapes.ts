/** Cases in the form of answers, and their schemas for OpenAPI. */
import type { CaseRow, CaseStep, Did } from '../../../projections/cases/rows.ts'
import {
  listOf,
  orNull,
  position,
  revision,
  shape,
  sometimes,
  spaceId,
  spaceType,
  subject,
  subspace,
  text,
  time,
  uuid,
  whole,
} from '../shapes.ts'

const act = text({ enum: ['kick', 'mute', 'ban', 'delete', 'unmute', 'unban'] })
const DidShape = shape('CaseAct', {
  act,
  by: text(),
  at: time,
  until: orNull(time),
  reason: orNull(text()),
})
const Moment = shape('CaseMoment', {
  position: { ...position, description: 'The room at this place is as it stood.' },
  revision,
  chat_revision: revision,
})
const about = {
  about: text({ enum: ['message', 'person', 'entity'] }),
  subject,
  message_id: orNull(uuid),
  entity_id: orNull(text()),
  subspace: orNull(subspace),
}
const outcome = {
  rule: orNull(text()),
  reason: orNull(text()),
  did: listOf(DidShape),
  appeal: orNull(text({ enum: ['made', 'stands', 'lifted'] })),
  appealed_at: orNull(time),
  decided_at: orNull(time),
  decision: orNull(text()),
}
export const CaseShape = shape('Case', {
  case_id: uuid,
  ...about,
  status: text({ enum: ['open', 'taken', 'closed'] }),
  opened_at: time,
  moment: Moment,
  reports: whole(),
  taken_by: orNull(subject),
  outcome: orNull(text({ enum: ['acted', 'dismissed'] })),
  ...outcome,
  closed_by: orNull(subject),
  closed_at: orNull(time),
  decided_by: orNull(subject),
})
export const StepShape = shape(
  'CaseStep',
  {
    what: text({
      enum: ['opened', 'reported', 'taken', 'noted', 'acted', 'closed', 'appealed', 'decided'],
    }),
    by: text(),
    at: time,
    position,
    event_id: uuid,
    text: text(),
    act,
    until: orNull(time),
    rule: orNull(text()),
    reason: orNull(text()),
    outcome: text(),
    in: text({ enum: ['space', 'chat'] }),
    revision: whole(),
  },
  ['text', 'act', 'until', 'rule', 'reason', 'outcome', 'in', 'revision'],
)
export const ReceiptShape = shape('Receipt', {
  space_type: spaceType,
  space_id: spaceId,
  case_id: uuid,
  about: about.about,
  message_id: about.message_id,
  entity_id: about.entity_id,
  subspace: about.subspace,
  moment: Moment,
  ...outcome,
  appeal_until: orNull(time),
  how_to_appeal: orNull(text()),
})
export const ReportShape = shape('Report', {
  space_type: spaceType,
  space_id: spaceId,
  report_id: uuid,
  ...{ about: about.about, subject, message_id: about.message_id, entity_id: about.entity_id },
  reported_at: time,
  closed: sometimes({ type: 'boolean' }),
})

const momentOf = (row: CaseRow) => ({
  position: row.opened_position,
  revision: row.moment_space,
  chat_revision: row.moment_chat,
})

export const caseView = ({ opened_position: _, moment_space: __, moment_chat: ___, ...row }: CaseRow) => {
  const { acted_by: _by, acted_at: _at, acts: _acts, ...shown } = row
  return { ...shown, moment: momentOf({ ...row, opened_position: _, moment_space: __, moment_chat: ___ }) }
}

const WHAT: Readonly<Record<string, string>> = {
  CaseOpened: 'opened',
  ReportFiled: 'reported',
  CaseTaken: 'taken',
  CaseNoted: 'noted',
  CaseActed: 'acted',
  CaseClosed: 'closed',
  AppealMade: 'appealed',
  AppealDecided: 'decided',
}
const TOLD = ['act', 'until', 'rule', 'reason', 'outcome', 'in', 'revision'] as const

/** A step without whom it is about, which the case says, and without where it comes from, which nobody sees. */
export const stepView = (step: CaseStep): Readonly<Record<string, unknown>> => {
  const details = step.details as Readonly<Record<string, unknown>>
  const told = TOLD.filter((name) => details[name] !== undefined).map((name) => [name, details[name]])
  return {
    what: WHAT[step.action] ?? step.action,
    by: step.user_account ?? step.guest_id ?? (details.by as { id?: string } | undefined)?.id ?? '',
    at: step.created_at,
    position: step.position,
    event_id: step.event_id,
    ...(typeof details.words === 'string' ? { text: details.words } : {}),
    ...Object.fromEntries(told),
  }
}

const isLifting = ({ act: kind }: Did): boolean => kind === 'unban' || kind === 'unmute'
const DAY = 86_400_000

/** What the person acted on sees: nothing about reports or who looked into it, but who acted. `days`: how long they may appeal. */
export const receiptView = (
  row: CaseRow & { space_type: string; space_id: string },
  days: number,
  now: number,
) => {
  const acts = row.did.filter((one) => !isLifting(one))
  const last = Math.max(...acts.map(({ at }) => Date.parse(at)))
  const until = Number.isFinite(last) ? last + days * DAY : null
  const isOpen = row.appeal === null && until !== null && now <= until
  const { space_type, space_id, case_id, message_id, entity_id, subspace: room, rule, reason, did } = row
  const { appeal, appealed_at, decided_at, decision } = row
  const address = `/api/spaces/${space_type}/${space_id}/cases/${case_id}/appeal`
  return {
    ...{ space_type, space_id, case_id, about: row.about, message_id, entity_id, subspace: room },
    moment: momentOf(row),
    ...{ rule, reason, did, appeal, appealed_at, decided_at, decision },
    appeal_until: until === null ? null : new Date(until).toISOString(),
    how_to_appeal: isOpen ? `POST ${address} with a text: another than whoever acted hears it.` : null,
  }
}
