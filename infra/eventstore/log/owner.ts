/** Records in the log itself which process has it open, because the lock beside it can be deleted by hand. A process
 *  is identified by its number and its start time, and the file by its location, so that neither a later process
 *  with that number nor a copy of the file is mistaken for it. */
import { readFileSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

const OWNER = 'owner'

const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** When the process began, in the system's own count; empty if that can't be determined. */
const beginningOf = (pid: number): string =>
  // The name, in parentheses, may contain spaces.
  textOf(`/proc/${pid}/stat`).replace(/^.*\)/s, '').trim().split(' ')[19] ?? ''

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const describe = (file: string, pid: number) => {
  const { dev, ino } = statSync(file)
  return {
    pid,
    beginning: beginningOf(pid),
    boot: textOf('/proc/sys/kernel/random/boot_id').trim(),
    dev,
    ino,
  }
}

/** The number of the process that has the log open, as recorded in it; undefined if there is none. */
export const ownerOf = (db: DatabaseSync, file: string): number | undefined => {
  try {
    const value = db.prepare('SELECT value FROM state WHERE name = ?').get(OWNER)?.value
    if (value === undefined) return undefined
    const { pid } = JSON.parse(String(value)) as { readonly pid: number }
    return isAlive(pid) && value === JSON.stringify(describe(file, pid)) ? pid : undefined
  } catch {
    // A log of an earlier version, or a first start that was interrupted.
    return undefined
  }
}

export const takeOwnership = (db: DatabaseSync, file: string): void => {
  db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)').run(
    OWNER,
    JSON.stringify(describe(file, process.pid)),
  )
}

export const endOwnership = (db: DatabaseSync): void => {
  db.prepare('DELETE FROM state WHERE name = ?').run(OWNER)
}
