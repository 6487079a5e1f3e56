/** The Socket.IO server and its settings. */
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Server } from 'socket.io'
import { originRules } from '../../origins.ts'
import { READ_AT_ALL } from '../oversized.ts'
import type { Gate } from './gate.ts'
import { forgetUpgrade } from './letting-go.ts'
import type { SocketLimits } from './limits.ts'

/** The answer to an upgrade and Engine.IO's first packet come in the same turn: a write of its own costs either some 40 µs. To be called when
 *  the answer is about to be written: an upgrade that is refused is answered and destroyed at once. */
const inOneWrite = (socket: Duplex): void => {
  socket.cork()
  // Engine.IO's packet comes in a microtask, and a tick comes after them only if one of them asks for it.
  queueMicrotask(() => process.nextTick(() => socket.uncork()))
}

export const socketServer = (
  httpServer: HttpServer,
  limits: SocketLimits,
  origins: ReadonlyArray<string> | '*',
  gate: Gate,
): Server => {
  const io = new Server(httpServer, {
    transports: ['polling', 'websocket'],
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: READ_AT_ALL * limits.maxPacket,
    pingInterval: limits.pingInterval,
    pingTimeout: limits.pingTimeout,
    connectTimeout: 10_000,
    // Clients with networked-aframe 0.11 have a Socket.IO of that age.
    allowEIO3: true,
    // Whatever is neither for Socket.IO nor a JSON socket is answered by the gateway.
    destroyUpgrade: false,
    cleanupEmptyChildNamespaces: true,
    cors: { origin: origins === '*' ? true : originRules(origins), credentials: true },
    allowRequest: gate.allowRequest,
  })
  io.engine.use(forgetUpgrade)
  io.engine.on('initial_headers', (_headers: unknown, request: IncomingMessage) => inOneWrite(request.socket))
  return io
}
