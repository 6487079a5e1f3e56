/** Measures how fast many sockets connect and join one room, and when each knows of all. */
import { setTimeout as delay } from 'node:timers/promises'
import { type BenchMember, joinRoom } from './chat.ts'
import { type BenchClient, connect, spread } from './client.ts'
import { summary } from './figures.ts'

export type CrowdFigures = {
  /** Sockets per second, from the first connection until the last socket has joined. */
  readonly rate: number
  /** Sockets per second, until the last socket was told how many are there; null for sockets that hear no counts. */
  readonly allTold: number | null
  /** Milliseconds from asking to join until the first page of people has come; null as above. */
  readonly firstPage: { readonly p50: number; readonly p99: number } | null
  /** All that came to the sockets, in bytes. */
  readonly bytes: number
}

const LONGEST_MS = 30_000
const PREFIX = '42["space-joined"'

/** Resolves with the time at which each heard that `count` are there, by `space-joined` or `crowd-changed`. */
const listening = (count: number) => {
  const words = [`"count":${count},`, `"users_total":${count},`]
  let told = 0
  let resolve: (at: number) => void = () => {}
  const all = new Promise<number>((settle) => {
    resolve = settle
  })
  const firstPages: number[] = []
  const listen = (client: BenchClient, asked = performance.now()): void => {
    let isTold = false
    client.onPacket = (packet) => {
      if (packet.startsWith(PREFIX)) firstPages.push(performance.now() - asked)
      if (isTold || !words.some((word) => packet.includes(word))) return
      isTold = true
      told += 1
      if (told === count) resolve(performance.now())
    }
  }
  const allTold = async (): Promise<number> => {
    const late = setTimeout(() => resolve(Number.NaN), LONGEST_MS)
    const at = await all
    clearTimeout(late)
    if (Number.isNaN(at)) throw new Error(`${told} of ${count} were told that all are there.`)
    return at
  }
  return { listen, allTold, firstPages }
}

export type ArrivalFigures = {
  /** Sockets per second, until all were connected. */
  readonly connected: number
  /** Joins that were due per second. */
  readonly offered: number
  /** Milliseconds from the last join's time until all were told of all. */
  readonly toldAfter: number
  /** Milliseconds from the time at which a join was due until its first page of people has come. */
  readonly firstPage: { readonly p50: number; readonly p99: number }
}

const BEAT_MS = 2

/** Connected sockets join one room at `rate`, whether or not those before them are in yet. They ask for people in pages and counts. */
export const arriveAt = async (
  url: string,
  { count, width, rate }: { readonly count: number; readonly width: number; readonly rate: number },
  space: { readonly type: string; readonly id: string },
  member: (index: number) => BenchMember,
): Promise<ArrivalFigures> => {
  const heard = listening(count)
  const begun = performance.now()
  const clients = await spread(count, width, (index) => connect(url, member(index).auth))
  const connected = (1000 * count) / (performance.now() - begun)
  const started = performance.now()
  const joins: Promise<void>[] = []
  while (joins.length < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - started) * rate) / 1000))
    for (let n = joins.length; n < due; n++) {
      const client = clients[n]!
      heard.listen(client, started + (1000 * n) / rate)
      joins.push(joinRoom(client, space.type, space.id, { users: 'paged' }))
    }
    await delay(BEAT_MS)
  }
  await Promise.all(joins)
  const toldAfter = (await heard.allTold()) - (started + (1000 * (count - 1)) / rate)
  for (const client of clients) client.close()
  return { connected, offered: rate, toldAfter, firstPage: summary(heard.firstPages) }
}

/** `width` join at a time; `isPaged`: they ask for people in pages and counts. */
export const crowdIn = async (
  url: string,
  {
    count,
    width,
    isPaged = false,
  }: { readonly count: number; readonly width: number; readonly isPaged?: boolean },
  space: { readonly type: string; readonly id: string },
  member: (index: number) => BenchMember,
): Promise<CrowdFigures> => {
  const heard = isPaged ? listening(count) : null
  const begun = performance.now()
  const clients = await spread(count, width, async (index) => {
    const client = await connect(url, member(index).auth)
    heard?.listen(client)
    await joinRoom(client, space.type, space.id, isPaged ? { users: 'paged' } : {})
    return client
  })
  const rate = (at: number) => (1000 * count) / (at - begun)
  const joined = rate(performance.now())
  const allTold = heard === null ? null : rate(await heard.allTold())
  const bytes = clients.reduce((sum, { received }) => sum + (received ?? 0), 0)
  for (const client of clients) client.close()
  return { rate: joined, allTold, firstPage: heard === null ? null : summary(heard.firstPages), bytes }
}
