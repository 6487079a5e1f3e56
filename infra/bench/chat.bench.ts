import { cpus } from 'node:os'
import { type ChatFigures, chatAt, gather, type JoinedRooms, knee } from './chat.ts'
import { type FigureRow, processorSeconds } from './figures.ts'
import { type Measured, plain, whole } from './servers.ts'

const ROOMS = Number(process.env.BENCH_ROOMS ?? 50)
const SIZE = 20

const usedBy = (server: Measured): Record<string, number> =>
  Object.fromEntries(Object.entries(server.pids).map(([name, pid]) => [name, processorSeconds(pid)]))

/** The rate that the goals are about, as a share of what plain Socket.IO reaches: on another machine the same share
 *  is the same load. */
const STEADY = 1000
const STEADY_SHARE = 1000 / 4000
/** How long until everything that is compiled, cached and woken only once has been. */
const WARM_UP = { rate: 800, seconds: 20 }

type Steady = { readonly figures: ChatFigures; readonly spent: Readonly<Record<string, number>> }

const measurement = (server: Measured) => {
  const tell = (figures: ChatFigures) =>
    console.log(
      `${server.name}: ${figures.offered}/s offered, ${figures.delivered}/${figures.expected} delivered, ${figures.refused} refused, p50 ${figures.p50.toFixed(1)} ms, p99 ${figures.p99.toFixed(1)} ms (load ${(100 * figures.loadShare).toFixed(0)} % of a core)`,
    )
  const steadyAt = async (crowd: JoinedRooms, rate: number): Promise<Steady> => {
    const before = usedBy(server)
    const figures = await chatAt(crowd, rate, 10)
    tell(figures)
    const spent = Object.fromEntries(
      Object.entries(usedBy(server)).map(([name, seconds]) => [
        name,
        (1e6 * (seconds - before[name]!)) / figures.sent,
      ]),
    )
    const parts = Object.entries({ ...spent, load: (1e6 * figures.loadShare) / rate })
    console.log(
      `${server.name}: processor time a message: ${parts.map(([name, us]) => `${name} ${us.toFixed(0)} µs`).join(', ')}`,
    )
    return { figures, spent }
  }
  return {
    gather: async () => {
      const crowd = await gather(server.url, ROOMS, SIZE, server.member)
      await chatAt(crowd, WARM_UP.rate, WARM_UP.seconds)
      return crowd
    },
    steadyAt,
    knee: (crowd: JoinedRooms, from: number) => knee(crowd, from, tell),
  }
}

export const bench = async () => {
  const yardstick = await plain()
  const beside = measurement(yardstick)
  const besideCrowd = await beside.gather()
  const besideSteady = await beside.steadyAt(besideCrowd, STEADY)
  const besideKnee = process.env.BENCH_STEADY
    ? { knee: 4000, steps: [] }
    : await beside.knee(besideCrowd, 800)
  const scaled = Math.round(besideKnee.knee * STEADY_SHARE)
  const besideScaled = await beside.steadyAt(besideCrowd, scaled)
  besideCrowd.close()
  await yardstick.stop()

  const server = await whole(ROOMS * SIZE)
  const ours = measurement(server)
  const crowd = await ours.gather()
  const oursScaled = await ours.steadyAt(crowd, scaled)
  const oursSteady = await ours.steadyAt(crowd, STEADY)
  const oursKnee = process.env.BENCH_STEADY ? { knee: 0, steps: [] } : await ours.knee(crowd, 300)
  crowd.close()
  await server.stop()

  const ms = (value: number) => `${value.toFixed(1)} ms`
  const latency = (
    rate: number,
    how: 'p50' | 'p99',
    [here, there]: readonly [Steady, Steady],
    goal: number,
  ): FigureRow => ({
    what: `chat, send to receipt at ${rate}/s, ${how}`,
    ours: ms(here.figures[how]),
    beside: ms(there.figures[how]),
    goal: `< ${goal} ms`,
    met: here.figures[how] < goal,
  })
  const ratio = oursKnee.knee / besideKnee.knee
  const rows: Array<FigureRow> = [
    latency(STEADY, 'p50', [oursSteady, besideSteady], 5),
    latency(STEADY, 'p99', [oursSteady, besideSteady], 15),
    latency(scaled, 'p50', [oursScaled, besideScaled], 5),
    latency(scaled, 'p99', [oursScaled, besideScaled], 15),
    {
      what: 'highest chat rate with p99 under 200 ms, 50 rooms of 20',
      ours: `${oursKnee.knee}/s (${ratio.toFixed(2)})`,
      beside: `${besideKnee.knee}/s`,
      goal: '≥ 0.7 of plain',
      met: ratio >= 0.7,
    },
  ]
  const figures = {
    ours: { steady: oursSteady, scaled: oursScaled, ...oursKnee },
    beside: { steady: besideSteady, scaled: besideScaled, ...besideKnee },
  }
  const cores = cpus().length
  const used = ({ figures, spent }: Steady) =>
    Object.values(spent).reduce((sum, us) => sum + us, 0) * 1e-6 * figures.offered + figures.loadShare
  const parts = Object.entries(oursSteady.spent).map(([name, us]) => `${name} ${us.toFixed(0)} µs`)
  const notes = rows.every(({ met }) => met)
    ? []
    : [
        `Where the time of a chat message goes: at ${STEADY}/s ${used(oursSteady).toFixed(1)} of ${cores} cores are in use (for plain Socket.IO ${used(besideSteady).toFixed(1)}), of which the load generator uses ${oursSteady.figures.loadShare.toFixed(1)}. Each message takes ${parts.join(', ')} of processor time; in plain Socket.IO, ${besideSteady.spent.server?.toFixed(0)} µs. Twenty writes to sockets are most of either; the rest is the cost of deciding, sealing, appending, projecting and telling.`,
      ]
  return { rows, figures, notes }
}
