/** One of the supervisor's processes: started until it is ready, started again when it dies, stopped in order. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { giveWay } from './priority.ts'

/** A program that loads its modules before its environment is known. */
export type EarlyEnv = {
  /** The variables that Node itself reads: PATH and the like. */
  readonly first: NodeJS.ProcessEnv
  /** The URL of the module to load meanwhile, at the program's first start. */
  readonly module: string
  /** The whole environment. If this rejects, the program is ended, and its start fails. */
  readonly whole: Promise<NodeJS.ProcessEnv>
}
const isEarly = (env: NodeJS.ProcessEnv | EarlyEnv): env is EarlyEnv => typeof env.first === 'object'

export type ChildOptions = {
  readonly name: string
  /** Flags of Node, a .ts file and its arguments. */
  readonly args: ReadonlyArray<string>
  readonly env: NodeJS.ProcessEnv | EarlyEnv
  /** Matches the line that says that it is ready; the first group becomes `Child.ready`. */
  readonly ready: RegExp
  /** Called with every other line that it prints. */
  readonly onLine: (line: string) => void
  /** Prints a line for the user: it died, it is started again. */
  readonly say: (line: string) => void
  /** Called when it is up again, under a new pid. */
  readonly onRestart?: () => void
  /** Aborts a start that is under way. */
  readonly signal?: AbortSignal
  /** How many steps of niceness it gets once it is ready: at a start everybody waits for it. */
  readonly niceness?: number
  /** The longest pause (ms) before it is started again, if it keeps dying. */
  readonly longestPause?: number
}

export type Child = {
  readonly name: string
  readonly pid: () => number
  /** The text of the last start. */
  readonly ready: () => string
  readonly stop: () => Promise<void>
}

const LEASH = new URL('./stop-with-parent.ts', import.meta.url).href
const EARLY = new URL('./early.ts', import.meta.url).href
/** Longer than a server takes to stop if its event store is silent: some 15 s. */
const STOP_MS = 20_000
const READY_MS = 60_000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 15_000
/** One that stayed up this long starts afresh with the shortest pause. */
const STEADY_MS = 30_000

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null
const howItEnded = (child: ChildProcess): string =>
  child.signalCode !== null ? `was ended by ${child.signalCode}` : `ended with code ${child.exitCode}`

/** Resolves when it is ready. Rejects with a sentence if its first start fails; later starts are tried for ever. */
export const startChild = async (options: ChildOptions): Promise<Child> => {
  const { name, say, longestPause = LONGEST_PAUSE_MS } = options
  let child: ChildProcess
  let ready = ''
  let stopping = false
  const stopped = new AbortController()
  let env: NodeJS.ProcessEnv | EarlyEnv = options.env

  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const early = isEarly(env) ? env : null
      const preload = early === null ? LEASH : EARLY
      // A process group of its own: Ctrl-C at the terminal reaches only the supervisor, which stops all in order.
      const it = spawn(process.execPath, ['--import', preload, ...options.args], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: early === null ? (env as NodeJS.ProcessEnv) : { ...early.first, EARLY_MODULE: early.module },
        detached: true,
      })
      child = it
      it.stdin?.on('error', () => {})
      let isReady = false
      // The last line before it is ready is kept back: if it is the last of all, it is in the error instead.
      let last = ''
      const pass = (): void => {
        if (last !== '') options.onLine(last)
        last = ''
      }
      let slow: NodeJS.Timeout | undefined
      const expectReady = (): void => {
        slow = setTimeout(() => {
          reject(new Error(`${name} was not ready within ${READY_MS / 1000} s. It last said: ${last}`))
          it.kill('SIGKILL')
        }, READY_MS)
      }
      if (early === null) expectReady()
      else
        early.whole.then(
          (whole) => {
            env = whole
            if (hasEnded(it)) return
            it.stdin?.write(`${JSON.stringify(whole)}\n`)
            expectReady()
          },
          (error: unknown) => {
            reject(error)
            it.kill('SIGKILL')
          },
        )
      for (const stream of [it.stdout, it.stderr])
        if (stream)
          createInterface({ input: stream }).on('line', (line) => {
            const match = isReady ? null : options.ready.exec(line)
            if (!match) {
              if (isReady) return options.onLine(line)
              if (line.trim() === '') return
              // The lines below an error's first line mean nothing by themselves.
              if (last !== '' && /^\s*(at |Node\.js v|\}|\^)/.test(line)) return options.onLine(line)
              pass()
              last = line.trim()
              return
            }
            isReady = true
            pass()
            ready = match[1] ?? ''
            clearTimeout(slow)
            if (options.niceness !== undefined && it.pid !== undefined) giveWay(it.pid, options.niceness)
            options.signal?.removeEventListener('abort', giveUp)
            resolve()
          })
      it.once('error', reject)
      const giveUp = () => void it.kill('SIGTERM')
      if (options.signal?.aborted) giveUp()
      options.signal?.addEventListener('abort', giveUp, { once: true })
      const since = Date.now()
      it.once('close', () => {
        clearTimeout(slow)
        if (!isReady)
          reject(new Error(`${name} ${howItEnded(it)} before it was ready${last ? `: ${last}` : '.'}`))
        else if (!stopping) void startAgain(it, since)
      })
    })

  const startAgain = async (died: ChildProcess, since: number): Promise<void> => {
    let why = howItEnded(died)
    let pause = Date.now() - since > STEADY_MS ? 0 : lastPause
    while (!stopping) {
      pause = Math.min(Math.max(pause * 2, FIRST_PAUSE_MS), longestPause)
      lastPause = pause
      say(`${name} ${why}: starting it again in ${pause / 1000} s`)
      await delay(pause, undefined, { signal: stopped.signal }).catch(() => {})
      if (stopping) return
      try {
        await start()
        say(`${name} is up again`)
        options.onRestart?.()
        return
      } catch (error) {
        why = `did not come up (${(error as Error).message})`
      }
    }
  }
  let lastPause = 0

  await start()
  return {
    name,
    pid: () => child.pid ?? 0,
    ready: () => ready,
    stop: async () => {
      stopping = true
      stopped.abort()
      if (hasEnded(child)) return
      const closed = new Promise((done) => child.once('close', done))
      child.kill('SIGTERM')
      const kill = setTimeout(() => {
        say(`${name} did not stop within ${STOP_MS / 1000} s: killing it`)
        child.kill('SIGKILL')
      }, STOP_MS)
      await closed
      clearTimeout(kill)
    },
  }
}
