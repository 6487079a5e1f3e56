/** What the node answers to plain HTTP: whether it lives, what it is, what it holds. */
import type { RequestListener, ServerResponse } from 'node:http'
import type { Storage } from '../log/storage.ts'
import { SERVER_VERSION } from './cluster.ts'

export type HttpDeps = {
  readonly storage: Storage
  readonly subscriptions: () => number
  readonly connections: () => number
  readonly authentication: boolean
  /** The last position that the system projections have linked; undefined where they are off. */
  readonly linked: () => number | undefined
  readonly startedAt: number
}

const json = (response: ServerResponse, status: number, body: unknown): void => {
  const bytes = Buffer.from(JSON.stringify(body))
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(bytes)
}

export const httpHandler =
  ({ storage, subscriptions, connections, authentication, linked, startedAt }: HttpDeps): RequestListener =>
  (request, response) => {
    request.resume()
    const path = new URL(request.url ?? '/', 'http://node').pathname.replace(/(.)\/$/, '$1')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
      return
    }
    switch (path) {
      case '/health/live':
      case '/health/ready':
        response.writeHead(204).end()
        return
      case '/info':
        json(response, 200, {
          dbVersion: SERVER_VERSION,
          esVersion: SERVER_VERSION,
          state: 'leader',
          features: { projections: linked() !== undefined, userManagement: authentication, atomPub: false },
          authentication: { type: authentication ? 'internal' : 'insecure' },
        })
        return
      case '/stats': {
        const memory = process.memoryUsage()
        json(response, 200, {
          proc: {
            startTime: new Date(startedAt).toISOString(),
            id: process.pid,
            mem: memory.rss,
            heap: memory.heapUsed,
            cpu: process.cpuUsage(),
          },
          es: {
            ...storage.stats(),
            subscriptions: subscriptions(),
            connections: connections(),
            linkedPosition: linked(),
          },
        })
        return
      }
      default:
        json(response, 404, { error: 'not_found' })
    }
  }
