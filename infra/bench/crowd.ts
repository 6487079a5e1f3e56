/** Measures how fast many sockets connect and join one room, and when each knows of all. */
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
  const listen = (client: BenchClient): void => {
    const asked = performance.now()
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
