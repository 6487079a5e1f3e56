/** One client's connection, which Socket.IO has beneath a socket. */
import type { Socket } from 'socket.io'
import type { NetSocket } from './sending/past-stream.ts'

/** The parts of Engine.IO's socket that are used here; with `wsPreEncodedFrame` socket.io's own adapter sends a room's packets. */
export type WriteOptions = { compress: boolean; wsPreEncodedFrame?: ReadonlyArray<Buffer> }
export type SocketTransport = {
  readonly name: string
  readonly writable: boolean
  readonly once: (event: 'ready', listener: () => void) => void
  readonly socket?: WebSocket
}
/** The `ws` library's socket, in the way in which Engine.IO itself uses it for a room's frames. */
export type WebSocket = {
  readonly readyState: number
  readonly OPEN: number
  readonly close: (code: number, reason: string) => void
  readonly terminate: () => void
  readonly pause: () => void
  readonly resume: () => void
  readonly _sender?: { readonly sendFrame?: (frames: ReadonlyArray<Buffer>) => void }
  readonly _socket?: NetSocket | null
}
export type SocketConnection = {
  readonly id: string
  readonly on: (event: 'flush', listener: () => void) => void
  readonly transport: SocketTransport
  readonly upgrading: boolean
  readonly readyState: string
  readonly writeBuffer: ReadonlyArray<unknown>
  write: (data: string, options: WriteOptions, ...rest: ReadonlyArray<unknown>) => void
  readonly close: (discard: boolean) => void
}

export const connectionOf = (socket: Socket): SocketConnection =>
  socket.client.conn as unknown as SocketConnection
