import { type ChatFigures, chatAt, gather, knee } from './chat.ts'
import { processorSeconds, type Row } from './figures.ts'
import { type Measured, plain, whole } from './servers.ts'

const ROOMS = Number(process.env['BENCH_ROOMS'] ?? 50)
const SIZE = 20

const usedBy = (server: Measured): Record<string, number> =>
  Object.fromEntries(Object.entries(server.pids).map(([name, pid]) => [name, processorSeconds(pid)]))

const measure = async (server: Measured) => {
  const crowd = await gather(server.url, ROOMS, SIZE, server.member)
  const tell = (figures: ChatFigures) =>
    console.log(
      `${server.name}: ${figures.offered}/s offered, ${figures.delivered}/${figures.expected} delivered, ${figures.refused} refused, p50 ${figures.p50.toFixed(1)} ms, p99 ${figures.p99.toFixed(1)} ms (load ${(100 * figures.loadShare).toFixed(0)} % of a core)`,
    )
  await chatAt(crowd, 500, 3)
  const before = usedBy(server)
  const steady = await chatAt(crowd, 1000, 10)
  tell(steady)
  const spent = Object.fromEntries(
    Object.entries(usedBy(server)).map(([name, seconds]) => [
      name,
      (1e6 * (seconds - before[name]!)) / steady.sent,
    ]),
  )
  console.log(
    `${server.name}: processor time a message: ${Object.entries(spent)
      .map(([name, us]) => `${name} ${us.toFixed(0)} µs`)
      .join(', ')}`,
  )
  if (process.env['BENCH_STEADY']) {
    crowd.close()
    return { steady, spent, knee: 0, steps: [] }
  }
  const found = await knee(crowd, 600, tell)
  crowd.close()
  return { steady, spent, ...found }
}

export const bench = async () => {
  const yardstick = await plain()
  const beside = await measure(yardstick)
  await yardstick.stop()
  const server = await whole(ROOMS * SIZE)
  const ours = await measure(server)
  await server.stop()
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const ratio = ours.knee / beside.knee
  const rows: Array<Row> = [
    {
      what: 'chat, send to receipt at 1,000/s, p50',
      ours: ms(ours.steady.p50),
      beside: ms(beside.steady.p50),
      goal: '< 5 ms',
      met: ours.steady.p50 < 5,
    },
    {
      what: 'chat, send to receipt at 1,000/s, p99',
      ours: ms(ours.steady.p99),
      beside: ms(beside.steady.p99),
      goal: '< 15 ms',
      met: ours.steady.p99 < 15,
    },
    {
      what: 'chat at the knee, 50 rooms of 20',
      ours: `${ours.knee}/s (${ratio.toFixed(2)})`,
      beside: `${beside.knee}/s`,
      goal: '≥ 0.7 of plain',
      met: ratio >= 0.7,
    },
  ]
  return { rows, figures: { ours, beside } }
}
