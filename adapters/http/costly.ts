/** Reads that cost the server some twenty times what others do: an address may ask for all of these together less often. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../domain/ports.ts'
import { isLoopback, networkOf } from '../addresses.ts'
import { describeRefusal } from '../refusals.ts'
import { type Bucket, fullBucket, take, waitFor } from '../token-bucket.ts'
import { HttpError } from './errors.ts'

/** Of one address in a minute, and at once. */
export const COSTLY_PER_MINUTE = 600
const REMEMBERED = 50_000

const COSTLY = new Set([
  '/api/audit',
  '/api/me/audit',
  '/api/spaces/:type/:id/audit',
  '/api/spaces/:type/:id/audit/counts',
  '/api/spaces/:type/:id/at',
  '/api/spaces/:type/:id/replay',
  '/api/spaces/:type/:id/why',
  '/api/audit/proof/inclusion',
  '/api/audit/proof/consistency',
  '/api/feed',
])

/** What one counts as: a search for words three times, an export as forty (`npm run bench -- limits` measures both). */
export const WORTH = { search: 3, export: 40 }
const worthOf = ({ query, headers }: FastifyRequest): number => {
  const { text, format } = query as { readonly text?: unknown; readonly format?: unknown }
  const isExport = (format !== undefined && format !== 'json') || /csv|ndjson/.test(headers.accept ?? '')
  return isExport ? WORTH.export : text === undefined ? 1 : WORTH.search
}

export const limitCostly = (app: FastifyInstance, clock: Clock, perMinute = COSTLY_PER_MINUTE): void => {
  const pace = { perSecond: perMinute / 60, burst: perMinute }
  const buckets = new LRUCache<string, Bucket>({ max: REMEMBERED })
  app.addHook('onRequest', async (request) => {
    if (!COSTLY.has(request.routeOptions.url ?? '') || isLoopback(request.address)) return
    const network = networkOf(request.address)
    const bucket = buckets.get(network) ?? fullBucket(pace, clock.now())
    buckets.set(network, bucket)
    const worth = Math.min(worthOf(request), pace.burst)
    if (take(bucket, pace, clock.now(), worth)) return
    const retryAfterSeconds = Math.ceil(waitFor(bucket, pace, worth) / 1_000)
    throw new HttpError(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds }))
  })
}
