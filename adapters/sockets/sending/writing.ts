/** Writing straight to a WebSocket, past Engine.IO's queue, where nothing waits in it. */
import type { SocketConnection, WriteOptions } from '../connection.ts'
import { frameOf } from '../frames.ts'
import type { Unread } from '../unread.ts'

export const optionsOf = (frames: ReadonlyArray<Buffer>): WriteOptions => ({
  compress: false,
  wsPreEncodedFrame: frames,
})

export const sizeOf = (data: unknown, options: WriteOptions | undefined): number => {
  const frames = options?.wsPreEncodedFrame
  if (frames !== undefined) return frames.reduce((sum, frame) => sum + frame.length, 0)
  return typeof data === 'string' ? Buffer.byteLength(data) : ((data as Buffer | undefined)?.byteLength ?? 0)
}

/** Straight to the WebSocket where nothing waits before it: what Engine.IO would do in the end, less its queue, its
 *  events and its callbacks, which cost half as much again as the writing. False: it has to go through the queue,
 *  which is also what bounds it. */
export const writtenAtOnce = (connection: SocketConnection, frames: ReadonlyArray<Buffer>): boolean => {
  const { transport } = connection
  const ws = transport.socket
  if (connection.readyState !== 'open' || !transport.writable || connection.writeBuffer.length > 0)
    return false
  if (ws === undefined || ws.readyState !== ws.OPEN || ws._socket?.writableLength !== 0) return false
  if (ws._sender?.sendFrame === undefined) return false
  ws._sender.sendFrame(frames)
  return true
}

const direct = new WeakSet<SocketConnection>()

/** What Socket.IO sends by itself (acknowledgements above all) goes the same way as a room's news: straight to the
 *  WebSocket in one buffer where nothing waits. Left alone, it costs several times what the writing does, and a
 *  frame's header and its text are two writes. */
export const writeDirectly = (connection: SocketConnection, unread: Unread): void => {
  // A client may leave and enter the namespace over one connection as often as it likes.
  if (direct.has(connection)) return
  direct.add(connection)
  unread.watch(connection)
  const queued = connection.write.bind(connection)
  connection.write = (data, options, ...rest) => {
    const isSettled = connection.transport.name === 'websocket' && !connection.upgrading
    if (isSettled && rest.length === 0 && typeof data === 'string') {
      const frames = options?.wsPreEncodedFrame ?? [frameOf(data)]
      if (writtenAtOnce(connection, frames)) return
      const framed = { ...options, wsPreEncodedFrame: frames }
      unread.handed(connection, sizeOf(data, framed))
      queued(data, framed)
    } else {
      unread.handed(connection, sizeOf(data, options))
      queued(data, options, ...rest)
    }
  }
}
