/** A subscription to `$all` that survives lost connections: it knows the last position that it received, asks each new
 *  line for what comes after that, and drops whatever a server sends twice. It has a line of its own, so that its
 *  faults affect nobody else. */
import type * as grpc from '@grpc/grpc-js'
import type { GivenLately, LogSubscription, SubscriptionItem, SubscriptionState } from '../../domain/ports.ts'
import { LogConnection } from './connection.ts'
import { causeOf, type LineOptions, type LogLine, leaderOf } from './line.ts'
import { type ReadFault, readOver } from './reads.ts'
import { decodeRead, encodeRead, READ, type WirePosition } from './wire.ts'

export type SubscriptionOptions = {
  readonly after: bigint | 'start' | 'end'
  readonly prefixes: ReadonlyArray<string>
  /** Stop reading ahead when this many events wait for the consumer. */
  readonly bufferSize: number
  /** Or stop when they make up this many bytes on the wire. */
  readonly bufferBytes: number
  readonly readTimeoutMs: number
  /** After this long without anything on a line, the server is asked whether there is something. */
  readonly silenceMs: number
  readonly given?: GivenLately | undefined
  readonly wants?: ((stream: string) => boolean) | undefined
  /** Milliseconds that the server may gather events for, where it can. */
  readonly gatherMs?: number
  /** Called once, when it is stopped, whoever stops it. */
  readonly onStop?: () => void
}

const MOST_DOUBLINGS = 5
const LONGEST_PAUSE_MS = 1_000
/** How soon a server that never says `caught up` (before 23.10) is asked whether there is more. */
const FIRST_LOOK_MS = 250

const isAfter = (place: WirePosition, last: WirePosition | null): boolean =>
  last === null ||
  place.commit > last.commit ||
  (place.commit === last.commit && place.prepare > last.prepare)

export class AllSubscription implements LogSubscription {
  private readonly connection: LogConnection
  private readonly options: SubscriptionOptions
  /** The last place that was put into the buffer, from which the next line goes on. Null: before the first event. */
  private last: WirePosition | null
  private buffer: SubscriptionItem[] = []
  private bufferedBytes = 0
  private call: grpc.ClientReadableStream<Buffer> | null = null
  private isPaused = false
  private isStopped = false
  private waiting: ((result: IteratorResult<ReadonlyArray<SubscriptionItem>>) => void) | null = null
  private isWakeDue = false
  private status: SubscriptionState['state'] = 'connecting'
  private since = new Date()
  private delivered: bigint | null
  private lastError: string | null = null
  private reconnects = 0
  private head: bigint | null = null
  private wakePause: () => void = () => {}
  private readonly ended: Promise<void>

  constructor(url: string, line: LineOptions, options: SubscriptionOptions) {
    this.connection = new LogConnection(url, line)
    this.options = options
    const after = options.after
    this.last = typeof after === 'bigint' ? { commit: after, prepare: after } : null
    this.delivered = typeof after === 'bigint' ? after : null
    this.ended = this.run()
  }

  readonly state = (): SubscriptionState => ({
    state: this.status,
    since: this.since,
    position: this.delivered,
    head: this.head,
    waiting: this.buffer.length,
    lastError: this.lastError,
    reconnects: this.reconnects,
  })

  readonly stop = async (): Promise<void> => {
    if (!this.isStopped) {
      this.isStopped = true
      this.options.onStop?.()
      this.become('stopped')
      this.buffer = []
      this.connection.close()
      this.wakePause()
      this.waiting?.({ done: true, value: undefined })
      this.waiting = null
    }
    await this.ended
  };

  [Symbol.asyncIterator](): AsyncIterator<ReadonlyArray<SubscriptionItem>> {
    return {
      next: () => this.next(),
      // The loop over it was left (`break`, or an error in its body): it is not known here what the loop had not finished.
      return: async () => {
        await this.stop()
        return { done: true, value: undefined }
      },
    }
  }

