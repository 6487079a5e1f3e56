/** Writing to sockets: a room's news is encoded once and written once to each socket, the newest wins for what is not
 *  on the log, and a socket that does not read is cut off before it costs memory. */
import type { Server, Socket } from 'socket.io'
import type { RoomKey } from '../../domain/names.ts'
import type { News } from '../../projections/live/wire.ts'
import type { Metrics } from '../observing.ts'
import type { TokenRate } from '../token-bucket.ts'
import { connectionOf, type SocketConnection } from './connection.ts'
import { frameOf, frameWithTail, packetOf, type SharedTail } from './frames.ts'
import type { OtherLine } from './line.ts'
import { createBudget } from './room-budget.ts'
import { cutOff } from './sending/closing.ts'
import type { Moved } from './sending/moved.ts'
import { createMoving, type PackedHearers } from './sending/moving.ts'
import { createRoomSockets } from './sending/room-sockets.ts'
import { createWriting, optionsOf, sizeOf, type Writing } from './sending/writing.ts'
import { createUnread } from './unread.ts'

/** Gets a room's packets for a socket that is not in it yet: they are kept while it still reads what it missed. */
export type PacketListener = (packets: ReadonlyArray<string>) => void

export interface Sending {
  /** `paged`: what is sent instead to those who asked for pages; by default the same. */
  readonly emit: (room: RoomKey, news: ReadonlyArray<News>, paged?: ReadonlyArray<News>) => void
  /** `isPaged`: it hears what those are sent who asked for pages. */
  readonly listen: (room: RoomKey, listener: PacketListener, isPaged: boolean) => () => void
  /** Says whether a line in the room asked for pages. To be called before it joins; it ends when it leaves. */
  readonly page: (room: RoomKey, id: string, isPaged: boolean) => void
  readonly packets: (socket: Socket, packets: ReadonlyArray<string>) => void
  /** `start` and `tail` make one packet; the tail's bytes are shared by all who get it. */
  readonly shared: (socket: Socket, start: string, tail: SharedTail) => void
  /** Sends to the room's sockets except the sender's own: a busy one gets each sender's newest once it is not busy. If
   *  many move at once, this is done for the whole room; if they move too much, the newest waits. */
  readonly newest: (room: RoomKey, sender: string, moved: Moved) => void
  /** Says whether a socket in the room gets positions over the packed wire, and so not by `newest`. */
  readonly pack: (room: RoomKey, id: string, isPacked: boolean) => void
  /** Whether anybody in the room is not on the packed wire. */
  readonly hearsOtherwise: (room: RoomKey) => boolean
  /** Writes directly to a WebSocket for which nothing waits, or calls `otherwise`; if too much waits, does neither and returns false. */
  readonly frame: (socket: Socket, frames: ReadonlyArray<Buffer>, otherwise: () => void) => boolean
  /** Sends to everybody in the room except the sender, in the order of the calls: nothing is left out, and a socket
   *  that does not read is cut off. */
  readonly others: (room: RoomKey, sender: string, packet: string) => void
  /** A line that is written to separately gets the room's packets from now on; or no longer does. */
  readonly hear: (room: RoomKey, line: OtherLine) => void
  readonly unhear: (room: RoomKey, line: OtherLine) => void
  /** Sets what to call when a room gets its first listener here, and when it loses its last. To be called once, at the start. */
  readonly onRooms: (opened: (room: RoomKey) => void, closed: (room: RoomKey) => void) => void
  /** Cuts the socket off if too much waits for it. */
  readonly guard: (socket: Socket) => void
  /** To be called when a connection is made, before any of its sockets. */
  readonly connected: (connection: SocketConnection) => void
  readonly stop: () => void
  /** How many sockets here get the room's news. */
  readonly hearers: (room: RoomKey) => number
  /** How many bytes wait for the socket's client to read them, including those in the system's buffers. */
  readonly waiting: (socket: Socket) => number
}

export type SendingOptions = {
  readonly io: Server
  readonly metrics: Metrics
  /** How many bytes may wait for a socket before it is cut off. */
  readonly maxWaiting: number
  readonly onSlow: (socket: { readonly id: string }) => void
  /** If this process's buffers have more bytes than this, sockets that have read nothing for seconds are cut. */
  readonly maxBuffers?: number
  /** Milliseconds in which a socket for which much waits must read something. */
  readonly patience?: number
  /** How many bytes movements may make this process send: in one room, and in total. */
  readonly movesOfRoom?: TokenRate
  readonly movesOfAll?: TokenRate
}

/** How many frames may wait, however small. */
const MAX_FRAMES = 4_096
/** If more bytes than this wait, no frame with positions is sent: there will be a newer one. */
const FEW_BYTES = 65_536
const MAX_BUFFERS = 256 << 20
const PATIENCE_MS = 15_000
/** For updates that are larger than where one body is and how it is turned. */
const OF_ROOM: TokenRate = { perSecond: 8 << 20, burst: 8 << 20 }
const OF_ALL: TokenRate = { perSecond: 64 << 20, burst: 64 << 20 }
const SMALL_MOVE = 512

const NOBODY: ReadonlyArray<OtherLine> = []

/** Several packets are one write if the socket will stay a WebSocket; otherwise they are sent one by one. */
const writerWith =
  (writing: Writing, guard: (socket: Socket) => void) => (packets: ReadonlyArray<string>) => {
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
        if (writing.atOnce(connection, frames)) return
        connection.write(first.packet, all)
      } else for (const { packet, options } of single) connection.write(packet, options)
      guard(socket)
    }
  }

