/** Many sockets: how fast they connect and join one room, and what each costs while it idles. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { joinRoom, type Member } from './chat.ts'
import { type BenchClient, connect, spread } from './client.ts'

/** Resident memory of a process, in bytes. */
export const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

/** Sockets a second, from the first connect to the last one joined; `width` at a time. */
export const crowdIn = async (
  url: string,
  count: number,
  width: number,
  space: { readonly type: string; readonly id: string },
  member: (index: number) => Member,
): Promise<number> => {
  const begun = performance.now()
  const clients = await spread(count, width, async (index) => {
    const client = await connect(url, member(index).auth)
    await joinRoom(client, space.type, space.id)
    return client
  })
  const seconds = (performance.now() - begun) / 1000
  for (const client of clients) client.close()
  return count / seconds
}

const settled = async (pid: number): Promise<number> => {
  let last = residentBytes(pid)
  for (let tries = 0; tries < 20; tries++) {
    await delay(500)
    process.kill(pid, 'SIGUSR2') // The servers under test collect their garbage on it.
    await delay(300)
    const now = residentBytes(pid)
    if (Math.abs(now - last) < 512 * 1024) return now
    last = now
  }
  return last
}

/** Bytes a socket that is connected, joined in a room of 20, and idle: the second `count` of them against the first, so
 *  that what the process set aside before is not counted. */
export const idleCost = async (
  url: string,
  pid: number,
  count: number,
  member: (index: number) => Member,
): Promise<number> => {
  const fill = (from: number): Promise<Array<BenchClient>> =>
    spread(count, 16, async (index) => {
      const client = await connect(url, member(from + index).auth)
      await joinRoom(client, 'community', `hive-${300000 + Math.floor((from + index) / 20)}`)
      return client
    })
  const first = await fill(0)
  const before = await settled(pid)
  const second = await fill(count)
  const after = await settled(pid)
  for (const client of [...first, ...second]) client.close()
  return (after - before) / count
}
