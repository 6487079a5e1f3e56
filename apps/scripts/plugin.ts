/** The client's scripts, the example pages and the libraries that those load: everything from this server, so offline too. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ClientScript, SCRIPTS, type ScriptPath, scriptAt } from './build.ts'

const hidden = { schema: { hide: true } }
const JAVASCRIPT = 'text/javascript; charset=utf-8'
const PAGES = fileURLToPath(new URL('../examples/', import.meta.url))
const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url))

/** As their makers publish them, each under its own licence. */
const LIBRARIES: Readonly<Record<string, string>> = {
  'aframe.js': 'aframe/dist/aframe-master.min.js',
  'networked-aframe.js': 'networked-aframe/dist/networked-aframe.min.js',
  'three.module.js': 'three/build/three.module.js',
  'three.core.js': 'three/build/three.core.js',
}

/** With its ETag, compressed for whoever takes that; any page may load it and read it. */
const sendScript = (request: FastifyRequest, reply: FastifyReply, script: ClientScript) => {
  reply
    .type(JAVASCRIPT)
    .header('access-control-allow-origin', '*')
    .header('cache-control', 'public, max-age=300, stale-while-revalidate=86400')
    .header('vary', 'accept-encoding')
    .header('etag', script.etag)
    .removeHeader('access-control-allow-credentials')
  if (request.headers['if-none-match']?.includes(script.etag)) return reply.code(304).send()
  const takesGzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  return takesGzip ? reply.header('content-encoding', 'gzip').send(script.gzipped) : reply.send(script.body)
}

const libraries = new Map<string, ClientScript>()
const libraryAt = (name: string, file: string): ClientScript => {
  const known = libraries.get(name)
  if (known !== undefined) return known
  const body = readFileSync(join(MODULES, file))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  const made = { body, gzipped: gzipSync(body), etag }
  libraries.set(name, made)
  return made
}

/** Inline scripts of a page may run, and no others: as their digests, which the policy names. `sfuUrl`: LiveKit's, if there
 *  is one, whose client asks over HTTP too, for instance whether the server is of an older version. */
const policyFor = (page: string, sfuUrl: string | null): string => {
  const inline = [...page.matchAll(/<script(?: type="module")?>([\s\S]*?)<\/script>/g)].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  )
  // A-Frame makes a function from text while it loads; our own scripts do not.
  const aframe = page.includes('/aframe.js"') ? [`'unsafe-eval'`] : []
  return [
    "default-src 'self'",
    `script-src ${["'self'", ...inline, ...aframe].join(' ')}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    `connect-src 'self' ws: wss: data: blob:${sfuUrl === null ? '' : ` ${sfuUrl.replace(/^ws/, 'http')}`}`,
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
  ].join('; ')
}

/** The client of LiveKit, as its makers publish it (Apache 2.0), under a path of ours: loaded only in a room whose voice goes there. */
const LIVEKIT = 'livekit-client/dist/livekit-client.esm.mjs'

/** Register it beside the API, in a scope of its own. `sfuUrl`: where browsers reach LiveKit, if there is one. */
export const clientScripts = (app: FastifyInstance, sfuUrl: string | null = null): void => {
  for (const path of Object.keys(SCRIPTS) as ScriptPath[])
    app.get(path, hidden, async (request, reply) => sendScript(request, reply, await scriptAt(path)))
  app.get('/presence-livekit.mjs', hidden, (request, reply) =>
    sendScript(request, reply, libraryAt('livekit', LIVEKIT)),
  )
  for (const [name, file] of Object.entries(LIBRARIES))
    app.get(`/examples/lib/${name}`, hidden, (request, reply) =>
      sendScript(request, reply, libraryAt(name, file)),
    )
  for (const name of readdirSync(PAGES).filter((file) => file.endsWith('.html'))) {
    const page = readFileSync(join(PAGES, name), 'utf8')
    const policy = policyFor(page, sfuUrl)
    const show = (_request: FastifyRequest, reply: FastifyReply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('cache-control', 'no-cache')
        .header('content-security-policy', policy)
        .send(page)
    app.get(`/examples/${name}`, hidden, show)
    if (name === 'index.html') app.get('/examples/', hidden, show)
  }
}
