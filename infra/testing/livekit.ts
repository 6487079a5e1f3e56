/** A stand-in for LiveKit: its RoomService over Twirp, its signalling's door, and its webhooks, with tokens that are checked
 *  and signed by LiveKit's own server SDK. It carries no media. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

// biome-ignore lint/suspicious/noExplicitAny: whatever was asked; the test says what it must be
type Json = any
export type Asked = { readonly method: string; readonly body: Json; readonly at: number }
export type LiveKitStandIn = {
  readonly key: string
  readonly secret: string
  readonly apiUrl: string
  readonly url: string
  /** What its API was asked, in order, with a valid token alone. */
  readonly asked: ReadonlyArray<Asked>
  /** Tokens with which clients came to its signalling. */
  readonly doors: ReadonlyArray<string>
  /** Why calls were turned away. */
  readonly refused: ReadonlyArray<string>
  readonly until: (method: string, wanted?: (asked: Asked) => boolean) => Promise<Asked>
  readonly claims: (token: string) => Promise<Json>
  /** Makes a webhook: the body, and the Authorization that LiveKit would send with it. */
  readonly webhook: (event: object) => Promise<{ readonly body: string; readonly authorization: string }>
  /** Whether it answers at all. */
  isUp: boolean
  readonly close: () => Promise<void>
}

/** Loaded only where a test asks for it. */
const SDK: string = 'livekit-server-sdk'
type Sdk = {
  readonly AccessToken: new (
    key: string,
    secret: string,
    options: object,
  ) => { sha256: string; readonly toJwt: () => Promise<string> }
  readonly TokenVerifier: new (
    key: string,
    secret: string,
  ) => { readonly verify: (token: string) => Promise<Json> }
}

const KEY = 'APItests'
const SECRET = 'for-tests-only-0123456789abcdef0'
const PATH = '/twirp/livekit.RoomService/'
/** By method: the grant without which it is refused, and whether that grant names the room. */
const NEEDS: Readonly<Record<string, readonly [string, boolean]>> = {
  ListRooms: ['roomList', false],
  UpdateParticipant: ['roomAdmin', true],
  RemoveParticipant: ['roomAdmin', true],
  DeleteRoom: ['roomCreate', false],
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export const startLiveKit = async (): Promise<LiveKitStandIn> => {
  const { AccessToken, TokenVerifier } = (await import(SDK)) as Sdk
  const verifier = new TokenVerifier(KEY, SECRET)
  const asked: Asked[] = []
  const doors: string[] = []
  const refused: string[] = []
  const waiting = new Set<() => void>()
  const state = { isUp: true }

  const authorized = async (method: string, authorization: string, body: Json): Promise<string | null> => {
    const [grant, ofRoom] = NEEDS[method] ?? ['', false]
    if (grant === '') return `there is no ${method}`
    try {
      const { video } = await verifier.verify(authorization.replace(/^Bearer /, ''))
      if (video?.[grant as 'roomAdmin'] !== true) return `${method} needs ${grant}`
      return ofRoom && video.room !== body.room ? `${method} is for another room` : null
    } catch (error) {
      return String(error)
    }
  }
  const server = createServer(async (request, response) => {
    const say = (status: number, answer: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    const text = await bodyOf(request)
    if (!state.isUp) return void request.socket.destroy()
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://livekit')
    if (pathname.startsWith('/rtc')) {
      doors.push(searchParams.get('access_token') ?? '')
      return void response.writeHead(401, { 'access-control-allow-origin': '*' }).end('no signalling here')
    }
    if (request.method !== 'POST' || !pathname.startsWith(PATH)) return void say(404, { code: 'bad_route' })
    const method = pathname.slice(PATH.length)
    const body = JSON.parse(text)
    const why = await authorized(method, request.headers.authorization ?? '', body)
    if (why !== null) {
      refused.push(why)
      return void say(401, { code: 'unauthenticated', msg: why })
    }
    asked.push({ method, body, at: Date.now() })
    for (const look of [...waiting]) look()
    // Nobody is ever connected to it, which it says as Twirp does.
    if (method.endsWith('Participant'))
      return void say(404, { code: 'not_found', msg: 'participant does not exist' })
    say(200, method === 'ListRooms' ? { rooms: [] } : {})
  })
  server.on('upgrade', (request, socket) => {
    doors.push(new URL(request.url ?? '/', 'http://livekit').searchParams.get('access_token') ?? '')
    socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    key: KEY,
    secret: SECRET,
    apiUrl: `http://127.0.0.1:${port}`,
    url: `ws://127.0.0.1:${port}`,
    asked,
    doors,
    refused,
    get isUp() {
      return state.isUp
    },
    set isUp(isUp) {
      state.isUp = isUp
      if (!isUp) server.closeAllConnections()
    },
    until: (method, wanted = () => true) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`${method} was not asked; asked: ${JSON.stringify(asked.slice(-8))}; ${refused}`))
        }, 10_000)
        const look = () => {
          const found = asked.find((one) => one.method === method && wanted(one))
          if (found === undefined) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    claims: (token) => verifier.verify(token),
    webhook: async (event) => {
      const body = JSON.stringify(event)
      const token = new AccessToken(KEY, SECRET, { ttl: 300 })
      token.sha256 = createHash('sha256').update(body).digest('base64')
      return { body, authorization: await token.toJwt() }
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
