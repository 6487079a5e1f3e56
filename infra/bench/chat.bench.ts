/** Chat beside a plain Socket.IO server, beside one that stores each message, sealed, in a log before it tells it, beside one whose tables
 *  follow as well, and beside another revision of the project: all are up at once, with their rooms full, and are asked in turns, so that what the machine does meanwhile befalls each
 *  alike. Where one of those misses a goal, the goal can't be met here by anything that does what it does. */
import { cpus } from 'node:os'
import { chartInSvg } from './charts.ts'
import { type ChatFigures, chatAt, communities, gather, type JoinedRooms, type Knee, knee } from './chat.ts'
import type { Connect } from './client.ts'
import type { BenchContext, BenchResult } from './context.ts'
import type { FigureRow } from './figures.ts'
import { flameInSvg, profiled } from './flame.ts'
import { partsOf } from './flame-parts.ts'
import { connectOfficial } from './official-client.ts'
import { processorMs } from './processor.ts'
import { type Measured, plain, plainWithLog, plainWithTables, whole } from './servers.ts'
import { type Spread, spreadOf, told } from './spread.ts'

const ROOMS = Number(process.env.BENCH_ROOMS ?? 50)
const SIZE = 20
const SECONDS = Number(process.env.BENCH_SECONDS ?? 10)
/** What the goals speak of, and for each p50 and p99 in ms. */
const RATES = [
  { rate: 500, p50: 1.7, p99: 5 },
  { rate: 1_000, p50: 2.5, p99: 8 },
  { rate: 2_000, p50: 8, p99: null },
] as const
/** The rate at which what a message costs is told. */
const STEADY = 1_000
/** What a message may cost the server's processor, as a multiple of what it costs plain Socket.IO. */
const MOST_OF_PLAIN = 1.4
/** How many of the others do less than this server: those that store nothing, do nothing but store, or have tables besides. */
const DOING_LESS = 3
/** Until what is compiled, cached and woken only once has been. */
const WARM_UP = { rate: 800, seconds: 15 }

type Turn = ChatFigures & {
  /** Microseconds of processor for each message, by process. */
  readonly spent: Readonly<Record<string, number>>
}
type Contestant = {
  readonly server: Measured
  readonly crowd: JoinedRooms
  readonly turns: Map<number, Turn[]>
}

const turnOf = async ({ server, crowd }: Omit<Contestant, 'turns'>, rate: number): Promise<Turn> => {
  const used = () => Object.entries(server.pids).map(([name, pid]) => [name, processorMs(pid)] as const)
  const before = new Map(used())
  const figures = await chatAt(crowd, rate, SECONDS)
  const spent = Object.fromEntries(
    used().map(([name, ms]) => [name, (1_000 * (ms - before.get(name)!)) / figures.sent]),
  )
  return { ...figures, spent }
}

