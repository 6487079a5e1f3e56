/** One command in a process group of its own, so that what it leaves behind goes with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Ended } from './outcome.ts'

const MAX_OUTPUT = 400_000
/** Linux's USER_HZ, which is 100 on every machine that Node runs on. */
const TICKS_PER_SECOND = 100
const running = new Set<ChildProcess>()

const killGroup = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

export const killAll = (): void => running.forEach(killGroup)

/** Seconds of processor (user and system) that the children of this process took that have ended, with those that they waited
 *  for themselves. 0 where the kernel doesn't say. */
const takenByChildren = (): number => {
  try {
    const [, fields = ''] = readFileSync('/proc/self/stat', 'utf8').split(') ')
    const [user = 0, system = 0] = fields.split(' ').slice(13, 15).map(Number)
    return (user + system) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
let taken = takenByChildren()
/** Of the child that has just ended. Where two end in one moment, the first has the time of both. */
const takenSinceLast = (): number => {
  const before = taken
  taken = takenByChildren()
  return taken - before
}

export const runCommand = (
  command: string,
  args: ReadonlyArray<string>,
  options: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly timeoutSeconds: number
    /** A piece of output with which the time limit begins again, and how many seconds it is from there; null for any other. */
    readonly limitFrom?: (piece: string) => number | null
  },
): Promise<Ended> =>
  new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running.add(child)
    let output = ''
    const take = (chunk: Buffer): void => {
      const piece = chunk.toString('utf8')
      const runs = child.exitCode === null && child.signalCode === null
      const next = runs ? (options.limitFrom?.(piece) ?? null) : null
      if (next !== null) limitTo(next)
      // The end is what matters: failures and totals are there.
      output = (output + piece).slice(-MAX_OUTPUT)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    let timedOut = false
    let limit = options.timeoutSeconds
    let timer: NodeJS.Timeout | undefined
    const limitTo = (seconds: number): void => {
      clearTimeout(timer)
      limit = seconds
      timer = setTimeout(() => {
        timedOut = true
        killGroup(child)
      }, limit * 1000)
    }
    limitTo(limit)
    child.once('error', failed)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      const processorSeconds = takenSinceLast()
      const end = () => {
        running.delete(child)
        const timedOutAfterSeconds = timedOut ? limit : null
        done({ output, code, signal, timedOutAfterSeconds, processorSeconds })
      }
      // A grandchild that holds the pipe open would keep `close` from coming: it goes first.
      child.once('close', end)
      killGroup(child)
    })
  })
