/** Scripts that networked-aframe's pages load from their server, as their makers publish them, each under its own
 *  licence. (Socket.IO serves its client itself, at `/socket.io/socket.io.js`.) */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'

const require = createRequire(import.meta.url)
const folder = dirname(require.resolve('open-easyrtc/package.json'))
const FILES = [
  ['/easyrtc/easyrtc.js', 'api/easyrtc.js', 'text/javascript; charset=utf-8'],
  ['/easyrtc/LICENSE', 'LICENSE', 'text/plain; charset=utf-8'],
] as const

export const clientFiles = (app: FastifyInstance): void => {
  for (const [url, file, type] of FILES) {
    const body = readFileSync(join(folder, file))
    app.get(url, { schema: { hide: true } }, (_request, reply) =>
      reply.type(type).header('cache-control', 'public, max-age=3600').send(body),
    )
  }
}
