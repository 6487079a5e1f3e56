/** The Socket.IO server and its settings. */
import type { Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import { originRules } from '../../origins.ts'
import { READ_AT_ALL } from '../oversized.ts'
import type { Gate } from './gate.ts'
import { forgetUpgrade } from './letting-go.ts'
import type { SocketLimits } from './limits.ts'

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
  return io
}