  private next(): Promise<IteratorResult<ReadonlyArray<SubscriptionItem>>> {
    if (this.isStopped) return Promise.resolve({ done: true, value: undefined })
    if (this.buffer.length > 0 && !this.isWakeDue) return Promise.resolve({ done: false, value: this.take() })
    if (this.waiting !== null) return Promise.reject(new Error('one consumer at a time'))
    return new Promise((resolve) => {
      this.waiting = resolve
    })
  }

  private take(): ReadonlyArray<SubscriptionItem> {
    const batch = this.buffer
    this.buffer = []
    this.bufferedBytes = 0
    const end = batch[batch.length - 1]!
    if (end.kind === 'event' || end.kind === 'passed') this.delivered = end.event.position
    else if (end.kind === 'checkpoint') this.delivered = end.position
    else if (this.last !== null) this.delivered = this.last.commit
    if (this.isPaused) {
      this.isPaused = false
      this.call?.resume()
    }
    return batch
  }

  private isFull(): boolean {
    return this.buffer.length >= this.options.bufferSize || this.bufferedBytes >= this.options.bufferBytes
  }

  private put(item: SubscriptionItem, bytes: number): void {
    // Of two checkpoints in a row, the later one is enough.
    const before = this.buffer[this.buffer.length - 1]
    if (item.kind === 'checkpoint' && before?.kind === 'checkpoint') this.buffer.pop()
    this.buffer.push(item)
    this.bufferedBytes += bytes
    if (this.isFull()) {
      this.isPaused = true
      this.call?.pause()
    }
    if (this.waiting !== null && !this.isWakeDue) {
      // At the end of this turn of the event loop, so that events that arrived together are passed on together.
      this.isWakeDue = true
      setImmediate(() => {
        this.isWakeDue = false
        const { waiting } = this
        if (waiting === null || this.buffer.length === 0) return
        this.waiting = null
        waiting({ done: false, value: this.take() })
      })
    }
  }

  private become(state: SubscriptionState['state']): void {
    if (this.status === state || this.status === 'stopped') return
    this.status = state
    this.since = new Date()
  }

  private async run(): Promise<void> {
    let isStartKnown = this.options.after !== 'end'
    let failures = 0
    /** How many calls in a row brought nothing: each is waited for twice as long as the one before, or an event that
     *  takes longer than that over a slow line would never arrive. */
    let stalls = 0
    while (!this.isStopped) {
      try {
        const line = await this.connection.next(60_000)
        if (!isStartKnown) {
          // From here on, `end` is a place, so a fault before the first event loses nothing.
          const [newest] = await readOver(
            line,
            { from: { all: 'end' }, backwards: true, count: 1 },
            this.options.readTimeoutMs,
            false,
          )
          if (newest !== undefined) this.last = { commit: newest.position, prepare: newest.position }
          this.delivered = this.last?.commit ?? null
          isStartKnown = true
        }
        const from = this.last
        const { cause, isCaughtUp } = await this.follow(line, 2 ** Math.min(stalls, MOST_DOUBLINGS))
        if (this.isStopped) break
        this.lastError = cause
        const hasProgress = this.last !== from
        failures = hasProgress ? 0 : failures + 1
        stalls = hasProgress || isCaughtUp ? Math.max(0, stalls - 1) : stalls + 1
      } catch (error) {
        if (this.isStopped) break
        this.lastError = error instanceof Error ? error.message : (error as ReadFault).cause
        failures += 1
      }
      this.become('connecting')
      this.reconnects += 1
      if (failures > 0) await this.pause(failures)
    }
  }

