/** The OpenAPI document and its pages, made by a server of their own from the routes of ours: loaded when somebody first looks at them. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import type { HttpConfig } from './deps.ts'
import { finish, SECURITY, SECURITY_SCHEMES } from './openapi.ts'
import { compilersFactory } from './validate.ts'

const TAGS = [
  ['spaces', 'Finding a space, looking at it, and being let in.'],
  ['chat', 'What is said in a space.'],
  ['settings', 'What is allowed in a space.'],
  ['moderation', 'Roles, bans, mutes and kicks.'],
  ['filters', 'Rules that act by themselves on what people write, and what they caught; lists of bans.'],
  ['cases', 'Reports, cases, receipts and appeals.'],
  ['people', 'What is held on people, and erasing it.'],
  ['auth', 'Proving who one is.'],
  ['webrtc', 'Credentials for the media relay.'],
  ['audit', 'What happened, and why.'],
  ['proof', 'That the record is whole.'],
  [
    'panel',
    'What DLUX’s wallet and panel ask for beside rooms. There are no payments, and no tickets to buy.',
  ],
  ['operations', 'Health and metrics.'],
] as const

const nobody = async (): Promise<never> => {
  throw new Error('Only its description is used.')
}

/** Serves the documentation of `routes` under /docs, by `inject` alone. */
export const describeRoutes = async (
  routes: ReadonlyArray<RouteOptions>,
  config: Pick<HttpConfig, 'version' | 'publicUrl'>,
): Promise<FastifyInstance> => {
  const app = fastify({
    routerOptions: { ignoreTrailingSlash: true },
    exposeHeadRoutes: false,
    schemaController: { compilersFactory },
  })
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'DLUX Presence',
        version: config.version,
        description:
          'Presence and chat for shared VR rooms. What happens live comes over Socket.IO, on the default namespace and path: /docs/sockets, for programs /docs/asyncapi.json. ' +
          'Calls that say so refuse a parameter that they do not know; the others ignore it.',
      },
      // The page's own origin comes first: under another name its calls would be cross-origin.
      servers: [{ url: '/' }, { url: config.publicUrl }],
      components: { securitySchemes: SECURITY_SCHEMES as never },
      security: SECURITY as never,
      tags: TAGS.map(([name, description]) => ({ name, description })),
    },
    transformObject: (made) => finish(('openapiObject' in made ? made.openapiObject : {}) as never) as never,
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  for (const { method, url, schema } of routes)
    app.route({ method, url, ...(schema === undefined ? {} : { schema }), handler: nobody })
  await app.ready()
  return app
}
