/** SIGSTOP and SIGCONT for a process and everything it started: a frozen one keeps its connections and says nothing. */
import { readdirSync, readFileSync } from 'node:fs'

const parentOf = (pid: string): string | null => {
  try {
    // The name may hold spaces and brackets: what follows the last one is the state and the parent.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1] ?? null
  } catch {
    return null
  }
}
/** The process and all that it started. */
export const family = (root: number): ReadonlyArray<number> => {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const parents = new Map(all.map((pid) => [pid, parentOf(pid)]))
  const found = [String(root)]
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child)
  return found.map(Number)
}

/** Returns a function that lets them go on. */
export const freeze = (root: number): (() => void) => {
  // The first of them starts no more once it stands still.
  process.kill(root, 'SIGSTOP')
  const frozen = family(root)
  for (const pid of frozen) process.kill(pid, 'SIGSTOP')
  return () => {
    for (const pid of frozen.toReversed())
      try {
        process.kill(pid, 'SIGCONT')
      } catch {
        // It was killed in the meantime.
      }
  }
}
