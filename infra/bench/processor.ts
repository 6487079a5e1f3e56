/** Processor time of processes, to the nanosecond where the kernel tells it. */
import { readdirSync, readFileSync } from 'node:fs'
import { processorSeconds } from './figures.ts'

/** Milliseconds that the process has used so far. A thread that ended meanwhile is no longer counted. */
export const processorMs = (pid: number): number => {
  let ns = 0
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  } catch {
    return processorSeconds(pid) * 1_000
  }
  return ns / 1e6
}

export const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!
