/** A subscription whose client asks for it gets what is committed in pieces, so that in a steady flow it is not woken for
 *  each event. A lone event is passed on at once. */
import type { IncomingHttpHeaders } from 'node:http2'
import type { StoredEvent } from '../protocol/record.ts'

/** The header in which a client says how many milliseconds lie at least between two pieces. Other servers ignore it. */
export const GATHER_HEADER = 'dlux-gather-ms'
const LONGEST_MS = 1_000
/** This many events are passed on without waiting. */
const MOST = 500

/** 0 where the client asked for nothing, or for no number. */
export const gatherMsOf = (headers: IncomingHttpHeaders): number => {
  const ms = Number(headers[GATHER_HEADER])
  return ms > 0 ? Math.min(ms, LONGEST_MS) : 0
}

export type Gathering = {
  readonly put: (events: ReadonlyArray<StoredEvent>) => void
  /** Forgets what waits: it will be read from the file. */
  readonly drop: () => void
}

/** Calls `pass` with the events in their order, at once if the last piece is `gatherMs` ago. */
export const createGathering = (
  gatherMs: number,
  pass: (events: ReadonlyArray<StoredEvent>) => void,
): Gathering => {
  if (gatherMs === 0) return { put: pass, drop: () => {} }
  let waiting: StoredEvent[] = []
  let timer: NodeJS.Timeout | undefined
  let passedAt = Number.NEGATIVE_INFINITY
  const passWaiting = (): void => {
    clearTimeout(timer)
    timer = undefined
    passedAt = performance.now()
    const events = waiting
    waiting = []
    pass(events)
  }
  return {
    put: (events) => {
      for (const event of events) waiting.push(event)
      const left = passedAt + gatherMs - performance.now()
      if (left <= 0 || waiting.length >= MOST) passWaiting()
      else timer ??= setTimeout(passWaiting, left)
    },
    drop: () => {
      clearTimeout(timer)
      timer = undefined
      waiting = []
    },
  }
}
