/** What the media server of large rooms posts to us. It signs its posts; nobody else's changes anything. */
import type { FastifyInstance } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import { invalid } from '../../refusals.ts'
import { takeReports } from '../../sfu/reports.ts'
import { fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import type { HttpDeps } from '../deps.ts'
import { orTell, tell } from '../errors.ts'

/** Reports that one server takes: a media server that is out of its mind does not fill the log. */
const PACE: TokenRate = { perSecond: 200, burst: 2_000 }

export const voice = (app: FastifyInstance, deps: HttpDeps): void => {
  const { sfu, commands, ids, clock, logger } = deps
  if (sfu?.webhook === undefined) return
  const { webhook } = sfu
  const report = takeReports({ sfu, commands, ids, clock, logger })
  const bucket = fullBucket(PACE, clock.now())
  // The signature is of the body as it came.
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.post('/api/voice/webhook', { schema: { hide: true } }, async ({ body, headers }) => {
      const text = typeof body === 'string' ? body : ''
      const read = webhook(text, headers.authorization, clock.now())
      if (E.isLeft(read)) return tell({ ...invalid('proof', read.left), status: 401 })
      if (read.right === null) return { success: true }
      if (!take(bucket, PACE, clock.now()))
        return orTell(E.left({ _tag: 'Refused', refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 } }))
      orTell(await report(read.right))
      return { success: true }
    })
  })
}
