/** The HTTP server, ready but not listening. */
import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import underPressure from '@fastify/under-pressure'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { Histogram } from 'prom-client'
import { addressesIn, clientAddress, isLoopback, networkOf } from '../addresses.ts'
import { originRules } from '../origins.ts'
import { describeError, describeRefusal } from '../refusals.ts'
import { acceptJson } from './body.ts'
import { limitCostly } from './costly.ts'
import type { HttpConfig, HttpDeps } from './deps.ts'
import { documentation } from './documentation.ts'
import { answerError, describeThrown, HttpError, NOT_ALLOWED, NOT_FOUND } from './errors.ts'
import { type Allowed, allowedMethods } from './methods.ts'
import { hasMalformedId, hasMalformedPost, rewriteUrl } from './paths.ts'
import { createPressure } from './pressure.ts'
import { requestId } from './request-id.ts'
import { audit } from './routes/audit.ts'
import { auditCounts } from './routes/audit-counts.ts'
import { banLists } from './routes/ban-lists.ts'
import { cases } from './routes/cases.ts'
import { chat } from './routes/chat.ts'
import { clientFiles } from './routes/client-files.ts'
import { commands } from './routes/commands.ts'
import { evidence } from './routes/evidence.ts'
import { feed } from './routes/feed.ts'
import { filters } from './routes/filters.ts'
import { keys } from './routes/keys.ts'
import { me } from './routes/me.ts'
import { moderation } from './routes/moderation.ts'
import { moment } from './routes/moment.ts'
import { operations } from './routes/operations.ts'
import { panel } from './routes/panel.ts'
import { proof } from './routes/proof.ts'
import { queue } from './routes/queue.ts'
import { reports } from './routes/reports.ts'
import { sessions } from './routes/sessions.ts'
import { settings } from './routes/settings.ts'
import { spaces } from './routes/spaces.ts'
import { subscriptions } from './routes/subscriptions.ts'
import { tlog } from './routes/tlog.ts'
import { transparency } from './routes/transparency.ts'
import { turn } from './routes/turn.ts'
import { voice } from './routes/voice.ts'
import { whatIf } from './routes/what-if.ts'
import { compilersFactory } from './validate.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The client's address, in canonical form. */
    readonly address: string
  }
}

const BODY_LIMIT = 65_536
const PER_MINUTE = 6_000
/** How many milliseconds a request may take to arrive completely. */
const REQUEST_MS = 60_000
/** As long as Node allows, so that our own rules check each id. */
const LONGEST_PARAM = 16_384
/** Requests are turned away if stalls of the event loop longer than this (ms) go on. */
const MAX_STALL_MS = 3_000

const logRequests = (app: FastifyInstance, deps: HttpDeps): void => {
  const seconds = new Histogram({
    name: 'presence_http_request_seconds',
    help: 'How long requests took, by route.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [deps.metrics],
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    const took = reply.elapsedTime
    seconds.observe({ method: request.method, route, status: String(reply.statusCode) }, took / 1_000)
    // The route, never the address: a query may reveal who looks for whom.
    request.log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(took) },
      'answered',
    )
  })
}

const answerErrors = (app: FastifyInstance, config: HttpConfig, allowed: Allowed): void => {
  app.setErrorHandler((error, request, reply) => {
    const told = describeThrown(error)
    const cause = error instanceof HttpError ? error.cause : error
    if (told.status >= 500)
      request.log[told.status === 500 ? 'error' : 'warn']({ err: cause, code: told.code }, told.error)
    else if (cause !== undefined) request.log.debug({ cause, code: told.code }, told.error)
    return answerError(config.nodeId, told, request, reply)
  })
  const malformed = describeError({
    _tag: 'InvalidSpace',
    detail: 'A post id is author/permlink, with exactly one slash.',
  })
  // Requests for unknown addresses count too.
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) => {
    if (hasMalformedPost(request.originalUrl)) return answerError(config.nodeId, malformed, request, reply)
    const allow = allowed(request.url)
    // An address that its own method does not find is no address, whatever it looks like.
    const isOther = allow !== null && !allow.split(', ').includes(request.method)
    if (isOther) reply.header('allow', allow)
    return answerError(config.nodeId, isOther ? NOT_ALLOWED : NOT_FOUND, request, reply)
  })
}

