/** Measures a room of movers, each at 15 Hz, in which everybody hears everybody: this server with the packed wire and with JSON,
 *  beside Colyseus' own server and a plain Socket.IO server that passes each update on; and chat beside such a room. */
import { type ChatFigures, chatAt, gather } from './chat.ts'
import { spread } from './client.ts'
import type { BenchContext } from './context.ts'
import { type FigureRow, ownShare, summary } from './figures.ts'
import { processorMs } from './processor.ts'
import {
  jsonAt,
  type Mover,
  ours,
  PACKED,
  READERS,
  type SceneWire,
  WIRES,
  type WireHeard,
} from './scene-wires.ts'

const SIZES = (process.env.BENCH_SCENE ?? '10,50,100,200,300,400').split(',').map(Number)
const NAMES = process.env.BENCH_SCENE_WIRES?.split(',') ?? WIRES.map(({ name }) => name)
const RATE = 15
const SECONDS = Number(process.env.BENCH_SCENE_SECONDS ?? 8)
const WARM_UP_S = 3
/** Movers beside whom chat is measured, in rooms of its own, and how much is said in these. */
const BESIDE = Number(process.env.BENCH_SCENE_BESIDE ?? 300)
const CHAT = { rooms: 5, size: 20, rate: 50 }

/** Each moves in turn, spread evenly over a tick; open loop. */
const moveAll = async (
  movers: ReadonlyArray<Mover>,
  seconds: number,
  isOver: () => boolean = () => false,
): Promise<void> => {
  const started = performance.now()
  let sent = 0
  const total = Math.round(movers.length * RATE * seconds)
  while (sent < total && !isOver()) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1_000) * movers.length * RATE))
    for (; sent < due; sent += 1) {
      const n = sent % movers.length
      const angle = n + sent / movers.length / 25
      const [x, z] = [((n % 20) - 10) * 1.5 + Math.cos(angle) * 2, (Math.floor(n / 20) - 8) * 1.5]
      movers[n]!.move(x, z + Math.sin(angle) * 2, angle)
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const measure = async (wire: SceneWire, size: number) => {
  const server = await wire.server()
  const heard: WireHeard = { bytes: 0, moves: 0, ages: [] }
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
      /** Processor time of the server for each move that it was sent. */
      microsecondsPerMove: (core * 1e6) / (size * RATE),
      load: share(),
    }
    console.log(
      `${wire.name}, ${size}: p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, ${(figures.bytesPerSecond / 1_000).toFixed(1)} KB/s a client, ${figures.bytesPerMove.toFixed(1)} bytes a move, ${figures.movesPerSecond.toFixed(0)} moves/s heard, ${(100 * core).toFixed(0)} % of a core, ${figures.microsecondsPerMove.toFixed(1)} µs a move sent (load ${(100 * figures.load).toFixed(0)} %)`,
    )
    return figures
  } finally {
    for (const { close } of movers) close()
    await server.stop()
  }
}
type Figures = Awaited<ReturnType<typeof measure>>

/** Chat in rooms of its own, without and then beside a room of movers on the packed wire. */
const chatBeside = async () => {
  const server = await ours(CHAT.rooms * CHAT.size)
  try {
    const crowd = await gather(server.url, CHAT, server.member)
    await chatAt(crowd, CHAT.rate, WARM_UP_S)
    const without = await chatAt(crowd, CHAT.rate, SECONDS)
    const movers = await spread(BESIDE, 8, (index) =>
      PACKED.join(server, READERS + index, { bytes: 0, moves: 0, ages: [] }),
    )
    let isOver = false
    const moving = moveAll(movers, 3_600, () => isOver)
    await chatAt(crowd, CHAT.rate, WARM_UP_S)
    const beside = await chatAt(crowd, CHAT.rate, SECONDS)
    isOver = true
    await moving
    for (const { close } of movers) close()
    crowd.close()
    return { without, beside }
  } finally {
    await server.stop()
  }
}

const said = (one: Figures | undefined): string =>
  one === undefined
    ? 'not held'
    : `p99 ${one.p99.toFixed(0)} ms, ${(one.bytesPerSecond / 1_000).toFixed(1)} KB/s, ${one.bytesPerMove.toFixed(1)} B a move, ${(100 * one.core).toFixed(0)} %`
const saidChat = ({ p50, p99 }: ChatFigures): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`

/** With another revision, its JSON is beside ours instead of plain Socket.IO. */
export const bench = async ({ other }: Pick<BenchContext, 'other'> = { other: null }) => {
  const figures: Record<string, Figures[]> = {}
  const theirs = other === null ? null : jsonAt(other)
  for (const wire of [...WIRES, ...(theirs === null ? [] : [theirs])]) {
    if (wire !== theirs && !NAMES.includes(wire.name)) continue
    const all: Figures[] = []
    figures[wire.name] = all
    for (const size of SIZES) {
      const one = await measure(wire, size)
      all.push(one)
      // It is beyond what it can sustain; more would tell nothing new.
      if (one.p99 > 2_000) break
    }
  }
  const of = (name: string, size: number) => figures[name]?.find((one) => one.size === size)
  const rows: FigureRow[] = SIZES.flatMap((size) => {
    const [packed, json] = [of('packed', size), of('JSON', size)]
    return [
      {
        what: `${size} movers at 15 Hz in a room, packed; beside it Colyseus`,
        ours: said(packed),
        beside: said(of('Colyseus', size)),
        goal: 'p99 100 ms, 9 B a move, 40 KB/s, 15 % (at 300)',
        met: packed !== undefined && packed.p99 < 100 && packed.bytesPerMove <= 9 && packed.core < 0.15,
      },
      {
        what: `${size} movers, JSON; beside it ${theirs?.name ?? 'plain Socket.IO'}`,
        ours: said(json),
        beside: said(of(theirs?.name ?? 'plain Socket.IO', size)),
        goal: 'as before',
        met: null,
      },
    ]
  })
  const chat = BESIDE > 0 ? await chatBeside() : null
  if (chat !== null)
    rows.push({
      what: `chat at ${CHAT.rate}/s beside a room of ${BESIDE} movers; beside it without them`,
      ours: saidChat(chat.beside),
      beside: saidChat(chat.without),
      goal: 'as without, within the noise',
      met: null,
    })
  return { rows, figures: { ...figures, chat } }
}
