/** One who moves in a room and hears the others: on this server with the packed wire and with JSON, on plain Socket.IO, and on
 *  Colyseus. All by light clients: the first few read what they are told, the others count nothing. */
import { PackedReader, packMove } from '../../apps/client/src/packed.ts'
import { joinRoom } from './chat.ts'
import { type BenchClient, connect } from './client.ts'
import { colyseus, joinColyseus } from './colyseus.ts'
import { openRaw } from './raw-socket.ts'
import type { Revision } from './revision.ts'
import { type Measured, plain, type Whole, whole } from './servers.ts'

/** Clients that read what they are told. */
export const READERS = 3
/** Movers that use their height to send the time at which they moved: all on JSON, so many on the packed wires. */
const TIMED = 10
const CLOCK = 100_000
const now = (): number => (performance.timeOrigin + performance.now()) % CLOCK
const since = (then: number): number => (now() - then + CLOCK) % CLOCK
// Rounded down: a time that is still to come would count as nearly a whole turn of the clock.
const timeNow = (): number => Math.floor(now()) / 1_000
/** Nobody is as high who does not send a time. */
const EYES = 1.6

export type WireHeard = { bytes: number; moves: number; readonly ages: number[] }
export type Mover = {
  readonly move: (x: number, z: number, turn: number) => void
  readonly close: () => void
}
export type SceneWire = {
  readonly name: string
  readonly server: () => Promise<Measured>
  readonly join: (server: Measured, index: number, heard: WireHeard) => Promise<Mover>
}

const rotationAt = (turn: number) => ({
  x: Math.sin(turn / 3) * 0.1,
  y: Math.sin(turn / 2),
  z: 0,
  w: Math.cos(turn / 2),
})
const LOBBY = ['global', 'lobby'] as const

const onSocketIo = async (server: Measured, index: number, heard: WireHeard): Promise<Mover> => {
  const isPlain = server.name === 'plain Socket.IO'
  const client: BenchClient = await connect(server.url, isPlain ? server.member(index).auth : null)
  await joinRoom(client, ...LOBBY)
  if (index < READERS)
    client.onPacket = (packet) => {
      if (!packet.startsWith('42["aframe-update"')) return
      heard.bytes += Buffer.byteLength(packet)
      heard.moves += 1
      const [, payload] = JSON.parse(packet.slice(2)) as [string, { entityData: { position: { y: number } } }]
      heard.ages.push(since(payload.entityData.position.y * 1_000))
    }
  return {
    move: (x, z, turn) =>
      client.emit('aframe-update', { position: { x, y: timeNow(), z }, rotation: rotationAt(turn) }),
    close: client.close,
  }
}

const onPacked = async (server: Measured, index: number, heard: WireHeard): Promise<Mover> => {
  const ws = await openRaw(`${server.url.replace('http', 'ws')}/`)
  const reader = new PackedReader()
  const [spaceType, spaceId] = LOBBY
  const timed = new Map<string, number>()
  const onFrame = (bytes: Buffer): void => {
    heard.bytes += bytes.length
    const { moved } = reader.read(bytes)
    heard.moves += moved.size
    for (const [id, { position }] of moved)
      if (position.y !== EYES && timed.get(id) !== position.y) {
        timed.set(id, position.y)
        heard.ages.push(since(position.y * 1_000))
      }
  }
  const isReader = index < READERS
  const join = { type: 'join-space', spaceType, spaceId, scene: 'packed', request_id: '1' }
  await new Promise<void>((resolve, reject) => {
    ws.onFrame = (bytes, isBinary) => {
      if (isBinary) {
        if (isReader) onFrame(bytes)
        return
      }
      const text = String(bytes)
      if (!text.startsWith('{"type":"answer"')) return
      if (text.includes('"ok":true')) resolve()
      else reject(new Error(text))
    }
    ws.sendText(JSON.stringify(join))
  })
  if (!isReader) ws.onFrame = null
  return {
    move: (x, z, turn) => {
      const y = index < TIMED ? timeNow() : EYES
      ws.sendBytes(packMove({ x, y, z }, rotationAt(turn)))
    },
    close: ws.close,
  }
}

const onColyseus = async (server: Measured, index: number, heard: WireHeard): Promise<Mover> => {
  const known = new Map<object, number>()
  const onPlaces = (movers: Iterable<{ readonly x?: number; readonly y: number }>, bytes: number): void => {
    heard.bytes += bytes
    for (const mover of movers) {
      const { x = 0, y } = mover
      if (known.get(mover) === x) continue
      known.set(mover, x)
      heard.moves += 1
      if (Math.abs(y - EYES) > 0.001) heard.ages.push(since(y * 1_000))
    }
  }
  const { ws, move } = await joinColyseus(server.url, index < READERS ? onPlaces : null)
  return {
    move: (x, z, turn) => {
      const { x: qx, y: qy, z: qz, w: qw } = rotationAt(turn)
      move({ x, y: index < TIMED ? timeNow() : EYES, z, qx, qy, qz, qw })
    },
    close: ws.close,
  }
}

/** This server, or another revision's, whose lobby has room for all of them. */
export const ours = async (accounts = 0, other: Revision | null = null): Promise<Whole> => {
  const server = await whole(accounts, other)
  const answer = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    // An older revision may know no limit for one network.
    body: JSON.stringify({ max_users: 10_000, ...(other === null ? { guests_of_network: 10_000 } : {}) }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return server
}

/** The JSON wire of another revision. */
export const jsonAt = (other: Revision): SceneWire => ({
  name: `JSON at ${other.name}`,
  server: () => ours(0, other),
  join: onSocketIo,
})
export const PACKED: SceneWire = { name: 'packed', server: () => ours(), join: onPacked }
export const WIRES: ReadonlyArray<SceneWire> = [
  PACKED,
  { name: 'JSON', server: () => ours(), join: onSocketIo },
  { name: 'Colyseus', server: colyseus, join: onColyseus },
  { name: 'plain Socket.IO', server: () => plain(), join: onSocketIo },
]
