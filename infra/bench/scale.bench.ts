/** What things cost as they grow: rooms, people in a room, sockets, and the log. One of them grows at a time; what is asked of
 *  the server stays the same, so that a line that rises is a cost that grows. BENCH_SCALE_FULL=1 goes to 10,000 rooms, 2,000 people in a
 *  room, 10,000 sockets and a million events; BENCH_SCALE_ROOMS, BENCH_SCALE_PEOPLE, BENCH_SCALE_SOCKETS and BENCH_SCALE_EVENTS say
 *  other sizes, as numbers with commas; an empty one leaves its part out. */

import { sql } from 'slonik'
import { connectSession } from '../../adapters/postgres/session.ts'
import { readEndpoints } from '../../apps/operations/instance/endpoints.ts'
import { type CrowdSize, gather, joinRoom } from './chat.ts'
import { type BenchClient, connect, spread } from './client.ts'
import type { BenchResult } from './context.ts'
import { growingLog } from './growing-log.ts'
import { type Growth, type GrowthPoint, growthChart, growthRows, measuredChat, tellPoint } from './growth.ts'
import { type Whole, whole } from './servers.ts'

const IS_FULL = process.env.BENCH_SCALE_FULL === '1'
const sizes = (asked: string | undefined, usual: string, full: string): ReadonlyArray<number> =>
  (asked ?? (IS_FULL ? full : usual))
    .split(',')
    .filter((size) => size !== '')
    .map(Number)
const ROOMS = sizes(process.env.BENCH_SCALE_ROOMS, '10,100,1000', '10,100,1000,10000')
const PEOPLE = sizes(process.env.BENCH_SCALE_PEOPLE, '2,20,200', '2,20,200,2000')
const SOCKETS = sizes(process.env.BENCH_SCALE_SOCKETS, '100,1000', '100,1000,10000')
const EVENTS = sizes(process.env.BENCH_SCALE_EVENTS, '10000,100000', '10000,100000,1000000')
/** In one room: no account may say more than a few messages a second. */
const RATE_IN_ONE = 4
const RATE = 100
/** Rooms of posts, which the content tables know: about more than 300 others in a minute, Hive is not asked. */
const AUTHOR = 'bench-owner'
const posts =
  (name: string): NonNullable<CrowdSize['place']> =>
  (room) => ({ type: 'post', id: `${AUTHOR}/${name}-${room}` })
const TALKED_IN = posts('talk')
const BEEN_IN = posts('room')

const makePosts = async (server: Whole, name: string, rooms: number): Promise<void> => {
  const session = await connectSession(readEndpoints(server.dataDir)!.databaseUrl, 'bench')
  try {
    await session.run(sql.unsafe`INSERT INTO posts (author, permlink)
      SELECT ${AUTHOR}, ${name}::text || '-' || n FROM generate_series(0, ${rooms - 1}::int) AS n`)
  } finally {
    await session.close()
  }
}

/** Those that talk where others are only there. */
const TALKING = { rooms: 10, size: 5, place: TALKED_IN }

type Axis = {
  readonly name: string
  readonly x: string
  /** Who talk, at which rate, and how many other rooms there are with one person each. */
  readonly of: (size: number) => { readonly crowd: CrowdSize; readonly rate: number; readonly others: number }
}

const AXES: ReadonlyArray<Axis & { readonly sizes: ReadonlyArray<number> }> = [
  {
    name: 'rooms',
    x: 'rooms',
    sizes: ROOMS,
    of: (rooms) => ({ crowd: TALKING, rate: RATE, others: rooms - TALKING.rooms }),
  },
  {
    name: 'people',
    x: 'people in one room',
    sizes: PEOPLE,
    of: (size) => ({
      crowd: { rooms: 1, size, place: () => ({ type: 'global', id: 'lobby' }) },
      rate: RATE_IN_ONE,
      others: 0,
    }),
  },
  {
    name: 'sockets',
    x: 'sockets, in rooms of 20',
    sizes: SOCKETS,
    of: (sockets) => ({ crowd: { rooms: sockets / 20, size: 20, place: TALKED_IN }, rate: RATE, others: 0 }),
  },
]

/** The lobby takes as many as are to come. */
const makeRoom = async (server: Whole, people: number): Promise<void> => {
  const patched = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: Math.min(10_000, people + 50) }),
  })
  if (!patched.ok) throw new Error(`max_users could not be set: ${await patched.text()}`)
}

/** As many signed in as it takes: in further rooms they are the same people. */
const MOST_ACCOUNTS = 2_000

const oneEach = (server: Whole, rooms: number): Promise<ReadonlyArray<BenchClient>> =>
  spread(rooms, 16, async (index) => {
    const client = await connect(server.url, server.member(index % MOST_ACCOUNTS).auth)
    const { type, id } = BEEN_IN(index)
    await joinRoom(client, type, id)
    return client
  })

const measuredOn = async (server: Whole, axis: Axis, size: number): Promise<GrowthPoint> => {
  const { crowd, rate, others } = axis.of(size)
  if (crowd.rooms === 1) await makeRoom(server, crowd.size)
  await makePosts(server, 'talk', crowd.rooms)
  await makePosts(server, 'room', others)
  const idle = await oneEach(server, others)
  const member: Whole['member'] = (index) => server.member(index % MOST_ACCOUNTS)
  const talking = await gather(server.url, crowd, member)
  const point = { ...(await measuredChat(server, talking, rate)), x: size }
  talking.close()
  for (const client of idle) client.close()
  return point
}

/** A crowd for each size, on a server of its own. */
const growing = async (axis: Axis, all: ReadonlyArray<number>): Promise<Growth> => {
  const points: GrowthPoint[] = []
  for (const size of all) {
    const { crowd, others } = axis.of(size)
    const begun = performance.now()
    const server = await whole(Math.min(MOST_ACCOUNTS, Math.max(crowd.rooms * crowd.size, others)))
    try {
      points.push(await measuredOn(server, axis, size))
      tellPoint(axis.x, points.at(-1)!)
      console.log(`  in ${((performance.now() - begun) / 1_000).toFixed(0)} s`)
    } finally {
      await server.stop()
    }
  }
  return { name: axis.name, x: axis.x, points, isToStay: false }
}

export const bench = async (): Promise<BenchResult> => {
  const grown: Growth[] = []
  for (const axis of AXES) grown.push(await growing(axis, axis.sizes))
  if (EVENTS.length > 0) grown.push(await growingLog(EVENTS))
  const charts = grown.flatMap((one) => {
    const chart = growthChart(one)
    return chart === null ? [] : [[one.name, chart] as const]
  })
  return { rows: grown.flatMap(growthRows), figures: grown, charts: Object.fromEntries(charts) }
}