  private pause(failures: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, 10 * 2 ** Math.min(failures, 8)))
      this.wakePause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Takes what one call sends until it ends: returns why it ended, and whether everything had come. `patience`: how
   *  many times longer than usual it waits. */
  private follow(
    line: LogLine,
    patience: number,
  ): Promise<{ readonly cause: string; readonly isCaughtUp: boolean }> {
    return new Promise((resolve) => {
      const { prefixes } = this.options
      const readTimeoutMs = this.options.readTimeoutMs * patience
      const silence = line.ticks(this.options.silenceMs * patience)
      const firstLook = line.ticks(FIRST_LOOK_MS * patience)
      let nextLook = line.tick + firstLook
      let heardAt = line.tick
      let isCaughtUp = false
      let isLooking = false
      let done = false
      let forget = () => {}
      const finish = (cause: string) => {
        if (done) return
        done = true
        this.call = null
        this.isPaused = false
        forget()
        call.cancel()
        resolve({ cause, isCaughtUp })
      }
      const caughtUp = () => {
        if (isCaughtUp) return
        isCaughtUp = true
        this.become('live')
        this.put({ kind: 'caught-up' }, 0)
      }
      /** Looks whether there is anything after the last place that should have come but has not. */
      const look = async () => {
        isLooking = true
        const place = this.last
        try {
          const [newest] = await readOver(
            line,
            { from: { all: 'end' }, backwards: true, count: 1 },
            readTimeoutMs,
            false,
          )
          this.head = newest?.position ?? null
          if (done || this.last !== place || this.isPaused) return
          const missing =
            newest === undefined || !isAfter({ commit: newest.position, prepare: newest.position }, place)
              ? []
              : await readOver(
                  line,
                  { from: { all: place ?? 'start' }, count: 2, prefixes },
                  readTimeoutMs,
                  false,
                )
          if (done || this.last !== place || this.isPaused) return
          if (missing.every((event) => place !== null && event.position <= place.commit)) caughtUp()
          else if (line.tick - heardAt >= silence) finish('the subscription went silent')
        } catch (fault) {
          // The read itself closes a dead line; a server that can't answer is asked again.
          this.lastError = (fault as ReadFault).cause
        } finally {
          isLooking = false
        }
      }
      this.become('catching-up')
      const asked = encodeRead({ from: { all: this.last ?? 'start' }, prefixes })
      const call = line.read(READ, asked, { requiresLeader: false, gatherMs: this.options.gatherMs ?? 0 })
      this.call = call
      call.on('data', (bytes: Buffer) => {
        if (done) return
        line.heard()
        heardAt = line.tick
        try {
          const reading = decodeRead(bytes, this.options)
          if (reading.kind === 'event') {
            if (!isAfter(reading.place, this.last)) return
            this.last = reading.place
            this.put({ kind: 'event', event: reading.event }, bytes.length)
          } else if (reading.kind === 'passed') {
            if (!isAfter(reading.place, this.last)) return
            this.last = reading.place
            this.put({ kind: 'passed', event: reading.event }, 0)
          } else if (reading.kind === 'checkpoint') {
            if (!isAfter(reading.place, this.last)) return
            this.last = reading.place
            this.put({ kind: 'checkpoint', position: reading.place.commit }, 0)
          } else if (reading.kind === 'caught-up') caughtUp()
          else if (reading.kind === 'fell-behind') {
            isCaughtUp = false
            this.become('catching-up')
          }
        } catch (error) {
          finish(causeOf(error))
        }
      })
      // A server that stops, or a proxy in front of it, ends a subscription as if nothing were wrong.
      call.on('end', () => finish('the server ended the subscription'))
      call.on('error', (error) => {
        const leader = leaderOf(error)
        if (leader !== null) line.close(causeOf(error), leader)
        finish(causeOf(error))
      })
      // While the consumer is slow nothing is read, so silence means nothing.
      if (this.isFull()) {
        this.isPaused = true
        call.pause()
      }
      const unwatch = line.watch(
        () => {
          if (this.isPaused) {
            heardAt = line.tick
            return
          }
          if (isLooking || line.tick < nextLook) return
          const isQuiet = line.tick - heardAt >= (isCaughtUp ? silence : firstLook)
          if (!isQuiet) return
          nextLook = line.tick + silence
          void look()
        },
        (cause) => finish(cause),
      )
      if (done) unwatch()
      else forget = unwatch
    })
  }
}
