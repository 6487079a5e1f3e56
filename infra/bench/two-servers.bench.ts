/** What two server processes carry beside one. On as many cores as a laptop has, the load, PostgreSQL and the log need the same
 *  cores, so no rate shows it. What does: how long the busiest server's main thread works for each message that anybody sends. One
 *  server carries at most the inverse of that, however many cores there are beside it. */
import type { ServerProcess } from '../testing/server.ts'
import { startTwoServers } from '../testing/two-servers.ts'
import { type BenchMember, chatAt, gather, type JoinedRooms, knee } from './chat.ts'
import { connect, spread } from './client.ts'
import type { BenchContext, BenchResult } from './context.ts'
import type { FigureRow } from './figures.ts'
import { mainThreadMs, processorMs } from './processor.ts'
import { accountOf, signedIn } from './servers.ts'
import { type Spread, spreadOf, told } from './spread.ts'

const ROOMS = 50
const SIZE = 20
const SECONDS = Number(process.env.BENCH_SECONDS ?? 6)
/** Messages a second for each server that has people, so that none is cheaper for having more at once. */
const RATE = Number(process.env.BENCH_RATE ?? 500)
const WARM_UP_SECONDS = 5
const FIRST_SECONDS = 15
const SEEKS_KNEE = process.env.BENCH_STEADY !== '1'
const GOAL = 1.7

/** Where the people of a room are, by the room's and their own number. */
const LAYOUTS = {
  one: { name: 'all on one server', servers: 1, serverOf: () => 0 },
  apart: {
    name: 'two servers, each with rooms of its own',
    servers: 2,
    serverOf: (room: number) => room % 2,
  },
  mixed: {
    name: 'two servers, half of each room on either',
    servers: 2,
    serverOf: (_: number, person: number) => person % 2,
  },
} as const
type LayoutName = keyof typeof LAYOUTS
const NAMES = Object.keys(LAYOUTS) as ReadonlyArray<LayoutName>

type Figures = {
  /** Microseconds of the busiest server's main thread, and of all the servers' threads, for each message that is sent to either. */
  readonly busiest: number
  readonly all: number
  readonly p50: number
  readonly p99: number
}

const measured = async (
  layout: LayoutName,
  crowd: JoinedRooms,
  servers: ReadonlyArray<ServerProcess>,
  rate = RATE * LAYOUTS[layout].servers,
): Promise<Figures> => {
  const main = () => servers.map(({ pid }) => mainThreadMs(pid))
  const all = () => servers.reduce((sum, { pid }) => sum + processorMs(pid), 0)
  const [mainBefore, allBefore] = [main(), all()]
  const { sent, delivered, refused, expected, p50, p99, loadShare } = await chatAt(crowd, rate, SECONDS)
  const each = (ms: number): number => (1_000 * ms) / sent
  const threads = main().map((ms, i) => each(ms - mainBefore[i]!))
  const figures = { busiest: Math.max(...threads), all: each(all() - allBefore), p50, p99 }
  console.log(
    `${LAYOUTS[layout].name}: ${rate}/s, ${delivered}/${expected} delivered, ${refused} of ${sent} refused, main threads ${threads.map((us) => us.toFixed(0)).join(' and ')} µs a message, all threads ${figures.all.toFixed(0)} µs, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (load ${(100 * loadShare).toFixed(0)} % of a core)`,
  )
  return figures
}

