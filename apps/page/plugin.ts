/** The start page at `/`, read once and served from memory; and, beside a stand-in for Hive alone, its wallet. */
import { readdirSync, readFileSync } from 'node:fs'
import type { FastifyInstance, FastifyReply } from 'fastify'
import * as t from 'io-ts'

export type PageOptions = {
  /** The stand-in for Hive, which signs for made-up accounts; null where Hive is real. */
  readonly hiveStandIn: string | null
}

const read = (name: string): Buffer => readFileSync(new URL(`./${name}`, import.meta.url))

const JAVASCRIPT = 'text/javascript; charset=utf-8'
const scripts = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.js'))
const FILES = [
  ['/', 'page.html', 'text/html; charset=utf-8'],
  ['/page/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/page/icon.svg', 'icon.svg', 'image/svg+xml'],
  ...scripts.map((name) => [`/page/${name}`, name, JAVASCRIPT] as const),
] as const

const SignRequest = t.type({ account: t.string, message: t.string })
// Signs only what a log-in needs: a time, or one of our challenges.
const CHALLENGE = /^(\d{10,13}|dlux_vr_[\w-]{1,200}|dlux_presence_[\w.-]{1,300})$/
const hidden = { schema: { hide: true } }

const refuse = (reply: FastifyReply, status: number, code: string, error: string) =>
  reply.code(status).send({ error, code, request_id: reply.request.id })

/** Register it beside the API: `await app.register(async (scope) => startPage(scope, options))`. */
export const startPage = (app: FastifyInstance, options: PageOptions): void => {
  for (const [url, file, type] of FILES) {
    const body = read(file)
    app.get(url, hidden, (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(body))
  }
  app.get('/page/config', hidden, (_request, reply) =>
    reply.header('cache-control', 'no-store').send({ hive_stand_in: options.hiveStandIn !== null }),
  )
  const { hiveStandIn } = options
  if (hiveStandIn === null) return
  app.post('/page/sign', hidden, async (request, reply) => {
    if (!SignRequest.is(request.body) || !CHALLENGE.test(request.body.message))
      return refuse(
        reply,
        400,
        'invalid_request',
        'An account is needed, and a message to sign that is Unix seconds, or a challenge of the server’s or the wallet’s.',
      )
    try {
      const { account, message } = request.body
      const response = await fetch(`${hiveStandIn}/sign`, {
        method: 'POST',
        body: JSON.stringify({ account, message }),
        signal: AbortSignal.timeout(5000),
      })
      if (response.status === 400)
        return refuse(
          reply,
          400,
          'invalid_account',
          'That is no account name: 3 to 16 letters, digits, hyphens, dots.',
        )
      if (!response.ok) throw new Error(`It answered ${response.status}.`)
      return reply.send(await response.json())
    } catch {
      return refuse(reply, 503, 'hive_unavailable', 'The stand-in for Hive does not answer.')
    }
  })
}
