/** What moderators do about reports: the queue, a case, and each step of it. Nobody sees a case about themselves or
 *  about somebody of equal or higher role. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import type { CaseCommand } from '../../../domain/cases/commands.ts'
import type { ActKind } from '../../../domain/cases/events.ts'
import { isText } from '../../../domain/text.ts'
import { CASE_LISTS } from '../../../projections/cases/lists.ts'
import type { CaseRow } from '../../../projections/cases/rows.ts'
import { encodeCursor } from '../../../projections/cursors.ts'
import { describeRefusal } from '../../refusals.ts'
import { from, optional, Text } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { type EndpointRequest, mount, WRITTEN } from '../endpoint.ts'
import { orTell, tell } from '../errors.ts'
import { listOf, text, time, uuid } from '../shapes.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'
import { actOn, type CaseActing, hear, send } from './case-acts.ts'
import { caseReader, standing } from './case-gate.ts'
import { CaseShape, caseView, StepShape, stepView } from './case-shapes.ts'
import { CaseParams, idFor, TargetBody, targetIn } from './reports.ts'
import { Paging, pageOf } from './spaces.ts'

const AT = '/api/spaces/:type/:id/cases'
const tag = 'cases'
const oneOf = <A extends string>(all: ReadonlyArray<A>) =>
  from(`one of ${all.join(', ')}`, (value) => all.find((one) => one === value), text({ enum: [...all] }))
const Until = from('text', (value) => (isText(value) ? value : undefined), time)
/** How many rows are read at once for a page of those that the caller may see. */
const PAGE = 101

const list = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: AT,
    answer: { cases: listOf(CaseShape), next_cursor: 'string?' },
    tag,
    summary: 'The cases of a space about people below the caller, the longest open first. For moderators.',
    params: SpaceParams,
    strict: true,
    query: t.type({ status: optional(oneOf(CASE_LISTS)), ...Paging }),
    handle: async ({ params, query, who, sender }) => {
      const space = spaceOf(params)
      const page = pageOf(query, 'cases')
      const { mayRead } = await caseReader(deps, space, who.caller)
      const visible: CaseRow[] = []
      for (let cursor = page.cursor; ; ) {
        const rows = orTell(await deps.readModels.cases(space, query.status, { limit: PAGE, cursor })())
        visible.push(...rows.items.filter(({ subject }) => mayRead(subject)))
        cursor = rows.next_cursor
        if (cursor === null || visible.length > page.limit) break
      }
      const shown = visible.slice(0, page.limit)
      const last = shown.at(-1)
      const more = visible.length > page.limit && last !== undefined
      orTell(await deps.looks.record({ sender, space, call: 'cases', filters: {}, rows: shown.length })())
      return { cases: shown.map(caseView), next_cursor: more ? encodeCursor([last.opened_position]) : null }
    },
  })
}

const one = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: `${AT}/:case_id`,
    answer: { case: CaseShape, steps: listOf(StepShape) },
    tag,
    summary:
      'A case with everything written about it. Look at the room at its moment’s position to see it as it stood.',
    params: CaseParams,
    handle: async ({ params, who, sender }) => {
      const space = spaceOf(params)
      const { mayRead } = await caseReader(deps, space, who.caller)
      const row = orTell(await deps.readModels.case(space, params.case_id)())
      if (row === null || !mayRead(row.subject)) return tell(describeRefusal({ _tag: 'CaseNotFound' }))
      const steps = orTell(await deps.readModels.caseSteps(space, params.case_id)())
      orTell(await deps.looks.record({ sender, space, call: 'cases', filters: {}, rows: 1 })())
      return { case: caseView(row), steps: steps.map(stepView) }
    },
  })
}

