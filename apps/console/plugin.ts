/** The console at `/console`: one page with its style and its script. All its data comes from the API, requested with
 *  the reader's own token, so another client could request all of it as well. */
import { readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { consoleScript } from './bundle.ts'

const read = (name: string): Buffer => readFileSync(new URL(`./page/${name}`, import.meta.url))
const hidden = { schema: { hide: true } }

/** Allows nothing inline, nothing from elsewhere, and nothing that turns text into code or markup, except Lit's templates. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ')

const guarded = (reply: FastifyReply): FastifyReply =>
  reply
    .header('content-security-policy', POLICY)
    .header('referrer-policy', 'no-referrer')
    .header('cache-control', 'no-cache')

export const consolePage = (app: FastifyInstance): void => {
  const [page, style] = [read('console.html'), read('console.css')]
  app.get('/console', hidden, (_request, reply) => guarded(reply).type('text/html; charset=utf-8').send(page))
  // A short address, which can be told by word of mouth, for what is held on the reader.
  app.get('/me', hidden, (_request, reply) => guarded(reply).redirect('/console#/me'))
  app.get('/console/console.css', hidden, (_request, reply) =>
    guarded(reply).type('text/css; charset=utf-8').send(style),
  )
  app.get('/console/console.js', hidden, async (request, reply) => {
    const { plain, brotli, gzip } = await consoleScript()
    const accepts = String(request.headers['accept-encoding'] ?? '')
    guarded(reply).type('text/javascript; charset=utf-8').header('vary', 'accept-encoding')
    if (/\bbr\b/.test(accepts)) return reply.header('content-encoding', 'br').send(brotli)
    if (/\bgzip\b/.test(accepts)) return reply.header('content-encoding', 'gzip').send(gzip)
    return reply.send(plain)
  })
}
