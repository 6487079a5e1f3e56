/** This machine: disk, memory, and the clock against others'. */
import { existsSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { about, type Finding, type Findings } from './finding.ts'

export type Disk = { readonly free: number; readonly of: number }
const diskAt = (dir: string): Disk => {
  const { bavail, blocks, bsize } = statfsSync(dir)
  return { free: bavail * bsize, of: blocks * bsize }
}
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

const LEAST = 200e6
const LITTLE = 2e9

export const diskFindings = (dir: string, at: (dir: string) => Disk = diskAt): Findings => {
  const disk = about('disk')
  const where = existsSync(dir) ? dir : '.'
  const { free, of } = at(where)
  const says = `${gigabytes(free)} of ${gigabytes(of)} are free on the disk of ${where}.`
  const todo = 'Make room or take a larger disk: where it is full, nothing can be written.'
  if (free < LEAST) return [disk.wrong(says, todo)]
  return [free < LITTLE ? disk.note(says, todo) : disk.well(says)]
}

export const memoryFindings = (total = totalmem()): Findings => {
  const memory = about('memory')
  const says = `This machine has ${gigabytes(total)} of memory.`
  return [
    total < 0.9e9 ? memory.note(says, 'Take one with 1 GB at least, or give it swap.') : memory.well(says),
  ]
}

/** Hive's proofs and held seats depend on the clock; a second does not matter. */
const MOST_MS = 5_000

/** `theirs` and `ours` at one moment, in milliseconds. */
export const clockFinding = (whose: string, theirs: number, ours: number, tolerance = MOST_MS): Finding => {
  const clock = about('clock')
  const off = Math.round((ours - theirs) / 1_000)
  if (Math.abs(ours - theirs) <= tolerance) return clock.well(`The clock here and ${whose} agree.`)
  return clock.wrong(
    `The clock here is ${Math.abs(off)} s ${off > 0 ? 'ahead of' : 'behind'} ${whose}.`,
    'Set both by NTP (timedatectl set-ntp true): proofs, bans and seats end by the clock.',
  )
}
