/** Writing straight to a WebSocket, past Engine.IO's queue, where nothing waits in it. */
import type { SocketConnection, WebSocket, WriteOptions } from '../connection.ts'
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

export type Writing = {
  /** Straight to the WebSocket where nothing waits before it: what Engine.IO would do in the end, less its queue, its
   *  events and its callbacks, which cost half as much again as the writing. False: it has to go through the queue,
   *  which is also what bounds it. */
  readonly atOnce: (connection: SocketConnection, frames: ReadonlyArray<Buffer>) => boolean
  /** From now on what Socket.IO sends by itself (acknowledgements above all) goes the same way as a room's news: straight to
   *  the WebSocket in one buffer where nothing waits. Left alone, it costs several times what the writing does, and a
   *  frame's header and its text are two writes. */
  readonly directly: (connection: SocketConnection) => void
}

type NetSocket = NonNullable<WebSocket['_socket']>

/** An answer waits for what else goes to its socket in the same turn, which for one who speaks is the room's news of it: both
 *  are one write. Nothing overtakes it, since the stream itself holds all that comes. */
const createTurn = () => {
  const corked = new Set<NetSocket>()
  const end = (): void => {
    for (const net of corked) net.uncork()
    corked.clear()
  }
  return {
    isOpen: (net: NetSocket): boolean => corked.has(net),
    /** Until what is to be told of the accepted commands was: that is put off by a tick before the answers are given. */
    begin: (net: NetSocket): void => {
      if (corked.has(net)) return
      if (corked.size === 0) process.nextTick(end)
      corked.add(net)
      net.cork()
    },
  }
}

export const createWriting = (unread: Unread): Writing => {
  const direct = new WeakSet<SocketConnection>()
  const turn = createTurn()

  const write = (connection: SocketConnection, frames: ReadonlyArray<Buffer>, isAnswer: boolean): boolean => {
    const { transport } = connection
    const ws = transport.socket
    if (connection.readyState !== 'open' || !transport.writable || connection.writeBuffer.length > 0)
      return false
    if (ws === undefined || ws.readyState !== ws.OPEN) return false
    const { _socket: net, _sender: sender } = ws
    if (net == null || sender?.sendFrame === undefined) return false
    if (net.writableLength !== 0 && !turn.isOpen(net)) return false
    if (isAnswer) turn.begin(net)
    sender.sendFrame(frames)
    return true
  }

  return {
    atOnce: (connection, frames) => write(connection, frames, false),
    directly: (connection) => {
      // A client may leave and enter the namespace over one connection as often as it likes.
      if (direct.has(connection)) return
      direct.add(connection)
      unread.watch(connection)
      const queued = connection.write.bind(connection)
      connection.write = (data, options, ...rest) => {
        const isSettled = connection.transport.name === 'websocket' && !connection.upgrading
        if (isSettled && rest.length === 0 && typeof data === 'string') {
          const given = options?.wsPreEncodedFrame
          const frames = given ?? [frameOf(data)]
          if (write(connection, frames, given === undefined)) return
          const framed = { ...options, wsPreEncodedFrame: frames }
          unread.handed(connection, sizeOf(data, framed))
          queued(data, framed)
        } else {
          unread.handed(connection, sizeOf(data, options))
          queued(data, options, ...rest)
        }
      }
    },
  }
}
