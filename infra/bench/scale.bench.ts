/** What things cost as they grow: rooms, people in a room, sockets, and the log. One of them grows at a time; what is asked of
 *  the server stays the same, so that a line that rises is a cost that grows. Sizes by BENCH_SCALE_ROOMS, BENCH_SCALE_PEOPLE,
 *  BENCH_SCALE_SOCKETS and BENCH_SCALE_EVENTS, as numbers with commas. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { chartInSvg } from './charts.ts'
import { type ChatFigures, type CrowdSize, chatAt, communities, gather, type JoinedRooms } from './chat.ts'
import type { BenchResult } from './context.ts'
import { type FigureRow, summary } from './figures.ts'
import { writeHistory } from './history.ts'
import { memoryOf } from './memory-held.ts'
import { processorMs } from './processor.ts'
import { type Whole, whole } from './servers.ts'

const sizes = (asked: string | undefined, usual: string): ReadonlyArray<number> =>
  (asked ?? usual).split(',').map(Number)
const ROOMS = sizes(process.env.BENCH_SCALE_ROOMS, '20,100,1000')
const PEOPLE = sizes(process.env.BENCH_SCALE_PEOPLE, '10,50,200')
const SOCKETS = sizes(process.env.BENCH_SCALE_SOCKETS, '200,1000,2000')
const EVENTS = sizes(process.env.BENCH_SCALE_EVENTS, '10000,50000,200000')
const SECONDS = Number(process.env.BENCH_SECONDS ?? 8)
const WARM_UP = 3
/** In all, where few speak: no account may say more than a few messages a second. */
const RATE_OF_FEW = 20

/** One size of what grows. */
type Point = {
  readonly x: number
  readonly p50: number
  readonly p99: number
  /** Microseconds of the server's processor for each message, or for each that is delivered. */
  readonly processor: number
  /** Megabytes that the server holds. */
  readonly memory: number
  readonly more?: Readonly<Record<string, number>>
}
type Axis = {
  readonly name: string
  readonly x: string
  readonly unit: string
  readonly points: ReadonlyArray<Point>
}

const measured = async (server: Whole, crowd: JoinedRooms, rate: number): Promise<Omit<Point, 'x'>> => {
  await chatAt(crowd, rate, WARM_UP)
  const before = processorMs(server.pid)
  const figures: ChatFigures = await chatAt(crowd, rate, SECONDS)
  const processor = (1_000 * (processorMs(server.pid) - before)) / figures.sent
  const { held } = await memoryOf(server)
  if (figures.delivered < figures.expected)
    console.log(`  ${figures.delivered} of ${figures.expected} were delivered, ${figures.refused} refused`)
  return { p50: figures.p50, p99: figures.p99, processor, memory: held / 1024 ** 2 }
}

const tell = (what: string, { x, p50, p99, processor, memory, more = {} }: Point): void =>
  console.log(
    `${what} ${x}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${processor.toFixed(0)} µs, ${memory.toFixed(0)} MB${Object.entries(
      more,
    )
      .map(([name, value]) => `, ${name} ${value.toFixed(1)}`)
      .join('')}`,
  )

/** A crowd for each size, one after the other, on a server of its own. */
const growing = async (
  { name, x, unit }: Omit<Axis, 'points'>,
  all: ReadonlyArray<number>,
  crowdOf: (size: number) => CrowdSize & { readonly rate: number },
): Promise<Axis> => {
  const points: Point[] = []
  for (const size of all) {
    const { rate, ...asked } = crowdOf(size)
    const server = await whole(asked.rooms * asked.size)
    try {
      await makeRoom(server, asked.rooms * asked.size)
      const crowd = await gather(server.url, asked, server.member)
      const figures = await measured(server, crowd, rate)
      const processor = unit === 'delivery' ? figures.processor / asked.size : figures.processor
      points.push({ ...figures, processor, x: size })
      tell(name, points.at(-1)!)
      crowd.close()
    } finally {
      await server.stop()
    }
  }
  return { name, x, unit, points }
}

/** The lobby takes as many as are to come. */
const makeRoom = async (server: Whole, people: number): Promise<void> => {
  const patched = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: Math.min(10_000, people + 50) }),
  })
  if (!patched.ok) throw new Error(`max_users could not be set: ${await patched.text()}`)
}

const bytesIn = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce((sum, entry) => {
    if (!entry.isFile()) return sum
    try {
      return sum + statSync(join(entry.parentPath, entry.name)).size
    } catch {
      return sum
    }
  }, 0)

/** Until the tables have all that is on the log. */
const caughtUp = async (server: Whole, log: EventLog): Promise<void> => {
  const last = await log.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })()
  const position = last._tag === 'Right' ? (last.right[0]?.position ?? 0n) : 0n
  for (;;) {
    const { ok } = await fetch(`${server.url}/api/spaces?limit=1&min_position=${position}`)
    if (ok) return
    await delay(250)
  }
}