const open = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'POST',
    path: AT,
    answer: { ...WRITTEN, case_id: uuid },
    tag,
    summary: 'Opens a case that nobody reported. For moderators above the person it is about.',
    params: SpaceParams,
    body: TargetBody,
    handle: async (asked) => {
      const { params, body, sender, commandId, who } = asked
      const caseId = idFor('case', asked)
      const above = standing(deps, who.caller)
      const command = { type: 'OpenCase', caseId, target: targetIn(body), ...above } as const
      const request = { ...sender, ...commandId, correlationId: caseId, space: spaceOf(params), command }
      return { ...written(orTell(await deps.commands.cases(request)())), case_id: caseId }
    },
  })
}

const actingIn = (
  deps: HttpDeps,
  asked: EndpointRequest<t.TypeOf<typeof CaseParams>, unknown, unknown>,
): CaseActing => ({
  deps,
  from: asked,
  space: spaceOf(asked.params),
  caseId: asked.params.case_id,
})

/** A step that is one command. */
const step = <B extends t.Mixed>(
  app: FastifyInstance,
  deps: HttpDeps,
  { path, summary, body }: { readonly path: string; readonly summary: string; readonly body: B },
  commandOf: (caseId: string, body: t.TypeOf<B>) => CaseCommand,
): void => {
  mount(app, deps, {
    method: 'POST',
    path: `${AT}/:case_id/${path}`,
    answer: WRITTEN,
    tag,
    summary,
    params: CaseParams,
    body: body as never,
    handle: async (asked) => {
      const command = { ...commandOf(asked.params.case_id, asked.body), ...standing(deps, asked.who.caller) }
      return written(await send(actingIn(deps, asked), command as CaseCommand))
    },
  })
}

const steps = (app: FastifyInstance, deps: HttpDeps): void => {
  const take = {
    path: 'take',
    summary: 'Takes a case, even from somebody else who had taken it.',
    body: t.type({}),
  }
  step(app, deps, take, (caseId) => ({ type: 'TakeCase', caseId }))
  const note = { path: 'notes', summary: 'Writes a note that moderators read.', body: t.type({ text: Text }) }
  step(app, deps, note, (caseId, { text: words }) => ({ type: 'NoteCase', caseId, words }))
  const close = {
    path: 'close',
    summary: 'Closes a case that the caller has taken: acted on, by a rule and for a reason, or dismissed.',
    body: t.type({
      outcome: oneOf(['acted', 'dismissed'] as const),
      rule: optional(Text),
      reason: optional(Text),
    }),
  }
  step(app, deps, close, (caseId, { outcome, rule, reason }) => ({
    type: 'CloseCase',
    caseId,
    outcome,
    rule,
    reason,
  }))
}

const ACTS = ['kick', 'mute', 'ban', 'delete'] as const satisfies ReadonlyArray<ActKind>

const acts = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'POST',
    path: `${AT}/:case_id/acts`,
    answer: WRITTEN,
    tag,
    summary:
      'Acts on the person whom a case is about that the caller has taken, by the rules of the act itself; the act’s correlation id is the case’s. The person gets a receipt.',
    params: CaseParams,
    body: t.type({ act: oneOf(ACTS), rule: Text, reason: Text, until: optional(Until) }),
    handle: async (asked) => {
      const { act, rule, reason, until } = asked.body
      return written(await actOn(actingIn(deps, asked), act, { rule, reason, until }))
    },
  })
  mount(app, deps, {
    method: 'POST',
    path: `${AT}/:case_id/hearing`,
    answer: WRITTEN,
    tag,
    summary:
      'Decides an appeal: the act stands, or whatever is still in force of it is lifted. For somebody other than the moderator who acted, and not lower.',
    params: CaseParams,
    body: t.type({ outcome: oneOf(['stands', 'lifted'] as const), reason: Text }),
    handle: async (asked) => {
      const { outcome, reason } = asked.body
      return written(await hear(actingIn(deps, asked), outcome, reason))
    },
  })
}

export const cases = (app: FastifyInstance, deps: HttpDeps): void => {
  list(app, deps)
  one(app, deps)
  open(app, deps)
  steps(app, deps)
  acts(app, deps)
}
