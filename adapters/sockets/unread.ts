/** How many bytes wait for each connection's client to read them, including those in the system's buffers, and which
 *  connections are cut because of that. */
import type { SocketConnection } from './connection.ts'

type NetSocket = {
  readonly writableLength: number
  readonly bytesWritten: number
  readonly destroyed: boolean
}
type Count = {
  /** Bytes passed to Engine.IO, but not yet to the transport. */
  queued: number
  /** Connections of answered polls, which may still hold the answers. */
  polls: ReadonlyArray<NetSocket>
  /** Bytes that it got at once, such as a room's state, and may take its time to read. */
  credit: number
  /** Bytes that it has read, as far as the system knows, and when that last increased (by performance.now()). */
  read: number
  readAt: number
}

export type Unread = {
  /** Counts what is passed to `connection` from now on. */
  readonly watch: (connection: SocketConnection) => void
  readonly handed: (connection: SocketConnection, bytes: number) => void
  readonly credit: (connection: SocketConnection, bytes: number) => void
  readonly bytes: (connection: SocketConnection) => number
  /** Whether more waits for it than allowed. */
  readonly isTooMuch: (connection: SocketConnection) => boolean
  readonly stop: () => void
}

export type UnreadOptions = {
  /** How many bytes may wait for one connection. */
  readonly maxWaiting: number
  /** If this process's buffers have more bytes than this, connections that have read nothing for longest are cut first. */
  readonly maxBuffers: number
  /** A connection that reads nothing for this many milliseconds is cut. */
  readonly patience: number
  readonly cut: (connection: SocketConnection) => void
}

/** A connection for which more bytes than this wait is watched until it has read them. */
const MANY = 65_536
const LOOK_MS = 500
/** If memory is short, a connection that has read nothing for this long (ms) is cut. */
const SHORT_PATIENCE = 2_000

const NO_POLLS: ReadonlyArray<NetSocket> = []
/** As a property of the connection, it takes a tenth of the memory that it would in a map. */
const COUNT = Symbol('unread')
type Counted = SocketConnection & { [COUNT]?: Count }

export const createUnread = ({ maxWaiting, maxBuffers, patience, cut }: UnreadOptions): Unread => {
  const countOf = (connection: Counted): Count | undefined => connection[COUNT]
  const slow = new Set<SocketConnection>()
  let timer: NodeJS.Timeout | undefined

  const netOf = (connection: SocketConnection): NetSocket | null =>
    (connection.transport.socket?._socket as NetSocket | null | undefined) ?? null

  const bytes = (connection: SocketConnection): number => {
    const count = countOf(connection)
    let sum = (count?.queued ?? 0) + (netOf(connection)?.writableLength ?? 0)
    if (count !== undefined && count.polls.length > 0) {
      count.polls = count.polls.filter((net) => !net.destroyed && net.writableLength > 0)
      for (const net of count.polls) sum += net.writableLength
    }
    return sum
  }

  const readOf = (connection: SocketConnection, count: Count): number => {
    const nets = [netOf(connection), ...count.polls].filter((net) => net !== null)
    return nets.reduce((sum, net) => sum + net.bytesWritten - net.writableLength, 0) - count.queued
  }

  const look = (): void => {
    timer = undefined
    const now = performance.now()
    const idle: Array<{ readonly connection: SocketConnection; readonly since: number }> = []
    for (const connection of slow) {
      const count = countOf(connection)
      if (count === undefined || connection.readyState === 'closed' || bytes(connection) < MANY) {
        slow.delete(connection)
        continue
      }
      const read = readOf(connection, count)
      if (read > count.read) count.readAt = now
      count.read = read
      if (now - count.readAt > patience) {
        slow.delete(connection)
        cut(connection)
      } else if (now - count.readAt > SHORT_PATIENCE) idle.push({ connection, since: count.readAt })
    }
    if (idle.length > 0 && process.memoryUsage().arrayBuffers > maxBuffers)
      for (const { connection } of idle
        .sort((a, b) => a.since - b.since)
        .slice(0, Math.ceil(idle.length / 4))) {
        slow.delete(connection)
        cut(connection)
      }
    if (slow.size > 0) timer = setTimeout(look, LOOK_MS).unref()
  }

  const notice = (connection: SocketConnection, count: Count): void => {
    if (slow.has(connection)) return
    slow.add(connection)
    count.read = readOf(connection, count)
    count.readAt = performance.now()
    timer ??= setTimeout(look, LOOK_MS).unref()
  }

  function onFlush(this: SocketConnection): void {
    const count = countOf(this)
    if (count === undefined) return
    count.queued = 0
    const net = (this.transport as { res?: { socket?: NetSocket | null } | null }).res?.socket
    if (net && !count.polls.includes(net)) count.polls = [...count.polls, net]
  }

  return {
    watch: (connection) => {
      if (countOf(connection) !== undefined) return
      const count: Count = { queued: 0, polls: NO_POLLS, credit: 0, read: 0, readAt: 0 }
      Object.assign(connection, { [COUNT]: count })
      connection.on('flush', onFlush)
    },
    handed: (connection, more) => {
      const count = countOf(connection)
      if (count !== undefined) count.queued += more
    },
    credit: (connection, more) => {
      const count = countOf(connection)
      if (count !== undefined) count.credit = Math.max(count.credit, more)
    },
    bytes,
    isTooMuch: (connection) => {
      const waiting = bytes(connection)
      const count = countOf(connection)
      if (count === undefined) return waiting > maxWaiting
      if (waiting >= MANY) notice(connection, count)
      if (waiting === 0) count.credit = 0
      return waiting > maxWaiting + count.credit
    },
    stop: () => clearTimeout(timer),
  }
}
