/** The same rooms over a log that grows: after each size the whole is started anew on its data, as after a night. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { communities, gather, joinRoom } from './chat.ts'
import { connect } from './client.ts'
import { summary } from './figures.ts'
import { type Growth, type GrowthPoint, measuredChat, tellPoint } from './growth.ts'
import { writeHistory } from './history.ts'
import { type Whole, whole } from './servers.ts'

const ROOMS = 10
const SIZE = 20
const RATE = 200
/** The history's. */
const PAST_ROOMS = 200

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
export const caughtUp = async (server: Pick<Whole, 'url'>, log: EventLog): Promise<void> => {
  const last = await log.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })()
  const position = last._tag === 'Right' ? (last.right[0]?.position ?? 0n) : 0n
  for (;;) {
    const { ok } = await fetch(`${server.url}/api/spaces?limit=1&min_position=${position}`)
    if (ok) return
    await delay(250)
  }
}

const room = (number: number): string => `community/hive-${500_000 + number}`
const SPACE = `/api/spaces/${room(3)}`
const LONG_AGO = 'from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:02Z'

/** What an owner and an auditor look at, by name. */
const LISTS: Readonly<Record<string, string>> = {
  'rooms, ms': '/api/spaces?limit=50',
  'newest messages, ms': `/api/chat/${room(3)}/messages?limit=50`,
  'messages of long ago, ms': `/api/chat/${room(3)}/messages?limit=50&before=100`,
  'audit log, ms': '/api/audit?limit=50',
  'audit log of a room, ms': `${SPACE}/audit?limit=50`,
  'audit log of an account, ms': '/api/audit?limit=50&account=bench-p7',
  'audit log of a rare act, ms': '/api/audit?limit=50&action=AccountBanned',
  'audit log of two seconds long ago, ms': `/api/audit?limit=50&${LONG_AGO}`,
  'counts of a room, ms': `${SPACE}/audit/counts`,
  'permissions of a room, ms': `${SPACE}/permissions`,
  'a moment of long ago, ms': `${SPACE}/at?time=2026-01-01T00:00:01Z`,
  'checkpoint, ms': '/api/audit/checkpoint',
}
const ASKED = 30

type Asked = { readonly p50: number; readonly p99: number }

/** NaN where it was not answered. */
const timesOf = async (ask: () => Promise<Response>): Promise<Asked> => {
  const times: number[] = []
  for (let tries = 0; times.length < ASKED && tries < 2 * ASKED; tries += 1) {
    const begun = performance.now()
    const answer = await ask()
    await answer.arrayBuffer()
    if (answer.ok) times.push(performance.now() - begun)
    else if (answer.status === 429) await delay(1_000 * Number(answer.headers.get('retry-after') ?? 1))
    else break
  }
  return summary(times)
}

const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

const listsOf = async (server: Whole): Promise<Record<string, number>> => {
  const headers = { authorization: `Bearer ${server.ownerToken}` }
  const times: Record<string, number> = {}
  for (const [name, path] of Object.entries(LISTS)) {
    const { p50, p99 } = await timesOf(() => fetch(server.url + path, { headers }))
    times[name] = p99
    console.log(`  ${name.split(',')[0]}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  }
  return times
}

const WOKEN = 20

/** Milliseconds that somebody waits who is the first to join, for each of so many rooms of the past. */
const wakeRooms = async (server: Whole): Promise<Asked> => {
  const times: number[] = []
  for (let turn = 0; turn < WOKEN; turn += 1) {
    const client = await connect(server.url, null)
    const begun = performance.now()
    await joinRoom(client, 'community', `hive-${500_100 + turn}`)
    times.push(performance.now() - begun)
    client.close()
  }
  return summary(times)
}

const measured = async (server: Whole, events: number, x: number): Promise<GrowthPoint> => {
  const waking = await wakeRooms(server)
  const place = communities(500_000)
  const crowd = await gather(server.url, { rooms: ROOMS, size: SIZE, place }, server.member)
  const chat = await measuredChat(server, crowd, RATE)
  const lists = await listsOf(server)
  crowd.close()
  return {
    ...chat,
    x,
    more: {
      'start on it, ms': server.startMs,
      'first to join a room, ms': waking.p50,
      ...lists,
      'resident server, MB': residentMb(server.pid),
      'resident projector, MB': residentMb(server.pids.projector!),
      'resident event store, MB': residentMb(server.pids['event store']!),
      'log on disk an event, B': bytesIn(join(server.dataDir, 'eventstore')) / events,
      'tables on disk an event, B': bytesIn(join(server.dataDir, 'postgres')) / events,
    },
  }
}

const CHARTS: NonNullable<Growth['charts']> = [
  {
    title: 'Start on it, and the first who joins a room',
    y: 'ms',
    of: ['start on it, ms', 'first to join a room, ms'],
  },
  {
    title: 'Lists, p99',
    y: 'ms',
    of: Object.keys(LISTS).filter((name) => !name.startsWith('audit')),
  },
  { title: 'Audit log, p99', y: 'ms', of: Object.keys(LISTS).filter((name) => name.startsWith('audit')) },
  {
    title: 'Resident memory',
    y: 'MB',
    of: ['resident server, MB', 'resident projector, MB', 'resident event store, MB'],
  },
  { title: 'On disk for each event', y: 'B', of: ['log on disk an event, B', 'tables on disk an event, B'] },
]

export const growingLog = async (sizes: ReadonlyArray<number>): Promise<Growth> => {
  const points: GrowthPoint[] = []
  let server = await whole(0)
  const { dataDir } = server
  try {
    let written = 0
    for (const size of sizes) {
      const log = connectEventLog({ url: server.eventStoreUrl })
      const begun = performance.now()
      if (size > written)
        written += await writeHistory(log, size - written, PAST_ROOMS, { seed: `scale ${size}` })
      const appended = performance.now()
      await caughtUp(server, log)
      console.log(
        `${written} events: appended after ${((appended - begun) / 1_000).toFixed(0)} s, in the tables ${((performance.now() - appended) / 1_000).toFixed(0)} s later`,
      )
      await log.close()
      // The made-up past has no snapshots. A server that had these rooms leaves some.
      await wakeRooms(server)
      await server.leave()
      server = await whole(ROOMS * SIZE, null, { dataDir })
      points.push(await measured(server, written, size))
      tellPoint('events on the log', points.at(-1)!)
    }
  } finally {
    await server.stop()
  }
  return { name: 'log', x: 'events on the log', points, isToStay: true, charts: CHARTS }
}
