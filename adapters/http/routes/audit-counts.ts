/** A room's timeline in counts, for people who may see its moments. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import { EndTime, from, optional, Time } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import { orTell, tellInvalid } from '../errors.ts'
import { free, listOf, orNull, shape, time, whole } from '../shapes.ts'
import { SpaceParams, spaceOf } from '../space-gate.ts'
import { mayAudit } from './moment.ts'

/** The most spans: as many as fit on a wide screen. */
const MOST = 500
const Buckets = from(`a whole number from 1 to ${MOST}`, (value) => {
  const buckets = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0
  return buckets >= 1 && buckets <= MOST ? buckets : undefined
})

export const auditCounts = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/audit/counts',
    answer: {
      from: orNull(time),
      to: orNull(time),
      width_ms: whole(),
      buckets: listOf(shape('AuditBucket', { bucket: whole(), counts: free })),
    },
    tag: 'audit',
    summary:
      'How many events of each type a space had in each of up to 500 spans of time, not counting looks at its record. For its moderators and for auditors.',
    params: SpaceParams,
    strict: true,
    query: t.type({ from: optional(Time), to: optional(EndTime), buckets: optional(Buckets) }),
    handle: async ({ params, query, who, sender }) => {
      const space = spaceOf(params)
      const { from: begin, to: end, buckets } = query
      await mayAudit(deps, space, who.caller)
      if (begin !== null && end !== null && begin > end) tellInvalid('from', 'from must not be after to.')
      const counts = orTell(
        await deps.readModels.auditCounts({
          space,
          from: begin?.getTime() ?? null,
          to: end?.getTime() ?? null,
          buckets: buckets ?? 200,
        })(),
      )
      const filters = {
        ...(begin === null ? {} : { from: begin.toISOString() }),
        ...(end === null ? {} : { to: end.toISOString() }),
      }
      orTell(await deps.looks.record({ sender, space, call: 'counts', filters, rows: null })())
      return { ...counts }
    },
  })
}