export const createSending = (options: SendingOptions): Sending => {
  const { io, metrics, maxWaiting, onSlow } = options
  const namespace = io.of('/')
  const listeners = new Map<RoomKey, Map<PacketListener, boolean>>()
  /** By room, the ids of the lines there that asked for pages. */
  const pagedIds = new Map<string, Set<string>>()
  const lines = new Map<RoomKey, Map<string, OtherLine>>()
  let closed: (room: RoomKey) => void = () => {}
  let opened: (room: RoomKey) => void = () => {}

  const cut = (connection: SocketConnection): void => {
    if (connection.readyState !== 'open') return
    metrics.count?.('presence_slow_sockets', 1)
    onSlow(connection)
    cutOff(connection)
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

  const sockets = createRoomSockets(namespace)

  const hearers = (room: RoomKey): number =>
    (namespace.adapter.rooms.get(room)?.size ?? 0) + (lines.get(room)?.size ?? 0)

  const budget = createBudget(options.movesOfRoom ?? OF_ROOM, options.movesOfAll ?? OF_ALL, SMALL_MOVE)
  const packed: PackedHearers = new Map()
  const moving = createMoving({ namespace, lines, budget, hearers, packed })

  const writing = createWriting(unread)
  const writer = writerWith(writing, guard)

  const notPaged = (room: string, id: string): void => {
    const ids = pagedIds.get(room)
    if (ids?.delete(id) === true && ids.size === 0) pagedIds.delete(room)
  }
  namespace.adapter.on('leave-room', notPaged)

  /** To those of the room who asked for pages, to the others, or (null) to all. */
  const emitTo = (room: RoomKey, news: ReadonlyArray<News>, isPaged: boolean | null): void => {
    if (news.length === 0) return
    const ids = pagedIds.get(room)
    const isMeant = ({ id }: { readonly id: string }) => (ids?.has(id) ?? false) === isPaged
    const meant = <L extends { readonly id: string }>(all: ReadonlyArray<L>): ReadonlyArray<L> =>
      isPaged === null ? all : all.filter(isMeant)
    const all = meant(sockets(room))
    const inLines = lines.get(room)
    const ownLines = inLines === undefined ? NOBODY : meant([...inLines.values()])
    const hearing = listeners.get(room)
    if (all.length + ownLines.length === 0 && hearing === undefined) return
    const packets = news.map(({ event, payload }) => packetOf(event, payload))
    if (all.length > 0) {
      const write = writer(packets)
      for (const socket of all) write(socket)
    }
    for (const line of ownLines) line.packets(packets)
    for (const [listener, is] of hearing ?? []) if (isPaged === null || is === isPaged) listener(packets)
    metrics.count?.('presence_news_sent', (all.length + ownLines.length) * packets.length)
  }

  return {
    guard,
    hearers,
    waiting: (socket) => unread.bytes(connectionOf(socket)),
    connected: writing.directly,
    stop: unread.stop,
    emit: (room, news, paged) => {
      if (paged === undefined) {
        emitTo(room, news, null)
        return
      }
      emitTo(room, news, false)
      emitTo(room, paged, true)
    },
    page: (room, id, isPaged) => {
      if (!isPaged) {
        notPaged(room, id)
        return
      }
      const ids = pagedIds.get(room) ?? new Set()
      pagedIds.set(room, ids.add(id))
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
      notPaged(room, line.id)
      const hearing = lines.get(room)
      if (hearing?.delete(line.id) !== true || hearing.size > 0) return
      lines.delete(room)
      if (!namespace.adapter.rooms.has(room)) closed(room)
    },
    onRooms: (whenOpened, whenClosed) => {
      opened = whenOpened
      closed = whenClosed
      // Every socket also has a room of its own, without a colon.
      namespace.adapter.on('create-room', (room: RoomKey) => {
        if (room.includes(':')) opened(room)
      })
      namespace.adapter.on('delete-room', (room: RoomKey) => {
        if (room.includes(':') && !lines.has(room)) closed(room)
      })
    },
    listen: (room, listener, isPaged) => {
      const hearing = listeners.get(room) ?? new Map<PacketListener, boolean>()
      listeners.set(room, hearing)
      hearing.set(listener, isPaged)
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
      // A large room's state is more than may usually wait, so its reader gets more time.
      unread.credit(connection, sizeOf(null, frames))
      if (!writing.withAnswer(connection, frames.wsPreEncodedFrame ?? []))
        connection.write(`${start}${tail.text}`, frames)
      guard(socket)
    },
    newest: moving.newest,
    hearsOtherwise: (room) => (packed.get(room)?.size ?? 0) < hearers(room),
    pack: (room, id, isPacked) => {
      const ids = packed.get(room) ?? new Set()
      if (isPacked) ids.add(id)
      else ids.delete(id)
      if (ids.size === 0) packed.delete(room)
      else packed.set(room, ids)
    },
    frame: (socket, frames, otherwise) => {
      const connection = connectionOf(socket)
      const { transport, upgrading } = connection
      const isSettled = transport.name === 'websocket' && !upgrading && socket.conn.protocol === 4
      if (isSettled && writing.atOnce(connection, frames)) return true
      if (unread.bytes(connection) > FEW_BYTES) return false
      otherwise()
      return true
    },
  }
}
