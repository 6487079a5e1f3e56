/** Writing to sockets: a room's news is encoded once and written once to each socket, newest wins for what is not in
 *  the log, and a socket that does not read is cut off before it costs memory. */
import type { Server, Socket } from 'socket.io'
import type { RoomKey } from '../../domain/names.ts'
import type { News } from '../../projections/live/wire.ts'
import type { Connection, Transport, WriteOptions } from './connection.ts'
import { frameOf, frameWithTail, packetOf, type SharedTail } from './frames.ts'
import type { OtherLine } from './line.ts'
import type { Metrics } from './observing.ts'
import { createBudget } from './room-budget.ts'
import type { Pace } from './token-bucket.ts'
import { createUnread, type Unread } from './unread.ts'

export type { Connection }
export const connectionOf = (socket: Socket): Connection => socket.client.conn as unknown as Connection

/** Hears a room without being in it yet: packets are kept for one who is still reading what it missed. */
export type Listener = (packets: ReadonlyArray<string>) => void

export interface Sending {
  readonly emit: (room: RoomKey, news: ReadonlyArray<News>) => void
  readonly listen: (room: RoomKey, listener: Listener) => () => void
  readonly packets: (socket: Socket, packets: ReadonlyArray<string>) => void
  /** `start` and `tail` make one packet; the tail's bytes are shared by all who are sent it. */
  readonly shared: (socket: Socket, start: string, tail: SharedTail) => void
  /** To the room's sockets but the sender's own: one that is busy gets the newest of each sender when it is not. Where many
   *  move at once, so does the whole room; where they move too much, the newest waits. */
  readonly newest: (room: RoomKey, sender: string, moved: Moved) => void
  /** To all in the room but the sender, in the order of its calls: whoever does not read is cut off, nothing is left out. */
  readonly others: (room: RoomKey, sender: string, packet: string) => void
  /** A line that is written to by itself hears the room from now on; no more. */
  readonly hear: (room: RoomKey, line: OtherLine) => void
  readonly unhear: (room: RoomKey, line: OtherLine) => void
  /** Called as a room gets its first hearer here, and as it loses its last. Once, at the start. */
  readonly onRooms: (opened: (room: RoomKey) => void, closed: (room: RoomKey) => void) => void
  /** Cuts the socket off if it has let too much wait. */
  readonly guard: (socket: Socket) => void
  /** To be called once its handshake is done. */
  readonly connected: (socket: Socket) => void
  readonly stop: () => void
  /** How many sockets here are told of the room. */
  readonly hearers: (room: RoomKey) => number
  /** Bytes that wait for the socket's client to read them, those that are with the system included. */
  readonly waiting: (socket: Socket) => number
}

export type Moved = {
  readonly packet: string
  /** Whether the sender is still in the room: asked before each write, since nothing moves that has left. */
  readonly isThere: () => boolean
  /** It is on its way, and no newer one in its place. */
  readonly passed?: () => void
}

export type SendingOptions = {
  readonly io: Server
  readonly metrics: Metrics
  /** Bytes that may wait for a socket before it is cut off. */
  readonly maxWaiting: number
  readonly onSlow: (socket: { readonly id: string }) => void
  /** Bytes of buffers in all of this process, above which sockets that have read nothing for seconds are cut. */
  readonly maxBuffers?: number
  /** Milliseconds in which one for whom much waits must have read something. */
  readonly patience?: number
  /** Bytes that scenes which move may make this process send: in one room, in all. */
  readonly movesOfRoom?: Pace
  readonly movesOfAll?: Pace
}

/** Frames that may wait, however small. */
const MAX_FRAMES = 4_096
/** Of RFC 6455's registry. */
const SERVICE_RESTART = 1012
const TRY_AGAIN_LATER = 1013
const CLOSE_MS = 5_000
const SLOW_CLOSE_MS = 1_000
const MAX_BUFFERS = 256 << 20
const PATIENCE_MS = 15_000
/** After passing on how scenes move, that rests for so many times as long as it took, at most so long (ms): whatever
 *  moves, most of the time is for what is on the log. */
const REST = 3
const LONGEST_REST_MS = 50

