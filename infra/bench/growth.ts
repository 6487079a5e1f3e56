/** What things cost as one thing grows: its points, as rows and as charts. */
import { chartInSvg, chartsTogether } from './charts.ts'
import { type ChatFigures, chatAt, type JoinedRooms } from './chat.ts'
import type { FigureRow } from './figures.ts'
import { memoryOf } from './memory-held.ts'
import { processorMs, writtenBytes } from './processor.ts'
import type { Whole } from './servers.ts'

/** One size of what grows. */
export type GrowthPoint = {
  readonly x: number
  readonly p50: number
  readonly p99: number
  /** Microseconds of the server's processor for each message. */
  readonly processor: number
  /** Megabytes that the server holds. */
  readonly memory: number
  /** Kilobytes that the log's process writes to the disk for each message. */
  readonly written: number
  /** By name, with their unit behind a comma. */
  readonly more?: Readonly<Record<string, number>>
}
export type Growth = {
  readonly name: string
  readonly x: string
  readonly points: ReadonlyArray<GrowthPoint>
  /** What is to stay as it was at the smallest size. */
  readonly isToStay: boolean
  /** Charts of its own: each of several figures of `more`. */
  readonly charts?: ReadonlyArray<{
    readonly title: string
    readonly y: string
    readonly of: ReadonlyArray<string>
  }>
}

const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
const WARM_UP = 3

export const measuredChat = async (
  server: Whole,
  crowd: JoinedRooms,
  rate: number,
): Promise<Omit<GrowthPoint, 'x'>> => {
  await chatAt(crowd, rate, WARM_UP)
  const log = server.pids['event store']!
  const [before, writtenBefore] = [processorMs(server.pid), writtenBytes(log)]
  const figures: ChatFigures = await chatAt(crowd, rate, SECONDS)
  const processor = (1_000 * (processorMs(server.pid) - before)) / figures.sent
  const written = (writtenBytes(log) - writtenBefore) / 1024 / figures.sent
  const { held } = await memoryOf(server)
  if (figures.delivered < figures.expected)
    console.log(`  ${figures.delivered} of ${figures.expected} were delivered, ${figures.refused} refused`)
  return { p50: figures.p50, p99: figures.p99, processor, memory: held / 1024 ** 2, written }
}

const figuresOf = ({ processor, memory, written, p50, p99, more = {} }: GrowthPoint) =>
  [
    ['send to receipt p50, ms', p50],
    ['send to receipt p99, ms', p99],
    ['server’s processor a message, µs', processor],
    ['memory that the server holds, MB', memory],
    ['written to disk by the log a message, KB', written],
    ...Object.entries(more),
  ] as ReadonlyArray<readonly [string, number]>

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

export const tellPoint = (what: string, point: GrowthPoint): void =>
  console.log(
    `${what} ${point.x}: ${figuresOf(point)
      .map(([name, value]) => {
        const [of, unit] = name.split(', ')
        return `${of} ${digits(value)} ${unit}`
      })
      .join(', ')}`,
  )

/** Times may be the machine's doing; twice as much is not. */
const MOST_GROWTH = 2
/** Less than this is noise, whatever it is a multiple of. */
const LEAST = { ms: 20, µs: 100, MB: 20, KB: 5, B: 100 } as Readonly<Record<string, number>>

/** A row for each figure at the largest size, beside the smallest. */
export const growthRows = ({ x, points, isToStay }: Growth): FigureRow[] => {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  const at = new Map(figuresOf(first))
  return figuresOf(last).map(([name, value]): FigureRow => {
    const [what, unit] = name.split(', ') as [string, string]
    const before = at.get(name) ?? Number.NaN
    const hasGoal = isToStay && Number.isFinite(value) && Number.isFinite(before)
    return {
      what: `${what}, ${last.x.toLocaleString('en')} ${x}`,
      ours: Number.isFinite(value) ? `${digits(value)} ${unit}` : 'not measured',
      beside: `${digits(before)} ${unit} at ${first.x.toLocaleString('en')}`,
      goal: hasGoal ? `≤ ${MOST_GROWTH} times` : '',
      met: hasGoal ? value <= Math.max(MOST_GROWTH * before, before + (LEAST[unit] ?? 0)) : null,
    }
  })
}

/** All charts of a growth in one picture; null where nothing was measured. */
export const growthChart = ({ x, points, charts = [] }: Growth): string | null => {
  const common = { x, isLogX: true } as const
  const line = (name: string, of: (point: GrowthPoint) => number | undefined) => ({
    name,
    points: points.flatMap((point) => {
      const y = of(point)
      return y === undefined || !Number.isFinite(y) ? [] : [{ x: point.x, y }]
    }),
  })
  const drawn = [
    chartInSvg({
      ...common,
      title: 'Send to receipt',
      y: 'ms',
      series: [line('p99', ({ p99 }) => p99), line('p50', ({ p50 }) => p50)],
    }),
    chartInSvg({
      ...common,
      title: "Server's processor for each message",
      y: 'µs',
      series: [line('server', ({ processor }) => processor)],
    }),
    chartInSvg({
      ...common,
      title: 'Memory that the server holds',
      y: 'MB',
      series: [line('server', ({ memory }) => memory)],
    }),
    chartInSvg({
      ...common,
      title: 'Written to disk by the log for each message',
      y: 'KB',
      series: [line('log', ({ written }) => written)],
    }),
    ...charts.map(({ title, y, of }) =>
      chartInSvg({
        ...common,
        title,
        y,
        isLogY: y === 'ms',
        series: of.map((name) => line(name.split(', ')[0]!, ({ more }) => more?.[name])),
      }),
    ),
  ].filter((chart) => chart !== null)
  return drawn.length === 0 ? null : chartsTogether(drawn)
}