const rowsOf = (turns: Readonly<Record<LayoutName, ReadonlyArray<Figures>>>): ReadonlyArray<FigureRow> => {
  const busiest = (layout: LayoutName): Spread | null => spreadOf(turns[layout].map((turn) => turn.busiest))
  const ratios = (layout: LayoutName): Spread | null =>
    spreadOf(turns[layout].map((turn, i) => turns.one[i]!.busiest / turn.busiest))
  return [
    ...(['apart', 'mixed'] as const).map((layout): FigureRow => {
      const ratio = ratios(layout)
      return {
        what: `${LAYOUTS[layout].name}: what they carry, by the busiest one's main thread`,
        ours: `${told(ratio, 'times one', 2)}; ${told(busiest(layout), 'µs', 0)} a message`,
        beside: `${told(busiest('one'), 'µs', 0)}, ${LAYOUTS.one.name}`,
        goal: `≥ ${GOAL} times one`,
        met: ratio === null ? null : ratio.median >= GOAL,
      }
    }),
    ...NAMES.map(
      (layout): FigureRow => ({
        what: `${LAYOUTS[layout].name}: all threads of all servers, a message`,
        ours: told(spreadOf(turns[layout].map((turn) => turn.all)), 'µs', 0),
        beside: '',
        goal: '',
        met: null,
      }),
    ),
  ]
}

const kneeRow = (knees: Readonly<Partial<Record<LayoutName, number | null>>>): FigureRow => {
  const said = (layout: LayoutName): string => (knees[layout] == null ? 'none' : `${knees[layout]}/s`)
  return {
    what: `last rate that held (all delivered, p99 under 250 ms) with two servers, ${ROOMS} rooms of ${SIZE}`,
    ours: `${said('apart')} with rooms of their own, ${said('mixed')} with half of each`,
    beside: `${said('one')}, ${LAYOUTS.one.name}`,
    goal: '',
    met: null,
  }
}

export const bench = async ({ turns }: BenchContext): Promise<BenchResult> => {
  const { servers, stop } = await startTwoServers()
  try {
    const tokens = await spread(ROOMS * SIZE, 8, (index) =>
      signedIn(servers[index % 2]!.url, accountOf(index)),
    )
    const member = (index: number): BenchMember => ({
      auth: { token: tokens[index] },
      account: accountOf(index),
    })
    const crowds = new Map<LayoutName, JoinedRooms>()
    /** One after another: a server hears of rooms that only the other has as long as people are in them. */
    const enter = async (layout: LayoutName, round: number): Promise<JoinedRooms> => {
      const { serverOf } = LAYOUTS[layout]
      let next = 0
      // `gather` asks for people in order.
      const by: typeof connect = (_url, auth) => {
        const index = next++
        return connect(servers[serverOf(Math.floor(index / SIZE), index % SIZE)]!.url, auth)
      }
      const from = 400_000 + 1_000 * (round * NAMES.length + NAMES.indexOf(layout))
      const place = (room: number) => ({ type: 'community', id: `hive-${from + room}` })
      const crowd = await gather(servers[0]!.url, { rooms: ROOMS, size: SIZE, place, by }, member)
      crowds.set(layout, crowd)
      return crowd
    }
    const figures: Record<LayoutName, Figures[]> = { one: [], apart: [], mixed: [] }
    const knees: Partial<Record<LayoutName, number | null>> = {}
    // Until what both compile and cache only once has been.
    const first = await enter('mixed', turns)
    await chatAt(first, 2 * RATE, FIRST_SECONDS)
    first.close()
    for (let turn = 0; turn < turns; turn += 1)
      for (const layout of turn % 2 === 0 ? NAMES : [...NAMES].reverse()) {
        const crowd = await enter(layout, turn)
        await chatAt(crowd, RATE * LAYOUTS[layout].servers, WARM_UP_SECONDS)
        figures[layout].push(await measured(layout, crowd, servers))
        if (SEEKS_KNEE && turn === turns - 1)
          knees[layout] = (
            await knee(crowd, { from: 1_000 }, ({ offered, p50, p99 }) =>
              console.log(
                `${LAYOUTS[layout].name}: ${offered}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
              ),
            )
          ).knee
        crowd.close()
      }
    return {
      rows: [...rowsOf(figures), ...(SEEKS_KNEE ? [kneeRow(knees)] : [])],
      figures: { rate: RATE, turns: figures, knees },
      notes: [
        `Each server had ${RATE} messages a second, so two had twice as many as one. What is told as "times one" holds where each server has a core: here the load, the projector, PostgreSQL and the log share the same ones with them, which the last rate that held shows.`,
      ],
    }
  } finally {
    await stop()
  }
}
