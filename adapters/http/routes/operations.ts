/** Health and metrics, for the operator. */
import type { FastifyInstance } from 'fastify'
import type { HttpDeps } from '../deps.ts'
import { plainText } from '../endpoint.ts'
import { NOT_FOUND, tell } from '../errors.ts'
import { checksFor, isOperator } from '../operator.ts'
import { Health } from '../shapes.ts'

/** Looks once for all who ask at the same time: these requests are not limited, and each look costs the database something. */
export const shared = <A>(find: () => Promise<A>): (() => Promise<A>) => {
  let underway: Promise<A> | null = null
  return () => {
    underway ??= find().finally(() => {
      underway = null
    })
    return underway
  }
}

export const operations = (app: FastifyInstance, deps: HttpDeps): void => {
  const health = shared(deps.health)
  const operatorToken = deps.config.operatorToken ?? null
  const metrics = shared(() => deps.metrics.metrics())
  for (const url of ['/api/health', '/health', '/api/presence/health'])
    app.route({
      method: 'GET',
      url,
      config: { rateLimit: false },
      schema: {
        tags: ['operations'],
        summary:
          'Whether each part works; 503 if a vital one does not. Details are for the operator: on this machine, or with OPERATOR_TOKEN as bearer token.',
        security: [],
        response: {
          200: { description: 'Every vital part works.', ...Health },
          503: { description: 'A vital part is down: the status is degraded.', ...Health },
        },
      },
      handler: async (request, reply) => {
        const checks = await health()
        const down = Object.values(checks).some((check) => check.vital && !check.ok)
        reply.code(down ? 503 : 200)
        return {
          status: down ? 'degraded' : 'ok',
          checks: checksFor(checks, isOperator(request, operatorToken)),
          version: deps.config.version,
          node: deps.config.nodeId,
        }
      },
    })

  app.route({
    method: 'GET',
    url: '/metrics',
    config: { rateLimit: false },
    schema: {
      tags: ['operations'],
      summary:
        'Metrics as Prometheus text, for the operator: on this machine, or with OPERATOR_TOKEN as bearer token.',
      security: [],
      response: plainText('Metrics.'),
    },
    handler: async (request, reply) => {
      // However the address is written, only who asks counts.
      if (!isOperator(request, operatorToken)) return tell(NOT_FOUND)
      reply.type(deps.metrics.contentType)
      return metrics()
    },
  })
}