const tell = ({ name }: Measured, figures: ChatFigures & { readonly spent?: Turn['spent'] }): void => {
  const { offered, delivered, expected, refused, p50, p99, loadShare, late } = figures
  const parts = Object.entries(figures.spent ?? {}).map(([part, us]) => `, ${part} ${us.toFixed(0)} µs`)
  const times = delivered === 0 ? 'nothing came' : `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
  console.log(
    `${name}: ${offered}/s offered, ${delivered}/${expected} delivered, ${refused} refused, ${times} (load ${(100 * loadShare).toFixed(0)} % of a core and ${late.toFixed(2)} ms late${parts.join('')})`,
  )
}

const enter = async (server: Measured): Promise<Contestant> => {
  const crowd = await gather(server.url, { rooms: ROOMS, size: SIZE }, server.member)
  await chatAt(crowd, WARM_UP.rate, WARM_UP.seconds)
  return { server, crowd, turns: new Map(RATES.map(({ rate }) => [rate, []])) }
}

const spreadIn = ({ turns }: Contestant, rate: number, of: (turn: Turn) => number): Spread | null =>
  spreadOf((turns.get(rate) ?? []).filter(({ delivered }) => delivered > 0).map(of))

/** Microseconds a message in the process that holds the sockets, and in all of them. */
const ofServer = ({ spent }: Turn): number => spent.server ?? 0
const ofAll = ({ spent }: Turn): number => Object.values(spent).reduce((sum, us) => sum + us, 0)

/** The first of the others that misses the goal, although it does less: what no server here can be better than. */
const limitOf = (
  others: ReadonlyArray<Contestant>,
  goal: number,
  of: (one: Contestant) => Spread | null,
): string | undefined => {
  for (const one of others.slice(0, DOING_LESS)) {
    const there = of(one)
    if (there !== null && there.median >= goal) return `${one.server.name} takes ${told(there)} itself`
  }
  return undefined
}

const latencyRows = (ours: Contestant, others: ReadonlyArray<Contestant>): FigureRow[] =>
  RATES.flatMap(({ rate, ...goals }) =>
    (['p50', 'p99'] as const).map((how): FigureRow => {
      const [here, goal] = [spreadIn(ours, rate, (turn) => turn[how]), goals[how]]
      const limit =
        goal === null ? undefined : limitOf(others, goal, (one) => spreadIn(one, rate, (turn) => turn[how]))
      return {
        what: `chat, send to receipt at ${rate}/s, ${how}`,
        ours: told(here),
        beside: besides(others, (one) => told(spreadIn(one, rate, (turn) => turn[how]))),
        goal: goal === null ? '' : `< ${goal} ms`,
        met: goal === null ? null : here !== null && here.median < goal,
        ...(limit === undefined ? {} : { limit }),
      }
    }),
  )

const besides = (others: ReadonlyArray<Contestant>, of: (one: Contestant) => string): string =>
  others.map((one) => `${of(one)}, ${one.server.name}`).join('; ')

const costRows = (ours: Contestant, others: ReadonlyArray<Contestant>): FigureRow[] => {
  const cost = (one: Contestant, of: (turn: Turn) => number) => spreadIn(one, STEADY, of)
  const [here, there] = [cost(ours, ofServer), cost(others[0]!, ofServer)]
  const ofPlain = (one: Spread | null): number | null =>
    one === null || there === null ? null : one.median / there.median
  const [ratio, least] = [ofPlain(here), ofPlain(cost(others[1]!, ofServer))]
  return [
    {
      what: `server's processor a message at ${STEADY}/s`,
      ours: `${told(here, 'µs', 0)}${ratio === null ? '' : `, ${ratio.toFixed(2)} of plain`}`,
      beside: besides(others, (one) => told(cost(one, ofServer), 'µs', 0)),
      goal: `≤ ${MOST_OF_PLAIN} of plain`,
      met: ratio !== null && ratio <= MOST_OF_PLAIN,
      ...(least !== null && least > MOST_OF_PLAIN
        ? { limit: `${others[1]!.server.name} takes ${least.toFixed(2)} of plain itself` }
        : {}),
    },
    {
      what: '… of all its processes',
      ours: told(cost(ours, ofAll), 'µs', 0),
      beside: besides(others, (one) => told(cost(one, ofAll), 'µs', 0)),
      goal: '',
      met: null,
    },
    {
      what: '… of the load that sends and hears it',
      ours: told(
        cost(ours, ({ loadShare, offered }) => (1e6 * loadShare) / offered),
        'µs',
        0,
      ),
      beside: besides(others, (one) =>
        told(
          cost(one, ({ loadShare, offered }) => (1e6 * loadShare) / offered),
          'µs',
          0,
        ),
      ),
      goal: '',
      met: null,
    },
  ]
}

/** At the highest of the rates, how much of the machine is used in all, the load's own part included. */
const machineRow = (ours: Contestant, others: ReadonlyArray<Contestant>): FigureRow => {
  const { rate } = RATES[RATES.length - 1]!
  const cores = (one: Contestant): string =>
    told(
      spreadIn(one, rate, (turn) => (ofAll(turn) * turn.offered) / 1e6 + turn.loadShare),
      'cores',
      2,
    )
  return {
    what: `processor of all at ${rate}/s, PostgreSQL left out and the load included, of ${cpus().length} cores`,
    ours: cores(ours),
    beside: besides(others, cores),
    goal: '',
    met: null,
  }
}

const kneeRow = (knees: ReadonlyArray<readonly [Contestant, Knee]>): FigureRow => {
  const [[, here], ...others] = knees as [readonly [Contestant, Knee], ...(readonly [Contestant, Knee])[]]
  const rate = ({ knee: held }: Knee) => (held === null ? 'none that was tried' : `${held}/s`)
  const beside = others[0]![1].knee
  const [{ server: least }, { knee: most }] = others[1]!
  const isOutOfReach = beside !== null && most !== null && most < beside
  return {
    what: `last rate that held (all delivered, p99 under 250 ms), ${ROOMS} rooms of ${SIZE}`,
    ours: rate(here),
    beside: others.map(([{ server }, one]) => `${rate(one)}, ${server.name}`).join('; '),
    goal: '≥ plain',
    met: here.knee !== null && beside !== null && here.knee >= beside,
    ...(isOutOfReach ? { limit: `${least.name} holds ${most}/s itself` } : {}),
  }
}

/** The same load by Socket.IO's own client: what it costs, and what is heard through it. */
const byOfficial = async (server: Measured, connectBy: Connect): Promise<FigureRow> => {
  const crowd = await gather(
    server.url,
    { rooms: 10, size: SIZE, place: communities(101_000), by: connectBy },
    server.member,
  )
  await chatAt(crowd, 200, 3)
  const { p50, p99, loadShare, offered, delivered } = await chatAt(crowd, 200, SECONDS)
  crowd.close()
  return {
    what: '200/s in 10 rooms by Socket.IO’s own client, p50 and p99',
    ours: delivered === 0 ? 'nothing came' : `${p50.toFixed(1)} and ${p99.toFixed(1)} ms`,
    beside: `the load: ${((1e6 * loadShare) / offered).toFixed(0)} µs a message`,
    goal: '',
    met: null,
  }
}

