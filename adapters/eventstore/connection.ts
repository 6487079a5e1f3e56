/** Keeps a connection to the leader open: opens the next one when the last has ended. */
import { Client } from '@eventstore/db-client/dist/Client/index.js'
import type { LogHealth } from '../../domain/ports.ts'
import { causeOf, type EndPoint, type LineOptions, type LogLine, openLine, urlOfNode } from './line.ts'

const LONGEST_PAUSE_MS = 1_000

class Unreachable extends Error {}

export class LogConnection {
  private line: LogLine | null = null
  private waiting = new Set<{ readonly up: (line: LogLine) => void; readonly closed: () => void }>()
  private state: LogHealth['state'] = 'connecting'
  private since = new Date()
  private lastError: string | null = null
  private isClosed = false
  private wake: () => void = () => {}
  private readonly url: string
  private readonly options: LineOptions
  /** How many lines were opened. */
  lines = 0

  /** Throws if the connection string is wrong. */
  constructor(url: string, options: LineOptions) {
    try {
      Client.connectionString(url)
    } catch (error) {
      throw new Error(`The event store's address can't be used: ${(error as Error).message}`, {
        cause: error,
      })
    }
    this.url = url
    this.options = options
    void this.run()
  }

  health(): LogHealth {
    return { state: this.state, since: this.since, lastError: this.lastError }
  }

  /** The open line, if there is one. */
  get current(): LogLine | null {
    return this.line?.isClosed === false ? this.line : null
  }

  /** The open line, or the next one once it is open. Rejects with `Unreachable` if there is none within `ms`. */
  next(ms: number): Promise<LogLine> {
    const { current } = this
    if (current !== null) return Promise.resolve(current)
    if (this.isClosed) return Promise.reject(new Unreachable('the log is closed'))
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        this.waiting.delete(waiter)
      }
      const waiter = {
        up: (line: LogLine) => {
          done()
          resolve(line)
        },
        closed: () => {
          done()
          reject(new Unreachable('the log is closed'))
        },
      }
      const timer = setTimeout(() => {
        done()
        reject(new Unreachable(this.lastError ?? `no connection in ${ms} ms`))
      }, ms)
      this.waiting.add(waiter)
    })
  }

  private become(state: LogHealth['state'], error: string | null): void {
    if (error !== null) this.lastError = error
    if (state === this.state) return
    this.state = state
    this.since = new Date()
  }

  private async run(): Promise<void> {
    let leader: EndPoint | null = null
    let failures = 0
    while (!this.isClosed) {
      const redirected: boolean = leader !== null
      try {
        const line: LogLine = await openLine(
          leader === null ? this.url : urlOfNode(this.url, leader),
          this.options,
        )
        if (this.isClosed) {
          line.close('the log is closed')
          return
        }
        this.line = line
        this.lines += 1
        this.become('up', null)
        for (const waiter of [...this.waiting]) waiter.up(line)
        const end: Awaited<LogLine['ended']> = await line.ended
        this.line = null
        this.become('down', end.cause)
        leader = end.leader
        // After a connection that worked the next one is opened at once.
        failures = performance.now() - line.openedAt > LONGEST_PAUSE_MS ? 0 : failures + 1
      } catch (error) {
        this.become('down', causeOf(error))
        leader = null
        if (!redirected) failures += 1
      }
      if (failures > 0 && !this.isClosed) {
        const pause = Math.min(LONGEST_PAUSE_MS, 20 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pause)
          // Callers that wait have timers of their own; without any, nothing keeps the process alive.
          timer.unref()
          this.wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    }
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.become('down', 'closed')
    for (const waiter of [...this.waiting]) waiter.closed()
    this.wake()
    this.line?.close('the log is closed')
  }
}