const ASKED = 60
const timesOf = async (ask: () => Promise<Response>): Promise<number> => {
  const times: number[] = []
  for (let i = 0; i < ASKED; i += 1) {
    const begun = performance.now()
    const answer = await ask()
    await answer.arrayBuffer()
    if (answer.ok) times.push(performance.now() - begun)
    else await delay(1_000)
  }
  return summary(times).p50
}

/** The same rooms, over a log that grows. */
const growingLog = async (): Promise<Axis> => {
  const server = await whole(10 * 20)
  const log = connectEventLog({ url: server.eventStoreUrl })
  const points: Point[] = []
  try {
    const place = communities(500_000)
    const crowd = await gather(server.url, { rooms: 10, size: 20, place }, server.member)
    let written = 0
    for (const size of EVENTS) {
      const more = size - written
      if (more > 0) written += await writeHistory(log, more, 200, { seed: `scale ${size}` })
      await caughtUp(server, log)
      const figures = await measured(server, crowd, 200)
      const newest = await timesOf(() =>
        fetch(`${server.url}/api/chat/community/hive-500003/messages?limit=50`),
      )
      const logBytes = bytesIn(join(server.dataDir, 'eventstore')) / written
      points.push({
        ...figures,
        x: written,
        more: { 'newest messages, ms': newest, 'log, bytes an event': logBytes },
      })
      tell('events on the log', points.at(-1)!)
    }
    crowd.close()
  } finally {
    await log.close()
    await server.stop()
  }
  return { name: 'log', x: 'events on the log', unit: 'message', points }
}

const chartsOf = (axis: Axis): Readonly<Record<string, string>> => {
  const line = (of: (point: Point) => number) => axis.points.map((point) => ({ x: point.x, y: of(point) }))
  const common = { x: axis.x, isLogX: true } as const
  const all = {
    latency: chartInSvg({
      ...common,
      title: `Send to receipt, by ${axis.x}`,
      y: 'ms',
      series: [
        { name: 'p99', points: line(({ p99 }) => p99) },
        { name: 'p50', points: line(({ p50 }) => p50) },
      ],
    }),
    processor: chartInSvg({
      ...common,
      title: `Server's processor for each ${axis.unit}, by ${axis.x}`,
      y: 'µs',
      series: [{ name: 'server', points: line(({ processor }) => processor) }],
    }),
    memory: chartInSvg({
      ...common,
      title: `What the server holds, by ${axis.x}`,
      y: 'MB',
      series: [{ name: 'server', points: line(({ memory }) => memory) }],
    }),
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, svg]) => (svg === null ? [] : [[`${axis.name}-${name}`, svg]])),
  )
}

const rowsOf = ({ x, unit, points }: Axis): FigureRow[] => {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return []
  const row = (what: string, of: (point: Point) => string): FigureRow => ({
    what: `${what}, ${last.x} ${x}`,
    ours: of(last),
    beside: `${of(first)} at ${first.x}`,
    goal: '',
    met: null,
  })
  return [
    row('send to receipt, p50 and p99', ({ p50, p99 }) => `${p50.toFixed(1)} and ${p99.toFixed(1)} ms`),
    row(`server's processor for each ${unit}`, ({ processor }) => `${processor.toFixed(0)} µs`),
    row('memory that it holds', ({ memory }) => `${memory.toFixed(0)} MB`),
    ...Object.keys(last.more ?? {}).map((name) =>
      row(name.split(',')[0]!, ({ more }) => `${(more?.[name] ?? 0).toFixed(1)} ${name.split(', ')[1]}`),
    ),
  ]
}

const LOBBY = () => ({ type: 'global', id: 'lobby' })

export const bench = async (): Promise<BenchResult> => {
  const axes = [
    await growing({ name: 'rooms', x: 'rooms of 3', unit: 'message' }, ROOMS, (rooms) => ({
      rooms,
      size: 3,
      rate: RATE_OF_FEW,
    })),
    await growing({ name: 'people', x: 'people in one room', unit: 'delivery' }, PEOPLE, (size) => ({
      rooms: 1,
      size,
      rate: RATE_OF_FEW,
      place: LOBBY,
    })),
    await growing({ name: 'sockets', x: 'sockets, in rooms of 20', unit: 'message' }, SOCKETS, (sockets) => ({
      rooms: sockets / 20,
      size: 20,
      rate: 200,
    })),
    await growingLog(),
  ]
  return {
    rows: axes.flatMap(rowsOf),
    figures: axes,
    charts: Object.assign({}, ...axes.map(chartsOf)) as Readonly<Record<string, string>>,
  }
}
