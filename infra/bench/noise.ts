/** How noisy the machine is by itself: what others use of its processor, how late a timer comes and how long the disk takes,
 *  with nothing of ours at work. A figure says no more than the noise lets it. */
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ownShare, summary } from './figures.ts'

export type Noise = {
  /** Cores that others keep busy. */
  readonly others: number
  /** How much later than asked a timer came (ms). */
  readonly late: { readonly p50: number; readonly p99: number }
  /** How long a block takes to be on the disk (ms). */
  readonly sync: { readonly p50: number; readonly p99: number }
}

/** Ticks of all cores since the machine started: busy ones, and those that another guest of its host had. */
const busyTicks = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .slice(3, 200)
    .split('\n')[0]!
    .trim()
    .split(' ')
    .map(Number)
  return user + nice + system + irq + softirq + steal
}
const TICKS_A_SECOND = 100

const lateness = async (ms: number): Promise<Array<number>> => {
  const late: Array<number> = []
  const until = performance.now() + ms
  while (performance.now() < until) {
    const begun = performance.now()
    await delay(5)
    late.push(performance.now() - begun - 5)
  }
  return late
}

const SYNCS = 100
const syncs = (): Array<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'presence-noise-'))
  const file = openSync(join(folder, 'block'), 'w')
  const block = Buffer.alloc(4_096, 1)
  try {
    return Array.from({ length: SYNCS }, () => {
      const begun = performance.now()
      writeSync(file, block)
      fdatasyncSync(file)
      return performance.now() - begun
    })
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true })
  }
}

const idleNoise = async (seconds = 2): Promise<Noise> => {
  const [busy, share, begun] = [busyTicks(), ownShare(), performance.now()]
  const late = summary(await lateness(seconds * 1_000))
  const elapsed = (performance.now() - begun) / 1_000
  const others = Math.max(0, (busyTicks() - busy) / TICKS_A_SECOND / elapsed - share())
  return { others, late, sync: summary(syncs()) }
}

export const noiseInWords = ({ others, late, sync }: Noise): string =>
  `Idle noise: others use ${others.toFixed(2)} of ${cpus().length} cores; a timer is ${late.p50.toFixed(2)} ms late (p99 ${late.p99.toFixed(2)}), a block is on the disk in ${sync.p50.toFixed(2)} ms (p99 ${sync.p99.toFixed(2)}).`

/** That of the kernel's threads. */
const KERNEL_PARENT = '2'

/** Seconds of processor that each of the kernel's own threads has used so far, by its name. */
const kernelSeconds = (): Map<string, number> => {
  const used = new Map<string, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const [begin, end] = [stat.indexOf('('), stat.lastIndexOf(')')]
      const fields = stat.slice(end + 2).split(' ')
      if (fields[1] !== KERNEL_PARENT) continue
      const name = stat.slice(begin + 1, end)
      used.set(name, (used.get(name) ?? 0) + (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND)
    } catch {
      // It has ended meanwhile.
    }
  }
  return used
}

/** What the kernel's own threads did while something was measured: some of it is ours (the disk's work), and some is the machine's (one
 *  that looks which memory is in use holds a processor for 10 to 30 ms at a time, which no program can interrupt). */
export type KernelShare = {
  /** Cores that they kept busy. */
  readonly cores: number
  readonly busiest: { readonly name: string; readonly cores: number } | null
}
/** Counts from now until it is asked. */
export const kernelShare = (): (() => KernelShare) => {
  const [before, begun] = [kernelSeconds(), performance.now()]
  return () => {
    const elapsed = (performance.now() - begun) / 1_000
    const cores = [...kernelSeconds()]
      .map(([name, used]) => ({ name, cores: Math.max(0, used - (before.get(name) ?? 0)) / elapsed }))
      .sort((a, b) => b.cores - a.cores)
    return { cores: cores.reduce((sum, one) => sum + one.cores, 0), busiest: cores[0] ?? null }
  }
}

export const kernelShareInWords = ({ cores, busiest }: KernelShare): string =>
  `While it ran, the kernel’s own threads used ${cores.toFixed(2)} of ${cpus().length} cores${busiest === null ? '' : ` (${busiest.name} ${busiest.cores.toFixed(2)})`}.`

const QUIET_CORES = 0.15

/** What a section before left behind (files that are being written out, processes that end) would count as this one's: so it
 *  is waited for, a minute at most. */
export const quietNoise = async (
  longestMs = 1_000 * Number(process.env.BENCH_QUIET_S ?? 60),
): Promise<Noise> => {
  const until = performance.now() + longestMs
  for (;;) {
    const noise = await idleNoise()
    if (noise.others < QUIET_CORES || performance.now() > until) return noise
  }
}