const protect = async (
  app: FastifyInstance,
  { publicUrl, ...config }: HttpConfig,
  sfuUrl: string | null,
): Promise<void> => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        // A media server is asked over HTTP too, whether it is there.
        connectSrc: ["'self'", ...(sfuUrl === null ? [] : [sfuUrl, sfuUrl.replace(/^ws/, 'http')])],
        // Over plain HTTP on one's own machine the documentation page must still load.
        upgradeInsecureRequests: publicUrl.startsWith('https:') ? [] : null,
      },
    },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    hsts: publicUrl.startsWith('https:'),
  })
  const anyone = config.corsOrigins.includes('*')
  await app.register(cors, {
    origin: anyone ? '*' : originRules(config.corsOrigins),
    credentials: !anyone,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: 600,
    // Without a preflight's headers, OPTIONS is a call like any other, and answers JSON.
    strictPreflight: false,
  })
  await app.register(rateLimit, {
    max: config.requestsPerMinute ?? PER_MINUTE,
    timeWindow: 60_000,
    keyGenerator: (request) => networkOf(request.address),
    cache: 50_000,
    // It is a proxy's or this machine's own address: everybody may be behind it.
    allowList: (request) => isLoopback(request.address),
    errorResponseBuilder: (_request, { ttl }) =>
      new HttpError(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: ttl / 1_000 })),
  })
  const pressure = createPressure(MAX_STALL_MS, () => performance.now())
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_STALL_MS,
    pressureHandler: (request: FastifyRequest, reply: FastifyReply) => {
      // Monitoring must still get an answer.
      if (/^\/(api\/)?health$|^\/metrics$/.test(request.routeOptions.url ?? '')) return
      if (!pressure.isLasting()) return
      const error = 'The server has more to do than it can: try again.'
      answerError(
        config.nodeId,
        { status: 503, code: 'server_unavailable', error, retry_after: 2 },
        request,
        reply,
      )
    },
  })
}

/** The answer to what never became a request. */
const ofClient = (code: string | undefined) => {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: '431 Request Header Fields Too Large',
        code: 'too_large',
        words: 'The headers are too large.',
      }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: '408 Request Timeout',
        code: 'invalid_request',
        words: 'The request did not come in time.',
      }
    default:
      return {
        status: '400 Bad Request',
        code: 'invalid_request',
        words: 'The request is not well-formed HTTP.',
      }
  }
}

/** Does not listen: the caller makes it listen, and closes it. */
export const createHttp = async (deps: HttpDeps): Promise<FastifyInstance> => {
  const { config } = deps
  const isOurs = addressesIn(config.trustProxy)
  const app = fastify({
    loggerInstance: deps.logger,
    // A client that offers HTTP/2 is answered in HTTP/1.1; otherwise the sockets' listener would hang up on it.
    http: { shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket' },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.bodyLimit ?? BODY_LIMIT,
    trustProxy: config.trustProxy.length === 0 ? false : (address: string) => isOurs(address),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    rewriteUrl: (request) => rewriteUrl(request.url ?? '/'),
    routerOptions: { maxParamLength: LONGEST_PARAM, ignoreTrailingSlash: true },
    requestTimeout: REQUEST_MS,
    // Given here, so that fastify's own compilers are not loaded only to be replaced.
    schemaController: { compilersFactory },
    // While the server closes, a request over an open connection is still answered, as its last one.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) =>
      answerError(
        config.nodeId,
        error.code === 'FST_ERR_BAD_URL' && hasMalformedId(request.raw.url ?? '')
          ? describeError({ _tag: 'InvalidSpace', detail: 'The space id is not well escaped.' })
          : describeThrown(error),
        request,
        reply,
      ),
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return socket.destroy()
      const { status, code, words } = ofClient(error.code)
      const body = JSON.stringify({ error: words, code, request_id: randomUUID(), node: config.nodeId })
      socket.end(
        `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    },
  }) as unknown as FastifyInstance

  // The client's own address, determined as for sockets; `ip` is fastify's, which knows fewer forms.
  app.decorateRequest('address', {
    getter() {
      const forwarded = this.headers['x-forwarded-for']
      const list = Array.isArray(forwarded) ? forwarded.join(',') : forwarded
      return clientAddress(this.raw.socket.remoteAddress ?? '', list, isOurs)
    },
  })
  acceptJson(app)
  logRequests(app, deps)
  const allowed = allowedMethods(app)
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('cache-control', 'no-store')
    const allow = request.method === 'OPTIONS' ? allowed(request.url) : null
    if (allow !== null) reply.header('allow', allow)
  })
  limitCostly(app, deps.clock, config)
  await protect(app, config, deps.sfu?.url ?? null)
  answerErrors(app, config, allowed)
  documentation(app, config)
  for (const routes of [
    operations,
    sessions,
    spaces,
    settings,
    queue,
    filters,
    banLists,
    moderation,
    reports,
    cases,
    transparency,
    commands,
    chat,
    turn,
    voice,
    audit,
    auditCounts,
    proof,
    tlog,
    moment,
    whatIf,
    evidence,
    feed,
    keys,
    me,
    subscriptions,
    panel,
  ])
    routes(app, deps)
  clientFiles(app)
  return app
}