const chartOf = (contestants: ReadonlyArray<Contestant>, how: 'p50' | 'p99'): string | null =>
  chartInSvg({
    title: `Chat in ${ROOMS} rooms of ${SIZE}, from send to receipt, ${how}`,
    x: 'messages a second',
    y: 'ms',
    series: contestants.map((one) => ({
      name: one.server.name,
      points: RATES.flatMap(({ rate }) => {
        const spread = spreadIn(one, rate, (turn) => turn[how])
        return spread === null ? [] : [{ x: rate, y: spread.median, low: spread.least, high: spread.most }]
      }),
    })),
    isLogY: true,
  })

const measureInTurns = async (contestants: ReadonlyArray<Contestant>, turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1)
    for (const { rate } of RATES)
      for (let i = 0; i < contestants.length; i += 1) {
        // Nobody is always first.
        const one = contestants[(i + turn) % contestants.length]!
        const figures = await turnOf(one, rate)
        one.turns.get(rate)!.push(figures)
        tell(one.server, figures)
      }
}

const kneesOf = async (
  contestants: ReadonlyArray<Contestant>,
): Promise<ReadonlyArray<readonly [Contestant, Knee]>> => {
  const knees: Array<readonly [Contestant, Knee]> = []
  for (const one of contestants)
    knees.push([one, await knee(one.crowd, { from: STEADY }, (figures) => tell(one.server, figures))])
  return knees
}

type Flames = {
  readonly charts: Readonly<Record<string, string>>
  /** Microseconds a message by part, of each server in the order of the contestants. */
  readonly parts: ReadonlyArray<ReadonlyArray<readonly [string, number]>>
}
/** Of each server of ours, under the steady rate. */
const flamesOf = async (contestants: ReadonlyArray<Contestant>): Promise<Flames> => {
  const flames: Record<string, string> = {}
  const parts: Array<ReadonlyArray<readonly [string, number]>> = []
  for (const one of contestants) {
    const { server } = one
    if (one !== contestants[0] && contestants.indexOf(one) <= DOING_LESS) continue
    const taken = await profiled(server.pid, () => chatAt(one.crowd, STEADY, SECONDS))
    const us = spreadIn(one, STEADY, ofServer)?.median ?? Number.NaN
    const svg = flameInSvg(`${server.name} at ${STEADY} messages a second`, taken, us)
    if (svg !== null) flames[one === contestants[0] ? 'flame' : 'flame-before'] = svg
    parts.push(partsOf(taken, us))
  }
  return { charts: flames, parts }
}

/** Where a message's time goes, here and at the other revision. */
const partRows = ([ours = [], before = []]: Flames['parts']): FigureRow[] =>
  ours.map(([part, us]) => {
    const then = before.find(([name]) => name === part)?.[1]
    return {
      what: `… of it ${part}`,
      ours: `${us.toFixed(0)} µs`,
      beside: then === undefined ? '' : `${then.toFixed(0)} µs before`,
      goal: '',
      met: null,
    }
  })

export const bench = async ({ other, turns, flame }: BenchContext): Promise<BenchResult> => {
  const servers = [
    await whole(ROOMS * SIZE, null, { flame }),
    await plain(),
    await plainWithLog(),
    await plainWithTables(),
    ...(other === null ? [] : [await whole(ROOMS * SIZE, other, { flame })]),
  ]
  try {
    const contestants: Contestant[] = []
    for (const server of servers) contestants.push(await enter(server))
    const [ours, ...others] = contestants as [Contestant, ...Contestant[]]
    await measureInTurns(contestants, turns)
    const flames = flame ? await flamesOf(contestants) : { charts: {}, parts: [] }
    const knees = process.env.BENCH_STEADY ? [] : await kneesOf(contestants)
    const official = await byOfficial(ours.server, connectOfficial)
    for (const { crowd } of contestants) crowd.close()
    const rows = [
      ...latencyRows(ours, others),
      ...costRows(ours, others),
      machineRow(ours, others),
      ...partRows(flames.parts),
      official,
      ...(knees.length === 0 ? [] : [kneeRow(knees)]),
    ]
    const charts = Object.fromEntries(
      (['p50', 'p99'] as const).flatMap((how) => {
        const svg = chartOf(contestants, how)
        return svg === null ? [] : [[how, svg]]
      }),
    )
    const figures = contestants.map(({ server, turns: measured }) => ({
      name: server.name,
      turns: Object.fromEntries(measured),
      knee: knees.find(([one]) => one.server === server)?.[1] ?? null,
    }))
    return { rows, figures, charts: { ...charts, ...flames.charts } }
  } finally {
    for (const server of servers) await server.stop()
  }
}
