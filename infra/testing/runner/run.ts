/** One command in a process group of its own, so that what it leaves behind goes with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Ended } from './outcome.ts'

const MAX_OUTPUT = 400_000
const running = new Set<ChildProcess>()

const killGroup = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

export const killAll = (): void => running.forEach(killGroup)

export const runCommand = (
  command: string,
  args: ReadonlyArray<string>,
  options: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly timeoutSeconds: number
    /** Whether the time limit begins again with this piece of output. */
    readonly beginsAgain?: (piece: string) => boolean
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
      if (runs && options.beginsAgain?.(piece)) timer.refresh()
      // The end is what matters: failures and totals are there.
      output = (output + piece).slice(-MAX_OUTPUT)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, options.timeoutSeconds * 1000)
    child.once('error', failed)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      const end = () => {
        running.delete(child)
        done({ output, code, signal, timedOutAfterSeconds: timedOut ? options.timeoutSeconds : null })
      }
      // A grandchild that holds the pipe open would keep `close` from coming: it goes first.
      child.once('close', end)
      killGroup(child)
    })
  })
