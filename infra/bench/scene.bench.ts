/** Measures a room of movers, each at 15 Hz, in which everybody hears everybody. Compares this server, with the
 *  packed wire and with JSON, with a plain Socket.IO server that passes each update on. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { PackedReader, packMove } from '../../apps/client/src/packed.ts'
import { joinRoom } from './chat.ts'
import { type BenchClient, connect, spread } from './client.ts'
import { type FigureRow, ownShare, summary } from './figures.ts'
import { processorMs } from './processor.ts'
import { type Measured, plain, whole } from './servers.ts'

const SIZES = (process.env.BENCH_SCENE ?? '50,100,200,300').split(',').map(Number)
const RATE = 15
const SECONDS = Number(process.env.BENCH_SCENE_SECONDS ?? 8)
const WARM_UP_S = 3
/** Clients that read what they are told; the others only count bytes. */
const READERS = 3
/** Movers on the packed wire that use their height to send the time at which they moved. */
const TIMED = 10
const CLOCK = 100_000
const now = (): number => (performance.timeOrigin + performance.now()) % CLOCK
const since = (then: number): number => (now() - then + CLOCK) % CLOCK

type Heard = { bytes: number; moves: number; readonly ages: number[] }
type Mover = {
  readonly move: (x: number, y: number, z: number, turn: number) => void
  readonly close: () => void
}
type Wire = {
  readonly name: string
  readonly server: () => Promise<Measured>
  readonly join: (server: Measured, index: number, heard: Heard) => Promise<Mover>
}

const place = (x: number, y: number, z: number, turn: number) => ({
  position: { x, y, z },
  rotation: { x: Math.sin(turn / 3) * 0.1, y: Math.sin(turn / 2), z: 0, w: Math.cos(turn / 2) },
})
const LOBBY = ['global', 'lobby'] as const

const onSocketIo = async (server: Measured, index: number, heard: Heard): Promise<Mover> => {
  const client: BenchClient = await connect(
    server.url,
    server.name === 'plain Socket.IO' ? server.member(index).auth : null,
  )
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
    move: (x, _y, z, turn) => client.emit('aframe-update', place(x, Math.round(now()) / 1_000, z, turn)),
    close: client.close,
  }
}
const onPacked = async (server: Measured, index: number, heard: Heard): Promise<Mover> => {
  const ws = new WebSocket(server.url.replace('http', 'ws'))
  const reader = new PackedReader()
  const [spaceType, spaceId] = LOBBY
  const timed = new Map<string, number>()
  let isIn: () => void = () => {}
  let failed: (why: Error) => void = () => {}
  const joined = new Promise<void>((resolve, reject) => {
    isIn = resolve
    failed = reject
  })
  ws.on('message', (data: Buffer, isBinary: boolean) => {
    if (!isBinary) {
      const text = String(data)
      if (text.startsWith('{"type":"answer"')) text.includes('"ok":true') ? isIn() : failed(new Error(text))
      return
    }
    if (index >= READERS) return
    heard.bytes += data.byteLength
    const { moved } = reader.read(data)
    heard.moves += moved.size
    // Only those whose height is a time move upwards.
    for (const [id, { position }] of moved)
      if (position.y > 5 && timed.get(id) !== position.y) {
        timed.set(id, position.y)
        heard.ages.push(since(position.y * 1_000))
      }
  })
  await once(ws, 'open')
  ws.send(JSON.stringify({ type: 'join-space', spaceType, spaceId, scene: 'packed', request_id: '1' }))
  await joined
  return {
    move: (x, y, z, turn) => {
      const height = index < TIMED ? Math.round(now()) / 1_000 : y
      const { position, rotation } = place(x, height, z, turn)
      ws.send(packMove(position, rotation))
    },
    close: () => ws.close(),
  }
}

