/** Sends a room how scenes move: everything new from each sender, as fast as the room and each of its sockets can take it. */
import type { Namespace } from 'socket.io'
import type { RoomKey } from '../../../domain/names.ts'
import {
  connectionOf,
  type SocketConnection,
  type SocketTransport,
  type WriteOptions,
} from '../connection.ts'
import { frameOf } from '../frames.ts'
import type { OtherLine } from '../line.ts'
import type { Budget } from '../room-budget.ts'
import { type Moved, withOlder } from './moved.ts'
import { optionsOf } from './writing.ts'

/** How one sender's scene last moved, on its way to a room. */
type Move = {
  readonly moved: Moved
  readonly packet: string
  readonly frame: Buffer
  readonly bytes: number
  readonly options: WriteOptions
}
const moveOf = (moved: Moved): Move => {
  const packet = moved.packet()
  const frame = frameOf(packet)
  return { moved, packet, frame, bytes: frame.length, options: optionsOf([frame]) }
}
/** After sending movements, rests for this many times as long as that took, but not longer than the maximum (ms), so
 *  that most of the time is left for what is on the log. */
const REST = 3
const LONGEST_REST_MS = 50

/** All moves in one buffer, and the part that each sender gets: all but its own. */
const joined = (moves: ReadonlyArray<readonly [string, Move]>) => {
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
  return { all, others }
}

export type Moving = { readonly newest: (room: RoomKey, sender: string, moved: Moved) => void }
/** Sockets that get positions over the packed wire, by room. */
export type PackedHearers = Map<RoomKey, Set<string>>
const NOBODY: ReadonlySet<string> = new Set()

export const createMoving = (deps: {
  readonly namespace: Namespace
  /** Lines that are written to separately, by room. */
  readonly lines: ReadonlyMap<RoomKey, ReadonlyMap<string, OtherLine>>
  readonly budget: Budget
  readonly hearers: (room: RoomKey) => number
  readonly packed: PackedHearers
}): Moving => {
  const { namespace, lines, budget, hearers, packed } = deps
  const stalled = new WeakMap<SocketConnection, { transport: SocketTransport; newest: Map<string, Moved> }>()
  const moving = new Map<RoomKey, Map<string, Moved>>()
  let isDue = false
  let restUntil = 0

  const release = (connection: SocketConnection): void => {
    const waiting = stalled.get(connection)
    if (waiting === undefined || connection.readyState !== 'open') return
    if (waiting.transport !== connection.transport || !connection.transport.writable) {
      waiting.transport = connection.transport
      connection.transport.once('ready', () => release(connection))
      return
    }
    stalled.delete(connection)
    for (const moved of waiting.newest.values()) {
      if (!moved.isThere()) continue
      const { packet, options } = moveOf(moved)
      connection.write(packet, options)
    }
  }

  const writeNewest = (connection: SocketConnection, sender: string, move: Move): void => {
    const waiting = stalled.get(connection)
    if (waiting === undefined && connection.transport.writable && connection.writeBuffer.length === 0) {
      connection.write(move.packet, move.options)
      return
    }
    if (waiting !== undefined) {
      waiting.newest.set(sender, withOlder(waiting.newest.get(sender), move.moved))
      if (waiting.transport !== connection.transport) release(connection)
      return
    }
    const { transport } = connection
    stalled.set(connection, { transport, newest: new Map([[sender, move.moved]]) })
    transport.once('ready', () => release(connection))
  }

  /** Sends everything that moved in one write to each socket that is ready: the same bytes for all, without their own. */
  const tellMoves = (
    ids: ReadonlySet<string>,
    but: ReadonlySet<string>,
    moves: ReadonlyArray<readonly [string, Move]>,
  ): void => {
    const first = moves[0]
    if (first === undefined) return
    const { all, others } = joined(moves)
    const whole = optionsOf([all])
    for (const id of ids) {
      if (but.has(id)) continue
      const connection = namespace.sockets.get(id)?.client.conn as unknown as SocketConnection | undefined
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

  /** Sends what the packed wire can't express to the sockets on it. */
  const tellRest = (
    room: RoomKey,
    to: ReadonlySet<string>,
    moves: Iterable<readonly [string, Moved]>,
  ): void => {
    if (to.size === 0) return
    for (const [sender, { rest }] of moves) {
      const packet = rest?.() ?? null
      if (packet === null) continue
      const options = optionsOf([frameOf(packet)])
      for (const id of to) {
        if (id === sender) continue
        const line = lines.get(room)?.get(id)
        const socket = namespace.sockets.get(id)
        if (line !== undefined) line.packets([packet])
        else if (socket !== undefined) connectionOf(socket).write(packet, options)
      }
    }
  }

  const passOnIn = (room: RoomKey, senders: Map<string, Moved>, now: number): void => {
    for (const [sender, { isThere }] of senders) if (!isThere()) senders.delete(sender)
    const onPacked = packed.get(room) ?? NOBODY
    if (onPacked.size >= hearers(room)) {
      tellRest(room, onPacked, senders)
      moving.delete(room)
      return
    }
    const moves = affordable(room, senders, now)
    for (const [sender] of moves) senders.delete(sender)
    tellRest(
      room,
      onPacked,
      moves.map(([sender, { moved }]) => [sender, moved]),
    )
    const ids = namespace.adapter.rooms.get(room)
    if (ids !== undefined) tellMoves(ids, onPacked, moves)
    for (const line of lines.get(room)?.values() ?? [])
      if (!onPacked.has(line.id))
        for (const [sender, { moved, packet }] of moves)
          if (sender !== line.id) line.moved(sender, moved, packet)
    if (senders.size === 0) moving.delete(room)
  }
  /** The movements that a room's budget allows. */
  const affordable = (room: RoomKey, senders: ReadonlyMap<string, Moved>, now: number) => {
    const ready = new Map<string, Move>()
    for (const [sender, moved] of senders) ready.set(sender, moveOf(moved))
    return budget.affordable(room, ready, hearers(room), now)
  }

  const passOn = (): void => {
    const started = performance.now()
    isDue = false
    for (const [room, senders] of moving) passOnIn(room, senders, started)
    const ended = performance.now()
    restUntil = ended + Math.min((ended - started) * REST, LONGEST_REST_MS)
    if (moving.size === 0) return
    isDue = true
    // A large update that waits for the room's budget does not keep small ones waiting.
    const wait = Math.min(budget.wait(moving.keys()), LONGEST_REST_MS)
    setTimeout(passOn, Math.max(restUntil - ended, wait)).unref()
  }

  return {
    newest: (room, sender, moved) => {
      const senders = moving.get(room) ?? new Map<string, Moved>()
      moving.set(room, senders)
      senders.set(sender, withOlder(senders.get(sender), moved))
      if (isDue) return
      isDue = true
      const wait = restUntil - performance.now()
      // What came in the same round of the event loop is sent together.
      if (wait < 1) setImmediate(passOn)
      else setTimeout(passOn, wait).unref()
    },
  }
}
