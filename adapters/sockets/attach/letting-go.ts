/** What Engine.IO and Socket.IO keep of a handshake for as long as its socket lives, and nobody needs afterwards. There
 *  are thousands of sockets, and a request is 3 KB. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'socket.io'
import type { WebSocket } from 'ws'
import { destroyIt } from '../gateway/upgrades.ts'

// Not imported: an import of it also loads the client of fetch and WebSocket, which would lengthen each start.
const { ServerResponse } = process.getBuiltinModule('node:http')

/**
 * An Engine.IO middleware. The response of an upgrade would listen to the end of its network socket, and so keep the
 * request. Only middlewares use that response, and ours are done.
 */
export const forgetUpgrade = (request: IncomingMessage, response: unknown, next: () => void): void => {
  const added = response instanceof ServerResponse ? undefined : request.socket.listeners('close').at(-1)
  // Those of others have names.
  if (added?.name === '') request.socket.off('close', added as () => void)
  next()
}

const FORGOTTEN: Socket['handshake'] = Object.freeze({
  headers: Object.freeze({}),
  time: '',
  address: '',
  xdomain: false,
  secure: false,
  issued: 0,
  url: '',
  query: Object.freeze({}),
  auth: Object.freeze({}),
})

type Emitter = NodeJS.EventEmitter & { _events: object }
type Connection = NodeJS.EventEmitter & {
  request: unknown
  cleanupFn: ReadonlyArray<unknown>
  readonly transport: Emitter & {
    readonly name: string
    readonly socket?: WebSocket & { readonly _socket?: Emitter }
  }
}
type Decoder = { readonly _callbacks: Record<string, ReadonlyArray<unknown>> }

/** An array to which something was pushed has room for 16 more. */
const fitted = <T>(array: ReadonlyArray<T>): ReadonlyArray<T> => array.slice()

/** What listens once to something that happens once listens to it like any other, which takes 180 bytes less. */
const listenPlainly = (emitter: NodeJS.EventEmitter, event: string): void => {
  const listeners = emitter.listeners(event) as unknown as ReadonlyArray<() => void>
  emitter.removeAllListeners(event)
  for (const listener of listeners) emitter.on(event, listener)
}

/** A WebSocket sends no headers anymore, and reports its errors to its transport, whose first error is its end. */
const forgetUpgrading = ({ transport }: Connection): void => {
  if (transport.name !== 'websocket') return
  transport.removeAllListeners('headers')
  listenPlainly(transport, 'error')
  listenPlainly(transport, 'close')
  // Without what was removed, the table of its listeners is half as large.
  transport._events = Object.assign(Object.create(null), transport._events)
  const ws = transport.socket
  if (ws !== undefined) listenPlainly(ws, 'close')
  for (const listener of ws?.listeners('error') ?? [])
    if (listener.name === 'onUpgradeError') ws?.off('error', listener as () => void)
  ws?._socket?.off('error', destroyIt)
}

const NO_ACKS: ReadonlyMap<number, unknown> = new Map()
const NO_MIDDLEWARES: ReadonlyArray<unknown> = Object.freeze([])

/**
 * To be called once, when all that is needed of the handshake has been read. Source of forgetting the request: Socket.IO's
 * page on memory usage. Nothing here asks a client for an acknowledgement, or sends to a socket by the room that is
 * named after it.
 */
export const forgetHandshake = (socket: Socket): void => {
  const { client } = socket as unknown as {
    readonly client: { readonly conn: Connection; readonly decoder: Decoder }
  }
  const { conn, decoder } = client
  Object.assign(socket, { handshake: FORGOTTEN, acks: NO_ACKS, fns: NO_MIDDLEWARES })
  void socket.leave(socket.id)
  for (const [event, listeners] of Object.entries(decoder._callbacks))
    decoder._callbacks[event] = fitted(listeners)
  conn.request = null
  conn.cleanupFn = fitted(conn.cleanupFn)
  listenPlainly(conn, 'close')
  forgetUpgrading(conn)
}
