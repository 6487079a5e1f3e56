/** Writing directly to a WebSocket, bypassing Engine.IO's queue if nothing waits in it. */
import type { SocketConnection, WriteOptions } from '../connection.ts'
import { frameOf } from '../frames.ts'
import type { Unread } from '../unread.ts'
import { type NetSocket, writePastStream } from './past-stream.ts'

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
  /** Writes directly to the WebSocket if nothing waits before it: what Engine.IO would do in the end, without its
   *  queue, its events and its callbacks, which cost half as much again as the writing. False: it has to go through the
   *  queue, which also limits it. */
  readonly atOnce: (connection: SocketConnection, frames: ReadonlyArray<Buffer>) => boolean
  /** From now on, what Socket.IO sends itself (above all acknowledgements) goes the same way as a room's news: directly
   *  to the WebSocket in one buffer if nothing waits. Otherwise it costs several times what the writing does, and a
   *  frame's header and its text are two writes. */
  readonly directly: (connection: SocketConnection) => void
  /** Writes at once or not at all, as `atOnce` does, but in one write with the answer that follows in the same turn. */
  readonly withAnswer: (connection: SocketConnection, frames: ReadonlyArray<Buffer>) => boolean
}

/** An answer waits for whatever else is sent to its socket in the same turn, which for a speaker is the room's news of
 *  their message: both are one write. Nothing overtakes it, since the stream itself holds everything that comes. */
const createTurn = () => {
  const corked = new Set<NetSocket>()
  const end = (): void => {
    for (const net of corked) net.uncork()
    corked.clear()
  }
  return {
    isOpen: (net: NetSocket): boolean => corked.has(net),
    /** Waits until all microtasks are done, also where a timer or a tick begins it: answers come from these, and so does the news
     *  of accepted commands. */
    begin: (net: NetSocket): void => {
      if (corked.has(net)) return
      if (corked.size === 0) queueMicrotask(() => process.nextTick(end))
      corked.add(net)
      net.cork()
    },
  }
}

const isSettled = ({ transport, upgrading }: SocketConnection): boolean =>
  transport.name === 'websocket' && !upgrading

export const createWriting = (unread: Unread): Writing => {
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
    if (frames.length === 1) writePastStream(net, frames[0]!)
    else sender.sendFrame(frames)
    return true
  }

  /** Takes the place of Engine.IO's own method, which the prototype has. One function for all connections. */
  function writeDirectly(
    this: SocketConnection,
    ...[data, options, ...rest]: Parameters<SocketConnection['write']>
  ): void {
    const queued = (Object.getPrototypeOf(this) as SocketConnection).write
    if (isSettled(this) && rest.length === 0 && typeof data === 'string') {
      const given = options?.wsPreEncodedFrame
      const frames = given ?? [frameOf(data)]
      if (write(this, frames, given === undefined)) return
      const framed = { ...options, wsPreEncodedFrame: frames }
      unread.handed(this, sizeOf(data, framed))
      queued.call(this, data, framed)
    } else {
      unread.handed(this, sizeOf(data, options))
      queued.call(this, data, options, ...rest)
    }
  }

  return {
    atOnce: (connection, frames) => write(connection, frames, false),
    withAnswer: (connection, frames) => isSettled(connection) && write(connection, frames, true),
    directly: (connection) => {
      // A client may leave and enter a namespace over one connection as often as it likes.
      if (connection.write === writeDirectly) return
      unread.watch(connection)
      connection.write = writeDirectly
    },
  }
}
