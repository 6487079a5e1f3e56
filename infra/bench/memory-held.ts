/** Measures how much memory each additional socket makes a server hold, read in the server itself after garbage
 *  collection. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { joinRoom } from './chat.ts'
import { type BenchClient, connect, spread } from './client.ts'
import { memoryFileOf } from './memory-file.ts'
import type { Measured } from './servers.ts'

/** In bytes. `held` is the JavaScript heap and what it holds outside itself (including buffers); `rss` is what the
 *  kernel has given to the process, which rarely gives it back. */
export type MemoryHeld = { readonly held: number; readonly rss: number }

export const memoryOf = async ({ pid }: Pick<Measured, 'pid'>): Promise<MemoryHeld> => {
  const memoryFile = memoryFileOf(pid)
  rmSync(memoryFile, { force: true })
  process.kill(pid, 'SIGUSR2')
  const until = performance.now() + 30_000
  while (!existsSync(memoryFile)) {
    if (performance.now() > until) throw new Error('The server does not report how much it holds.')
    await delay(20)
  }
  const { heapUsed, external, rss } = JSON.parse(readFileSync(memoryFile, 'utf8')) as NodeJS.MemoryUsage
  rmSync(memoryFile)
  // `external` includes `arrayBuffers`.
  return { held: heapUsed + external, rss }
}

const ENOUGH_ALIKE = 64 * 1024
/** Code that has not run for several collections is discarded, so there are at least this many. */
const LEAST_READS = 6

/** Reads until two readings in a row agree: whatever was under way is over then. */
const settled = async (server: Measured): Promise<MemoryHeld> => {
  let last = await memoryOf(server)
  for (let reads = 2; reads < 40; reads++) {
    await delay(300)
    const now = await memoryOf(server)
    if (reads >= LEAST_READS && Math.abs(now.held - last.held) < ENOUGH_ALIKE) return now
    last = now
  }
  return last
}

/** The slope of the straight line that fits best. */
const slope = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length
  const [mx, my] = [mean(xs), mean(ys)]
  const over = xs.reduce((sum, x, i) => sum + (x - mx) * (ys[i]! - my), 0)
  return over / xs.reduce((sum, x) => sum + (x - mx) ** 2, 0)
}

export type IdleCost = {
  /** Bytes per socket: the slope of `held` over the steps, and that of `rss`. */
  readonly held: number
  readonly rss: number
  readonly steps: ReadonlyArray<MemoryHeld & { readonly sockets: number }>
}

/** For sockets that are connected, have joined rooms of `size`, and are idle. The step at 0 is left out of the fit,
 *  because the first sockets load code and caches that later ones share. */
export const idleCost = async (
  server: Measured,
  counts: ReadonlyArray<number>,
  size: number,
  onStep: (step: MemoryHeld & { readonly sockets: number }) => void = () => {},
): Promise<IdleCost> => {
  const clients: BenchClient[] = []
  const steps: Array<MemoryHeld & { sockets: number }> = []
  for (const sockets of counts) {
    const from = clients.length
    const more = await spread(sockets - from, 16, async (index) => {
      const client = await connect(server.url, server.member(from + index).auth)
      await joinRoom(client, 'community', `hive-${300000 + Math.floor((from + index) / size)}`)
      return client
    })
    clients.push(...more)
    const step = { sockets, ...(await settled(server)) }
    onStep(step)
    steps.push(step)
  }
  const lost = clients.filter((client) => client.closed).length
  if (lost > 0) throw new Error(`${lost} of ${clients.length} sockets were lost while memory was measured.`)
  for (const client of clients) client.close()
  const fitted = steps.filter((step) => step.sockets > 0)
  const xs = fitted.map((step) => step.sockets)
  return {
    held: slope(
      xs,
      fitted.map((step) => step.held),
    ),
    rss: slope(
      xs,
      fitted.map((step) => step.rss),
    ),
    steps,
  }
}
