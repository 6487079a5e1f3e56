/** Where the files of a run go. */
import { accessSync, constants, readFileSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'

const MEMORY = '/dev/shm'
const GB = 2 ** 30
/** A run has some gigabytes of databases and logs at a time. */
const ROOM = 8 * GB
/** What has to be free besides, for the programs themselves. */
const FREE = 4 * GB

type Machine = {
  /** The lines of /proc/mounts and of /proc/meminfo, and the bytes that the memory's folder has room for. */
  readonly mounts: string
  readonly meminfo: string
  readonly room: number
}

/** Whether files may lie in memory: there is room, and what lies there may be run. */
export const fitsMemory = ({ mounts, meminfo, room }: Machine): boolean => {
  const mount = mounts.split('\n').find((line) => line.split(' ')[1] === MEMORY)
  const options = mount?.split(' ')[3]?.split(',') ?? ['noexec']
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024
  return !options.includes('noexec') && room >= ROOM && available >= ROOM + FREE
}

/** TMPDIR if that is set. Otherwise memory where it fits, since a disk that is asked to keep what nobody will read takes a third
 *  of a run's time; else the system's folder. */
export const scratchRoot = (): string => {
  if (process.env.TMPDIR || process.platform !== 'linux') return tmpdir()
  try {
    accessSync(MEMORY, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    const machine = {
      mounts: readFileSync('/proc/mounts', 'utf8'),
      meminfo: readFileSync('/proc/meminfo', 'utf8'),
      room: bavail * bsize,
    }
    return fitsMemory(machine) ? MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}
