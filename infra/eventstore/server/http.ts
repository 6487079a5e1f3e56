/** Answers plain HTTP, over HTTP/1 and HTTP/2: health, information about the node, statistics. */
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Guard } from '../auth/guard.ts'
import type { Users } from '../auth/users.ts'
import type { Scavenger } from '../log/scavenge.ts'
import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import { SERVER_VERSION } from './cluster.ts'

export type HttpParts = {
  readonly storage: Storage
  readonly scavenger: Scavenger
  readonly guard: Guard
  /** Undefined if everyone may do everything. */
  readonly users: Users | undefined
  /** Counts of clients' subscriptions. */
  readonly subscriptions: () => number
  readonly connections: () => number
  /** The last position that the system projections have linked; undefined if they are off. */
  readonly linked: () => number | undefined
  readonly instanceId: string
  readonly address: () => { readonly host: string; readonly port: number }
  readonly startedAt: number
}

export type HttpRequest = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
}
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
export type Responder = (ask: HttpRequest) => Promise<Answer>

const text = (status: number, body: string, type = 'text/plain; charset=utf-8'): Answer => ({
  status,
  headers: { 'content-type': type },
  body,
})
const json = (status: number, body: unknown): Answer => text(status, JSON.stringify(body), 'application/json')
const refusal = (status: number, error: string, message: string): Answer => json(status, { error, message })

const METRICS = [
  ['eventstore_last_position', 'gauge', 'Position of the last event on the disk', 'lastPosition'],
  ['eventstore_streams', 'gauge', 'Streams that were ever written to', 'streams'],
  ['eventstore_file_bytes', 'gauge', 'Bytes of the log’s file', 'bytes'],
  ['eventstore_wal_pages', 'gauge', 'Pages in the write-ahead log', 'walFrames'],
  ['eventstore_subscriptions', 'gauge', 'Subscriptions of clients', 'subscriptions'],
  ['eventstore_connections', 'gauge', 'Connections of clients', 'connections'],
  ['process_resident_memory_bytes', 'gauge', 'Memory of the process', 'memory'],
  ['process_cpu_seconds_total', 'counter', 'Processor time of the process', 'processorSeconds'],
  ['process_start_time_seconds', 'gauge', 'When the process began, since the epoch', 'startedAt'],
] as const

const STATUS: Readonly<Record<number, readonly [status: number, error: string]>> = {
  7: [401, 'access_denied'],
  16: [401, 'unauthenticated'],
}