/** 50 people who each move ten times a second with 300 bytes make 7 MB/s. */
const OF_ROOM: Pace = { perSecond: 8 << 20, burst: 8 << 20 }
const OF_ALL: Pace = { perSecond: 64 << 20, burst: 64 << 20 }

const sizeOf = (data: unknown, options: WriteOptions | undefined): number => {
  const frames = options?.wsPreEncodedFrame
  if (frames !== undefined) return frames.reduce((sum, frame) => sum + frame.length, 0)
  return typeof data === 'string' ? Buffer.byteLength(data) : ((data as Buffer | undefined)?.byteLength ?? 0)
}

/** Straight to the WebSocket where nothing waits before it: what Engine.IO would do in the end, less its queue, its
 *  events and its callbacks, which cost half as much again as the writing. False: it has to go through the queue,
 *  which is also what bounds it. */
const writtenAtOnce = (connection: Connection, frames: ReadonlyArray<Buffer>): boolean => {
  const { transport } = connection
  const ws = transport.socket
  if (connection.readyState !== 'open' || !transport.writable || connection.writeBuffer.length > 0)
    return false
  if (ws === undefined || ws.readyState !== ws.OPEN || ws._socket?.writableLength !== 0) return false
  if (ws._sender?.sendFrame === undefined) return false
  ws._sender.sendFrame(frames)
  return true
}

const direct = new WeakSet<Connection>()

/** What Socket.IO sends by itself (acknowledgements above all) goes the same way as a room's news: straight to the
 *  WebSocket in one buffer where nothing waits. Left alone, it costs several times what the writing does, and a
 *  frame's header and its text are two writes. */
