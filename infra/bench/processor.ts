/** The processor time of processes, to the nanosecond if the kernel reports it. */
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

/** Milliseconds that the process's main thread has used so far: no more than one core's. */
export const mainThreadMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6

/** Bytes that the process has given to the disk so far. */
export const writtenBytes = (pid: number): number =>
  Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])

/** Seconds that the process and its children have used so far, including children that ended (to a hundredth). */
export const familySeconds = (pid: number): number => {
  const fieldsOf = (one: number | string): number[] => {
    const text = readFileSync(`/proc/${one}/stat`, 'utf8')
    // They are preceded by a name, which may contain anything.
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
  }
  // Its own time, in user and system mode, and that of its children that ended.
  let ticks = fieldsOf(pid)
    .slice(11, 15)
    .reduce((sum, one) => sum + one, 0)
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const fields = fieldsOf(entry)
      if (fields[1] === pid) ticks += (fields[11] ?? 0) + (fields[12] ?? 0)
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / 100
}

/** Of a process on this machine. */
export const parentOf = (pid: number): number =>
  Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

export const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!
