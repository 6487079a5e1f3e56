/** What a space's moderators did, in numbers: for its owner to publish. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import { addTo, beginAccount, reportOf } from '../../../projections/transparency/report.ts'
import { EndTime, Time } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import { orTell, tellInvalid } from '../errors.ts'
import { free, time, whole } from '../shapes.ts'
import { isAuditor, needRole, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { mayAudit } from './moment.ts'

export const transparency = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/transparency',
    answer: {
      from: time,
      to: time,
      reports: whole(),
      cases: free,
      by_rule: free,
      acts: free,
      appeals: free,
      moderation: free,
      filters: free,
    },
    tag: 'cases',
    summary: 'What was reported and done in a period, in numbers that name nobody. For owners and auditors.',
    params: SpaceParams,
    strict: true,
    query: t.type({ from: Time, to: EndTime }),
    handle: async ({ params, query, who }) => {
      const space = spaceOf(params)
      if (!isAuditor(deps, who.caller)) needRole(await seen(deps, space, who.caller), 'owner')
      else await mayAudit(deps, space, who.caller)
      const [from, to] = [query.from.toISOString(), query.to.toISOString()]
      if (from > to) return tellInvalid('from', 'from must not be after to.')
      const account = beginAccount(from, to)
      for (let past = -1n; ; ) {
        const rows = orTell(await deps.readModels.accounted(space, { from, to }, past)())
        for (const row of rows) addTo(account, row)
        const last = rows.at(-1)
        if (last === undefined) return reportOf(account)
        past = last.position
      }
    },
  })
}
