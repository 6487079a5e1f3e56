/** Allows only one process to use a folder. */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** When the process started, which distinguishes it from a later one with the same number. Null if the system does not say. */
const startedAt = (pid: number): string | null => {
  try {
    // The 22nd field; the second, the program's name, may contain spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Returns a function that releases the lock. Throws what `taken` makes if another process has it. */
export const lockFolder = (folder: string, taken: (pid: string) => Error): (() => void) => {
  const file = join(folder, 'lock')
  const mine = join(folder, `lock.${process.pid}`)
  writeFileSync(mine, `${process.pid} ${startedAt(process.pid)}\n`)
  try {
    for (let tries = 0; ; tries++) {
      try {
        // Unlike a write, a link can't be half done, and fails where there is one.
        linkSync(mine, file)
        return () => rmSync(file, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || tries > 2) throw error
      }
      const [pid = '0', started] = readFileSync(file, 'utf8').trim().split(' ')
      const now = startedAt(Number(pid))
      if (isAlive(Number(pid)) && (now === null || now === started)) throw taken(pid)
      rmSync(file, { force: true })
    }
  } finally {
    rmSync(mine, { force: true })
  }
}
