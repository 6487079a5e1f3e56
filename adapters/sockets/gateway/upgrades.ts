/** Requests to upgrade from HTTP: Socket.IO's go to Socket.IO, one for a WebSocket on any other path is a JSON socket,
 *  and anything else gets an answer in words. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Described } from '../../refusals.ts'

const STATUS: Readonly<Record<number, string>> = {
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  426: '426 Upgrade Required',
  429: '429 Too Many Requests',
  503: '503 Service Unavailable',
}
const described = (status: number, code: string, error: string): Described => ({ status, code, error })

const NO_LANGUAGE = described(
  400,
  'invalid_request',
  'Socket.IO is spoken at /socket.io/ with EIO=3 or EIO=4 in the query; a plain WebSocket that speaks JSON takes any other path, without EIO.',
)
const NO_COLLAB = described(
  404,
  'not_found',
  'No y-websocket documents are served here: rooms are at /socket.io/, or as JSON at any other path.',
)
const OTHER_VERSION = described(426, 'invalid_request', 'This server speaks version 13 of WebSocket.')
const NO_KEY = described(
  400,
  'invalid_request',
  'The request for a WebSocket has no valid Sec-WebSocket-Key.',
)

/** What is wrong with the request, or null. */
const complaint = ({ method, headers, url = '' }: IncomingMessage): Described | null => {
  const [path = '', query = ''] = url.split('?')
  if (path.startsWith('/socket.io/')) return /(^|&)EIO=[34](&|$)/.test(query) ? null : NO_LANGUAGE
  if (/(^|&)EIO=/.test(query) || path === '/socket.io') return NO_LANGUAGE
  if (path.startsWith('/api/collab')) return NO_COLLAB
  if (headers.upgrade?.toLowerCase() !== 'websocket' || method !== 'GET') return NO_LANGUAGE
  const version = Number(headers['sec-websocket-version'])
  if (version !== 13 && version !== 8) return OTHER_VERSION
  return /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '') ? null : NO_KEY
}

const refuseUpgrade = (socket: Duplex, { status, code, error }: Described): void => {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = JSON.stringify({ error, code })
  const head = [
    `HTTP/1.1 ${STATUS[status] ?? STATUS[400]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 426 ? ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'] : []),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Listens to errors until the WebSocket does. */
export function destroyIt(this: Duplex): void {
  this.destroy()
}

export type Upgrades = { readonly close: () => void }

/** Listens before Socket.IO's own listener, which must not get what is not for it. */
export const takeUpgrades = (
  httpServer: Server,
  deps: {
    readonly maxPacket: number
    /** Why the client may not connect, or null. */
    readonly refuses: (request: IncomingMessage) => Described | null
    readonly onSocket: (ws: WebSocket, request: IncomingMessage) => void
  },
): Upgrades => {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: deps.maxPacket,
    clientTracking: false,
  })
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', destroyIt)
    const wrong = complaint(request)
    if (wrong === null && request.url?.startsWith('/socket.io/')) return
    const refused = wrong ?? deps.refuses(request)
    if (refused === null)
      server.handleUpgrade(request, socket, head, (ws) => {
        socket.off('error', destroyIt)
        deps.onSocket(ws, request)
      })
    else refuseUpgrade(socket, refused)
  }
  httpServer.prependListener('upgrade', onUpgrade)
  return { close: () => httpServer.off('upgrade', onUpgrade) }
}
