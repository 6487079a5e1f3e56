/** For those who run it: health and metrics. */
import type { FastifyInstance } from 'fastify'
import type { HttpDeps } from '../deps.ts'
import { plainText } from '../endpoint.ts'
import { Health } from '../shapes.ts'

export const operations = (app: FastifyInstance, deps: HttpDeps): void => {
  for (const url of ['/api/health', '/health'])
    app.route({
      method: 'GET',
      url,
      config: { rateLimit: false },
      schema: {
        tags: ['operations'],
        summary: 'Whether each part works; 503 where a vital one does not.',
        security: [],
        response: {
          200: { description: 'Every vital part works.', ...Health },
          503: { description: 'A vital part is down: the status is degraded.', ...Health },
        },
      },
      handler: async (_request, reply) => {
        const checks = await deps.health()
        const down = Object.values(checks).some((check) => check.vital && !check.ok)
        reply.code(down ? 503 : 200)
        return {
          status: down ? 'degraded' : 'ok',
          checks,
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
      summary: 'Prometheus text.',
      security: [],
      response: plainText('Metrics.'),
    },
    handler: async (_request, reply) => {
      reply.type(deps.metrics.contentType)
      return deps.metrics.metrics()
    },
  })
}