const writeDirectly = (connection: Connection, unread: Unread): void => {
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

/** Closes the connection as a cut line does: the client connects again by itself, maybe elsewhere. One whose socket the
 *  server disconnects stays away. */
const sendAway = (connection: Connection, code: number, reason: string, closeMs = CLOSE_MS): void => {
  // The close frame goes before the transport is given up, so that one who still reads learns why.
  const ws = connection.transport.name === 'websocket' ? connection.transport.socket : undefined
  ws?.close(code, reason)
  connection.close(ws !== undefined)
  if (ws !== undefined) setTimeout(() => ws.terminate(), closeMs).unref()
}
export const sendElsewhere = (socket: Socket): void =>
  sendAway(connectionOf(socket), SERVICE_RESTART, 'connect again')
/** For what passes: its client comes again by itself, later. `code` is why, in the close frame. */
export const sendLater = (socket: Socket, code: string): void =>
  sendAway(connectionOf(socket), TRY_AGAIN_LATER, code)

export const createSending = (options: SendingOptions): Sending => {
  const { io, metrics, maxWaiting, onSlow } = options
  const budget = createBudget(options.movesOfRoom ?? OF_ROOM, options.movesOfAll ?? OF_ALL)
  const namespace = io.of('/')
  const listeners = new Map<RoomKey, Set<Listener>>()
  const lines = new Map<RoomKey, Map<string, OtherLine>>()
  let closed: (room: RoomKey) => void = () => {}
  let opened: (room: RoomKey) => void = () => {}
  const stalled = new WeakMap<Connection, { transport: Transport; newest: Map<string, Move> }>()

  const cut = (connection: Connection): void => {
    if (connection.readyState !== 'open') return
    metrics.count?.('presence_slow_sockets', 1)
    onSlow(connection)
    sendAway(connection, TRY_AGAIN_LATER, 'too slow', SLOW_CLOSE_MS)
  }
  const unread = createUnread({
    maxWaiting,
    maxBuffers: options.maxBuffers ?? MAX_BUFFERS,
    patience: options.patience ?? PATIENCE_MS,
    cut,
  })
  const guard = (socket: Socket): void => {
    const connection = connectionOf(socket)
    if (unread.isTooMuch(connection) || connection.writeBuffer.length > MAX_FRAMES) cut(connection)
  }

  const sockets = function* (room: RoomKey): Generator<Socket> {
    const ids = namespace.adapter.rooms.get(room)
    if (ids === undefined) return
    for (const id of ids) {
      const socket = namespace.sockets.get(id)
      if (socket !== undefined) yield socket
    }
  }

  /** Several packets are one write where the socket is a WebSocket for good; else they go one by one. */
  const writer = (packets: ReadonlyArray<string>) => {
    const single = packets.map((packet) => ({ packet, options: optionsOf([frameOf(packet)]) }))
    const first = single[0]
    if (first === undefined) return () => {}
    const frames =
      single.length === 1
        ? (first.options.wsPreEncodedFrame as ReadonlyArray<Buffer>)
        : [Buffer.concat(single.map(({ options }) => options.wsPreEncodedFrame?.[0] as Buffer))]
    const all = optionsOf(frames)
    return (socket: Socket): void => {
      const connection = connectionOf(socket)
      if (connection.transport.name === 'websocket' && !connection.upgrading) {
        if (writtenAtOnce(connection, frames)) return
        connection.write(first.packet, all)
      } else for (const { packet, options } of single) connection.write(packet, options)
      guard(socket)
    }
  }

  // ── newest wins ────────────────────────────────────────────────────────────────────────────────────────

  const moving = new Map<RoomKey, Map<string, Move>>()
  let isDue = false
  let restUntil = 0

  const release = (connection: Connection): void => {
    const waiting = stalled.get(connection)
    if (waiting === undefined || connection.readyState !== 'open') return
    if (waiting.transport !== connection.transport || !connection.transport.writable) {
      waiting.transport = connection.transport
      connection.transport.once('ready', () => release(connection))
      return
    }
    stalled.delete(connection)
    for (const { packet, options, isThere } of waiting.newest.values())
      if (isThere()) connection.write(packet, options)
  }

  const writeNewest = (connection: Connection, sender: string, move: Move): void => {
    const waiting = stalled.get(connection)
    if (waiting === undefined && connection.transport.writable && connection.writeBuffer.length === 0) {
      connection.write(move.packet, move.options)
      return
    }
    if (waiting !== undefined) {
      waiting.newest.set(sender, move)
      if (waiting.transport !== connection.transport) release(connection)
      return
    }
    const { transport } = connection
    stalled.set(connection, { transport, newest: new Map([[sender, move]]) })
    transport.once('ready', () => release(connection))
  }

  /** To each who is ready for it, all that moved is one write: the same bytes for all, less one's own. */
  const tellMoves = (ids: ReadonlySet<string>, moves: ReadonlyArray<readonly [string, Move]>): void => {
    const first = moves[0]
    if (first === undefined) return
    const all = Buffer.concat(moves.map(([, { frame }]) => frame))
    const others = new Map<string, ReadonlyArray<Buffer>>()
    let from = 0
    for (const [sender, { frame }] of moves) {
      const to = from + frame.length
      others.set(
        sender,
        [all.subarray(0, from), all.subarray(to)].filter(({ length }) => length > 0),
      )
      from = to
    }
    const whole = optionsOf([all])
    for (const id of ids) {
      const connection = namespace.sockets.get(id)?.client.conn as unknown as Connection | undefined
      if (connection === undefined) continue
      const { transport, upgrading, writeBuffer } = connection
      const isReady = transport.writable && writeBuffer.length === 0 && !stalled.has(connection)
      if (isReady && transport.name === 'websocket' && !upgrading) {
        const rest = others.get(id)
        if (rest === undefined) connection.write(first[1].packet, whole)
        else if (rest.length > 0) connection.write(first[1].packet, optionsOf(rest))
      } else for (const [sender, move] of moves) if (sender !== id) writeNewest(connection, sender, move)
    }
  }

  const hearers = (room: RoomKey): number =>
    (namespace.adapter.rooms.get(room)?.size ?? 0) + (lines.get(room)?.size ?? 0)

  /** What a room can afford of what moves in it. */
  const passOnIn = (room: RoomKey, senders: Map<string, Move>, now: number): void => {
    for (const [sender, { isThere }] of senders) if (!isThere()) senders.delete(sender)
    const ids = namespace.adapter.rooms.get(room)
    const moves = budget.affordable(room, senders, hearers(room), now)
    for (const [sender, { passed }] of moves) {
      senders.delete(sender)
      passed?.()
    }
    if (ids !== undefined) tellMoves(ids, moves)
    for (const line of lines.get(room)?.values() ?? [])
      for (const [sender, { packet }] of moves) if (sender !== line.id) line.moved(sender, packet)
    if (senders.size === 0) moving.delete(room)
  }

  const passOn = (): void => {
    const started = performance.now()
    isDue = false
    for (const [room, senders] of moving) passOnIn(room, senders, started)
    const ended = performance.now()
    restUntil = ended + Math.min((ended - started) * REST, LONGEST_REST_MS)
    if (moving.size === 0) return
    isDue = true
    setTimeout(passOn, Math.max(restUntil - ended, budget.wait(moving.keys()))).unref()
  }

  return {
    guard,
    hearers,
    waiting: (socket) => unread.bytes(connectionOf(socket)),
    connected: (socket) => writeDirectly(connectionOf(socket), unread),
    stop: unread.stop,
    emit: (room, news) => {
      const hearing = listeners.get(room)
      const isEmpty = !namespace.adapter.rooms.has(room)
      const ownLines = lines.get(room)
      if (isEmpty && hearing === undefined && ownLines === undefined) return
      const packets = news.map(({ event, payload }) => packetOf(event, payload))
      if (!isEmpty) {
        const write = writer(packets)
        let count = 0
        for (const socket of sockets(room)) {
          write(socket)
          count += 1
        }
        metrics.count?.('presence_news_sent', count * packets.length)
      }
      if (ownLines !== undefined) {
        for (const line of ownLines.values()) line.packets(packets)
        metrics.count?.('presence_news_sent', ownLines.size * packets.length)
      }
      if (hearing !== undefined) for (const listener of hearing) listener(packets)
    },
    others: (room, sender, packet) => {
      const write = writer([packet])
      for (const socket of sockets(room)) if (socket.id !== sender) write(socket)
      for (const line of lines.get(room)?.values() ?? []) if (line.id !== sender) line.packets([packet])
    },
    hear: (room, line) => {
      const hearing = lines.get(room) ?? new Map<string, OtherLine>()
      lines.set(room, hearing)
      hearing.set(line.id, line)
      opened(room)
    },
    unhear: (room, line) => {
      const hearing = lines.get(room)
      if (hearing?.delete(line.id) !== true || hearing.size > 0) return
      lines.delete(room)
      if (!namespace.adapter.rooms.has(room)) closed(room)
    },
    onRooms: (whenOpened, whenClosed) => {
      opened = whenOpened
      closed = whenClosed
      // Every socket has a room of its own too, without a colon.
      namespace.adapter.on('create-room', (room: RoomKey) => {
        if (room.includes(':')) opened(room)
      })
      namespace.adapter.on('delete-room', (room: RoomKey) => {
        if (room.includes(':') && !lines.has(room)) closed(room)
      })
    },
    listen: (room, listener) => {
      const hearing = listeners.get(room) ?? new Set()
      listeners.set(room, hearing)
      hearing.add(listener)
      return () => {
        hearing.delete(listener)
        if (hearing.size === 0 && listeners.get(room) === hearing) listeners.delete(room)
      }
    },
    packets: (socket, packets) => {
      if (packets.length > 0) writer(packets)(socket)
    },
    shared: (socket, start, tail) => {
      const connection = connectionOf(socket)
      const frames = optionsOf(frameWithTail(start, tail.bytes))
      // A large room's state is more than may wait otherwise: it has its time to be read.
      unread.credit(connection, sizeOf(null, frames))
      connection.write(`${start}${tail.text}`, frames)
      guard(socket)
    },
    newest: (room, sender, moved) => {
      const senders = moving.get(room) ?? new Map<string, Move>()
      moving.set(room, senders)
      const frame = frameOf(moved.packet)
      senders.set(sender, { ...moved, frame, bytes: frame.length, options: optionsOf([frame]) })
      if (isDue) return
      isDue = true
      const wait = restUntil - performance.now()
      // What came in the same round of the event loop goes out together.
      if (wait < 1) setImmediate(passOn)
      else setTimeout(passOn, wait).unref()
    },
  }
}

/** How one sender's scene moved last, on its way to a room. */
type Move = Moved & { readonly frame: Buffer; readonly bytes: number; readonly options: WriteOptions }
const optionsOf = (frames: ReadonlyArray<Buffer>): WriteOptions => ({
  compress: false,
  wsPreEncodedFrame: frames,
})
