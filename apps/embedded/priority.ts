/** Which parts give way where processor time is short: the tables may lag behind the log, while people wait for the server and the log. */
import { writeFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'

/** Steps of niceness: where both want all of it, a process with 10 gets a tenth of the time of one with none, and one with 5 a third.
 *  PostgreSQL gives way less, since newcomers wait for it too. */
export const NICENESS = { projector: 10, postgres: 5 } as const

/** Has the process, and what it starts from now on, give way to others. What the system does not allow is left as it is. */
export const giveWay = (pid: number, steps: number): void => {
  if (process.env.GIVE_WAY === '0') return
  try {
    setPriority(pid, Math.min(constants.priority.PRIORITY_LOW, getPriority(pid) + steps))
  } catch {
    // It has just ended, or may not be changed.
  }
  try {
    // Linux shares the time among sessions first, and each part is one: a process's niceness counts only within its own.
    writeFileSync(`/proc/${pid}/autogroup`, String(steps))
  } catch {
    // Another system, or this is switched off.
  }
}