const ours = async (): Promise<Measured> => {
  const server = await whole(0)
  const answer = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: 10_000, guests_of_network: 10_000 }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  return server
}
const WIRES: ReadonlyArray<Wire> = [
  { name: 'packed', server: ours, join: onPacked },
  { name: 'JSON', server: ours, join: onSocketIo },
  { name: 'plain Socket.IO', server: () => plain(), join: onSocketIo },
]

/** Each moves in turn, spread evenly over a tick; open loop. */
const moveAll = async (movers: ReadonlyArray<Mover>, seconds: number): Promise<void> => {
  const started = performance.now()
  let sent = 0
  const total = Math.round(movers.length * RATE * seconds)
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * movers.length * RATE))
    for (; sent < due; sent += 1) {
      const n = sent % movers.length
      const angle = n + sent / movers.length / 25
      movers[n]!.move(
        ((n % 20) - 10) * 1.5 + Math.cos(angle) * 2,
        1.6,
        (Math.floor(n / 20) - 8) * 1.5 + Math.sin(angle) * 2,
        angle,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const measure = async (wire: Wire, size: number) => {
  const server = await wire.server()
  const heard: Heard = { bytes: 0, moves: 0, ages: [] }
  const movers = await spread(size, 8, (index) => wire.join(server, index, heard))
  try {
    await moveAll(movers, WARM_UP_S)
    Object.assign(heard, { bytes: 0, moves: 0 })
    heard.ages.length = 0
    const before = processorMs(server.pid)
    const share = ownShare()
    await moveAll(movers, SECONDS)
    const core = (processorMs(server.pid) - before) / (SECONDS * 1_000)
    const { p50, p99 } = summary(heard.ages)
    const figures = {
      size,
      p50,
      p99,
      bytesPerSecond: heard.bytes / READERS / SECONDS,
      bytesPerMove: heard.bytes / Math.max(1, heard.moves),
      movesPerSecond: heard.moves / READERS / SECONDS,
      core,
      load: share(),
    }
    console.log(
      `${wire.name}, ${size}: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, ${(figures.bytesPerSecond / 1_000).toFixed(1)} KB/s a client, ${figures.bytesPerMove.toFixed(1)} bytes a move, ${figures.movesPerSecond.toFixed(0)} moves/s heard, ${(100 * core).toFixed(0)} % of a core (load ${(100 * figures.load).toFixed(0)} %)`,
    )
    return figures
  } finally {
    for (const { close } of movers) close()
    await server.stop()
  }
}
type Figures = Awaited<ReturnType<typeof measure>>

export const bench = async () => {
  const figures: Record<string, Figures[]> = {}
  for (const wire of WIRES) {
    const all: Figures[] = []
    figures[wire.name] = all
    for (const size of SIZES) {
      const one = await measure(wire, size)
      all.push(one)
      // It is beyond what it can sustain; more would tell nothing new.
      if (one.p99 > 2_000) break
    }
  }
  const said = (one: Figures | undefined): string =>
    one === undefined
      ? 'not held'
      : `p99 ${one.p99.toFixed(0)} ms, ${(one.bytesPerSecond / 1_000).toFixed(1)} KB/s, ${one.bytesPerMove.toFixed(1)} B a move, ${(100 * one.core).toFixed(0)} %`
  const of = (name: string, size: number) => figures[name]?.find((one) => one.size === size)
  const rows: FigureRow[] = SIZES.flatMap((size) => {
    const [packed, json] = [of('packed', size), of('JSON', size)]
    const beside = said(of('plain Socket.IO', size))
    return [
      {
        what: `${size} movers at 15 Hz in a room, packed`,
        ours: said(packed),
        beside,
        goal: 'p99 100 ms, 9 B a move, 40 KB/s, 15 % (at 300)',
        met: packed !== undefined && packed.p99 < 100 && packed.bytesPerMove <= 9 && packed.core < 0.15,
      },
      { what: `the same, JSON`, ours: said(json), beside, goal: 'as before', met: null },
    ]
  })
  return { rows, figures }
}
