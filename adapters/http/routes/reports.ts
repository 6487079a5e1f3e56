/** Reporting, and what a caller may see about it: their own reports, receipts of what was done to them, and appeals. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { CaseTarget } from '../../../domain/cases/commands.ts'
import { APPEAL_DAYS } from '../../../domain/cases/state.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import { MAIN, spaceKey } from '../../../domain/names.ts'
import { from, optional, Subject, SubspaceCodec, Text, Uuid } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { type EndpointRequest, mount } from '../endpoint.ts'
import { orTell, tellInvalid } from '../errors.ts'
import { listOf, position, uuid } from '../shapes.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { ReceiptShape, ReportShape, receiptView } from './case-shapes.ts'
import { Paging, pageOf } from './spaces.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
/** An id that is the same if the same call is repeated under the same Idempotency-Key. */
export const idFor = (
  what: 'case' | 'report',
  { params, who, commandId }: EndpointRequest<t.TypeOf<typeof SpaceParams>, unknown, unknown>,
): string => derivedUuid(sha256, `${what} ${who.caller.id} ${spaceKey(spaceOf(params))} ${commandId.id}`)

export const TargetBody = t.type({
  message_id: optional(Uuid),
  subject: optional(Subject),
  entity_id: optional(Text),
  /** The room of a reported entity. */
  subspace: optional(SubspaceCodec),
})
/** The target: exactly one of the fields. */
export const targetIn = (body: t.TypeOf<typeof TargetBody>): CaseTarget => {
  const { message_id, subject, entity_id, subspace } = body
  if ([message_id, subject, entity_id].filter((one) => one !== null).length !== 1)
    return tellInvalid('message_id', 'Name one of message_id, subject and entity_id.')
  if (message_id !== null) return { kind: 'message', messageId: message_id }
  if (subject !== null) return { kind: 'person', subject }
  return { kind: 'entity', entityId: entity_id!, subspace: subspace ?? MAIN }
}

export const CaseParams = t.intersection([SpaceParams, t.type({ case_id: Uuid })])
const Words = from('text', (value) => (typeof value === 'string' ? value : undefined))

const file = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'POST',
    path: '/api/spaces/:type/:id/reports',
    answer: { success: 'boolean', report_id: uuid, position },
    tag: 'cases',
    summary:
      'Reports a message, a person or a pinned entity to the moderators, and records the room as it stands now. Only the moderators learn who reported it; a second report of the same target changes nothing.',
    params: SpaceParams,
    body: t.intersection([TargetBody, t.type({ text: optional(Words) })]),
    handle: async (asked) => {
      const { params, body, sender, commandId } = asked
      const space = spaceOf(params)
      const reportId = idFor('report', asked)
      const accepted = orTell(
        await deps.commands.cases({
          ...sender,
          ...commandId,
          // The reporter must learn nothing about the case, nor what else their request did.
          correlationId: reportId,
          space,
          command: {
            type: 'FileReport',
            reportId,
            caseId: idFor('case', asked),
            target: targetIn(body),
            words: body.text ?? '',
          },
        })(),
      )
      // Without a revision, which would reveal how much others report.
      return { success: true, report_id: reportId, position: String(accepted.position) }
    },
  })
}

const own = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/me/reports',
    answer: { reports: listOf(ReportShape), next_cursor: 'string?' },
    tag: 'cases',
    summary: 'What the caller reported, newest first, and whether it is still being looked into.',
    strict: true,
    query: t.type(Paging),
    handle: async ({ query, who }) => {
      const { items, next_cursor } = orTell(
        await deps.readModels.reportsBy(who.caller.id, pageOf(query, 'reports'))(),
      )
      const reports = items.map(({ is_closed, position: _, ...row }) => ({ ...row, closed: is_closed }))
      return { reports, next_cursor }
    },
  })
  mount(app, deps, {
    method: 'GET',
    path: '/api/me/receipts',
    answer: { receipts: listOf(ReceiptShape), next_cursor: 'string?' },
    tag: 'cases',
    summary: 'What was done to the caller, why, by which rule, and how to appeal; newest first.',
    strict: true,
    query: t.type(Paging),
    handle: async ({ query, who }) => {
      const { items, next_cursor } = orTell(
        await deps.readModels.receipts(who.caller.id, pageOf(query, 'receipts'))(),
      )
      const now = deps.clock.now()
      return { receipts: items.map((row) => receiptView(row, APPEAL_DAYS, now)), next_cursor }
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: '/api/spaces/:type/:id/cases/:case_id/appeal',
    answer: { success: 'boolean', position },
    tag: 'cases',
    summary:
      'Asks that somebody else decide about what was done to the caller: once per case, within 30 days, even if banned.',
    params: CaseParams,
    body: t.type({ text: Text }),
    handle: async ({ params, body, sender, commandId }) => {
      const caseId = params.case_id
      const command = { type: 'Appeal', caseId, words: body.text } as const
      const request = { ...sender, ...commandId, correlationId: caseId, space: spaceOf(params), command }
      const { success, position: place } = written(orTell(await deps.commands.cases(request)()))
      return { success, position: place }
    },
  })
}

export const reports = (app: FastifyInstance, deps: HttpDeps): void => {
  file(app, deps)
  own(app, deps)
}
