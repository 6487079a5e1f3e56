/** The documentation under /docs: of the routes and of the sockets. What makes it is loaded, and it is made, when somebody first looks at it. */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { HttpConfig } from './deps.ts'

/** Where the pages of the OpenAPI document are, and the document. */
const PAGES = ['/docs', '/docs/json', '/docs/yaml', '/docs/static/*'] as const
/** Headers of one answer that are not the other's. */
const OF_CONNECTION = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])
const HIDDEN = { hide: true }

/** The value, made at the first call; a failure is not kept. */
const once = <A>(make: () => Promise<A>): (() => Promise<A>) => {
  let made: Promise<A> | null = null
  return () => {
    made ??= make().catch((error) => {
      made = null
      throw error
    })
    return made
  }
}

/** Documents every route that is added from now on. */
export const documentation = (
  app: FastifyInstance,
  { version, publicUrl }: Pick<HttpConfig, 'version' | 'publicUrl'>,
): void => {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    const { hide } = (route.schema ?? {}) as { readonly hide?: boolean }
    if (route.method !== 'HEAD' && hide !== true) routes.push(route)
  })
  const described = once(async () => {
    const { describeRoutes } = await import('./described.ts')
    return describeRoutes(routes, { version, publicUrl })
  })
  const show = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const { url = '/docs' } = request.raw
    const answer = await (await described()).inject({ method: 'GET', url, headers: request.headers })
    if (answer.statusCode === 404) return reply.callNotFound()
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined && !OF_CONNECTION.has(name)) reply.header(name, value)
    return reply.code(answer.statusCode).send(answer.rawPayload)
  }
  for (const url of PAGES) app.get(url, { schema: HIDDEN }, show)

  const ofSockets = once(async () => {
    const { asyncApi, asyncApiPage } = await import('../sockets/asyncapi.ts')
    return { document: asyncApi(version, publicUrl), page: asyncApiPage() }
  })
  app.get('/docs/asyncapi.json', { schema: HIDDEN }, async () => (await ofSockets()).document)
  app.get('/docs/sockets', { schema: HIDDEN }, async (_, reply) =>
    reply.type('text/html; charset=utf-8').send((await ofSockets()).page),
  )
}