/** The refusal of a caller without an administrator's credentials; undefined for one who has them. */
const refused = async (
  { users, guard }: HttpParts,
  headers: IncomingHttpHeaders,
): Promise<Answer | undefined> => {
  try {
    await users?.check(headers.authorization ?? '')
    guard.checkAdmin({ headers })
    return undefined
  } catch (error) {
    if (!errors.isGrpcError(error)) throw error
    const [status, name] = STATUS[error.code] ?? [403, 'access_denied']
    const answer = refusal(status, name, error.details)
    return status === 401
      ? { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Basic realm="eventstore"' } }
      : answer
  }
}

/** The routes, by path and method, and who may call them. */
const tableOf = (
  deps: HttpParts,
): Readonly<Record<string, Readonly<Record<string, (ask: HttpRequest) => Answer | Promise<Answer>>>>> => {
  const { storage, scavenger, users, linked, startedAt } = deps
  const held = () => ({
    ...storage.stats(),
    subscriptions: deps.subscriptions(),
    connections: deps.connections(),
  })
  const gossip = (): Answer => {
    const { host, port } = deps.address()
    const member = {
      instanceId: deps.instanceId,
      timeStamp: new Date().toISOString(),
      state: 'Leader',
      isAlive: true,
      httpEndPointIp: host,
      httpEndPointPort: port,
      lastCommitPosition: storage.lastPosition(),
      writerCheckpoint: storage.lastPosition(),
      isReadOnlyReplica: false,
      esVersion: SERVER_VERSION,
    }
    return json(200, { members: [member], serverIp: host, serverPort: port })
  }
  const info = (): Answer =>
    json(200, {
      dbVersion: SERVER_VERSION,
      esVersion: SERVER_VERSION,
      state: 'leader',
      features: { projections: linked() !== undefined, userManagement: users !== undefined, atomPub: false },
      authentication: { type: users === undefined ? 'insecure' : 'internal' },
    })
  const stats = (): Answer => {
    const memory = process.memoryUsage()
    return json(200, {
      proc: {
        startTime: new Date(startedAt).toISOString(),
        id: process.pid,
        mem: memory.rss,
        heap: memory.heapUsed,
        cpu: process.cpuUsage(),
      },
      es: { ...held(), linkedPosition: linked() },
    })
  }
  const metrics = (): Answer => {
    const { user, system } = process.cpuUsage()
    const values: Record<string, number> = {
      ...held(),
      memory: process.memoryUsage.rss(),
      processorSeconds: (user + system) / 1e6,
      startedAt: startedAt / 1000,
    }
    const lines = METRICS.flatMap(([name, kind, help, key]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${kind}`,
      `${name} ${values[key] ?? 0}`,
    ])
    return text(200, `${lines.join('\n')}\n`, 'text/plain; version=0.0.4; charset=utf-8')
  }
  const scavenge = async ({ headers }: HttpRequest): Promise<Answer> => {
    const no = await refused(deps, headers)
    if (no !== undefined) return no
    const { id, started } = scavenger.start()
    return json(started ? 200 : 409, { scavengeId: id })
  }
  const scavenging = async ({ headers }: HttpRequest): Promise<Answer> =>
    (await refused(deps, headers)) ?? json(200, scavenger.progress() ?? { scavengeId: '' })
  const alive = (): Answer => ({ status: 204, headers: {}, body: '' })
  return {
    '/': {
      GET: () => text(200, `An event store that speaks EventStoreDB’s gRPC protocol (${SERVER_VERSION}).\n`),
    },
    // A client looks for the number, whatever it is.
    '/ping': { GET: () => json(200, { msgTypeId: 0, text: 'Ping request successfully handled' }) },
    '/health/live': { GET: alive },
    '/health/ready': { GET: alive },
    '/info': { GET: info },
    '/gossip': { GET: gossip },
    '/stats': { GET: stats },
    '/metrics': { GET: metrics },
    '/admin/scavenge': { POST: scavenge },
    '/admin/scavenge/current': { GET: scavenging },
  }
}

export const httpAnswers = (deps: HttpParts): Responder => {
  const table = tableOf(deps)
  return async (ask) => {
    const path = ask.path.replace(/[?#].*/s, '').replace(/(.)\/$/, '$1')
    const methods = Object.hasOwn(table, path) ? table[path] : undefined
    if (methods === undefined) return refusal(404, 'not_found', `There is nothing at ${path.slice(0, 200)}.`)
    const method = ask.method === 'HEAD' ? 'GET' : ask.method
    if (!Object.hasOwn(methods, method)) {
      const allow = Object.keys(methods).flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : [one]))
      const answer = refusal(405, 'method_not_allowed', `${path} takes ${allow.join(', ')}.`)
      return { ...answer, headers: { ...answer.headers, allow: allow.join(', ') } }
    }
    try {
      return await methods[method]!(ask)
    } catch (error) {
      console.error(error)
      return refusal(503, 'unavailable', 'It can’t be said now.')
    }
  }
}

const headersOf = ({ status, headers, body }: Answer): Record<string, string> =>
  status === 204 ? { ...headers } : { ...headers, 'content-length': `${Buffer.byteLength(body)}` }

export const overHttp1 =
  (answers: Responder): RequestListener =>
  async (request, response) => {
    request.resume()
    const { method = 'GET', url = '/', headers } = request
    const answer = await answers({ method, path: url, headers })
    response.writeHead(answer.status, headersOf(answer)).end(method === 'HEAD' ? undefined : answer.body)
  }

export const overHttp2 =
  (answers: Responder) =>
  async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    stream.resume()
    const method = String(headers[':method'] ?? 'GET')
    const answer = await answers({ method, path: String(headers[':path'] ?? '/'), headers })
    if (stream.destroyed || stream.closed) return
    const hasBody = method !== 'HEAD' && answer.body !== ''
    stream.respond({ ':status': answer.status, ...headersOf(answer) }, { endStream: !hasBody })
    if (hasBody) stream.end(answer.body)
  }
