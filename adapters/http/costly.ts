/** A separate, smaller allowance for reads that cost the server some twenty times what others do. It is kept per network, and per account
 *  from whatever network. An answer that lasts is charged by its length while it is sent, a search for rooms by the time that it took. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../../domain/identity.ts'
import type { Clock } from '../../domain/ports.ts'
import { isLoopback, networkOf } from '../addresses.ts'
import { boundedCache } from '../bounded-cache.ts'
import { describeRefusal } from '../refusals.ts'
import { type Bucket, fullBucket, refill, take, waitFor } from '../token-bucket.ts'
import { HttpError } from './errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly costly: Costly
  }
}

/** How many such reads one network, or one account, may make in a minute, and at once. */
export const COSTLY_PER_MINUTE = 600
const REMEMBERED = 50_000

const COSTLY = new Set([
  '/api/audit',
  '/api/me/audit',
  '/api/me',
  '/api/me/looks',
  '/api/me/data',
  '/api/spaces/:type/:id/audit',
  '/api/spaces/:type/:id/audit/counts',
  '/api/spaces/:type/:id/evidence',
  '/api/spaces/:type/:id/at',
  '/api/spaces/:type/:id/replay',
  '/api/spaces/:type/:id/why',
  '/api/spaces/:type/:id/filtered',
  '/api/spaces/:type/:id/ban-list',
  '/api/spaces/:type/:id/what-if',
  '/api/spaces/:type/:id/transparency',
  '/api/audit/proof/inclusion',
  '/api/audit/proof/consistency',
  '/api/feed',
  '/api/presence/waitlist/:id/status',
])

/** Pages that every visitor reads, but that cost several milliseconds each: how many a network may read in a minute, and at once. */
export const PAGES_PER_MINUTE = 2_000
const PAGES = new Set(['/api/spaces', '/api/chat/:type/:id/messages'])

/** How much one counts: a search for words three times, an export fifteen times and by its length (`npm run bench --
 *  limits` measures both). */
export const WORTH = { search: 3, export: 15 }
/** In an answer that lasts, each of this many characters counts as one more read. */
export const PAID_CHARACTERS = 128 * 1_024
/** A search for rooms, or a page far into their list, counts once for each of this many milliseconds that it takes, at
 *  most for a second: how much there is to search grows with the content. */
export const CHARGED_MS = 25
const MOST_CHARGED_MS = 1_000
const NEAR = 1_000
const isSearchOfRooms = ({ query, routeOptions }: FastifyRequest): boolean => {
  if (routeOptions.url !== '/api/spaces') return false
  const { q, offset } = query as { readonly q?: unknown; readonly offset?: unknown }
  return (q ?? '') !== '' || Number(offset ?? 0) > NEAR
}

const worthOf = ({ query, headers, routeOptions }: FastifyRequest): number => {
  if (/\/(evidence|what-if|me\/data)$/.test(routeOptions.url ?? '')) return WORTH.export
  const { text, format } = query as { readonly text?: unknown; readonly format?: unknown }
  // What is left out is undefined before decoding, and null after it.
  const isExport = (format ?? 'json') !== 'json' || /csv|ndjson/.test(headers.accept ?? '')
  return isExport ? WORTH.export : (text ?? null) === null ? 1 : WORTH.search
}

export type ReadLimits = {
  readonly costlyPerMinute?: number | undefined
  readonly pagesPerMinute?: number | undefined
}

export type Costly = {
  /** To be called once it is known who asks. Throws `slow_down`. */
  readonly asked: (request: FastifyRequest, caller: Caller) => void
  /** Pays for characters that were sent: returns how many milliseconds to wait before the next. */
  readonly paid: (request: FastifyRequest, caller: Caller, characters: number) => number
}

const slowDown = (ms: number): HttpError =>
  new HttpError(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: Math.ceil(ms / 1_000) }))

const payerOf = ({ kind, id }: Caller): string | null => (kind === 'guest' ? null : `${kind} ${id}`)

export const limitCostly = (
  app: FastifyInstance,
  clock: Clock,
  { costlyPerMinute: perMinute = COSTLY_PER_MINUTE, pagesPerMinute = PAGES_PER_MINUTE }: ReadLimits = {},
): void => {
  const pace = { perSecond: perMinute / 60, burst: perMinute }
  const buckets = boundedCache<string, Bucket>(REMEMBERED)
  const pagesPace = { perSecond: pagesPerMinute / 60, burst: pagesPerMinute }
  const pages = boundedCache<string, Bucket>(REMEMBERED)
  const bucketOf = (payer: string): Bucket => {
    const bucket = buckets.get(payer) ?? fullBucket(pace, clock.now())
    buckets.set(payer, bucket)
    return bucket
  }
  const isCostly = (request: FastifyRequest): boolean =>
    (COSTLY.has(request.routeOptions.url ?? '') || isSearchOfRooms(request)) && !isLoopback(request.address)
  const takeFrom = (payer: string, request: FastifyRequest): void => {
    const bucket = bucketOf(payer)
    const worth = Math.min(worthOf(request), pace.burst)
    if (take(bucket, pace, clock.now(), worth)) return
    throw slowDown(waitFor(bucket, pace, worth))
  }
  const takePage = (network: string): void => {
    const bucket = pages.get(network) ?? fullBucket(pagesPace, clock.now())
    pages.set(network, bucket)
    if (!take(bucket, pagesPace, clock.now())) throw slowDown(waitFor(bucket, pagesPace))
  }
  app.addHook('onRequest', async (request) => {
    if (isCostly(request)) takeFrom(networkOf(request.address), request)
    // A HEAD is read as a GET is.
    else if (
      (request.method === 'GET' || request.method === 'HEAD') &&
      PAGES.has(request.routeOptions.url ?? '') &&
      !isLoopback(request.address)
    )
      takePage(networkOf(request.address))
  })
  const accountOf = new WeakMap<FastifyRequest, string>()
  app.addHook('onResponse', async (request, reply) => {
    if (!isSearchOfRooms(request) || isLoopback(request.address)) return
    const owed = Math.min(reply.elapsedTime, MOST_CHARGED_MS) / CHARGED_MS
    for (const payer of [networkOf(request.address), accountOf.get(request)])
      if (payer !== undefined) bucketOf(payer).tokens -= owed
  })
  app.decorate('costly', {
    asked: (request, caller) => {
      const payer = payerOf(caller)
      if (payer === null || !isCostly(request)) return
      accountOf.set(request, payer)
      takeFrom(payer, request)
    },
    paid: (request, caller, characters) => {
      if (!isCostly(request)) return 0
      const owing = [payerOf(caller), networkOf(request.address)].map((payer) => {
        if (payer === null) return 0
        const bucket = bucketOf(payer)
        refill(bucket, pace, clock.now())
        bucket.tokens -= characters / PAID_CHARACTERS
        return bucket.tokens < 0 ? waitFor(bucket, pace, 0) : 0
      })
      return Math.max(...owing)
    },
  } satisfies Costly)
}
