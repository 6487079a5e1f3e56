/** A client may ask to get commits in pieces while there are many, so that it is not woken for each event. An event
 *  that comes alone, or one after another with somebody waiting for each, is passed on at once. */
import type { IncomingHttpHeaders } from 'node:http2'
import type { StoredEvent } from '../protocol/record.ts'

/** The header in which a client says how many milliseconds lie at least between two pieces. Other servers ignore it. */
export const GATHER_HEADER = 'dlux-gather-ms'
const LONGEST_MS = 1_000
/** This many events are passed on without waiting. */
const MOST = 500

/** 0 if the client asked for nothing, or not for a number. */
export const gatherMsOf = (headers: IncomingHttpHeaders): number => {
  const ms = Number(headers[GATHER_HEADER])
  return ms > 0 ? Math.min(ms, LONGEST_MS) : 0
}

export type Gathering = {
  readonly put: (events: ReadonlyArray<StoredEvent>) => void
  /** Forgets what waits: it will be read from the file. */
  readonly drop: () => void
}

/** From this many events a millisecond on, events are gathered. */
const FLOW = 0.25
const LEAST = 2

/** Calls `pass` with the events in their order. They wait, until `gatherMs` after the first of them came, only if many came in the
 *  time before. */
export const createGathering = (
  gatherMs: number,
  pass: (events: ReadonlyArray<StoredEvent>) => void,
  now: () => number = () => performance.now(),
): Gathering => {
  if (gatherMs === 0) return { put: pass, drop: () => {} }
  const much = Math.max(LEAST, FLOW * gatherMs)
  let waiting: StoredEvent[] = []
  let timer: NodeJS.Timeout | undefined
  /** When the span began in which `came` events came. */
  let begun = Number.NEGATIVE_INFINITY
  let came = 0
  let isFlowing = false
  const passWaiting = (): void => {
    clearTimeout(timer)
    timer = undefined
    const events = waiting
    waiting = []
    pass(events)
  }
  return {
    put: (events) => {
      const at = now()
      const since = at - begun
      if (since >= gatherMs) {
        isFlowing = since < 2 * gatherMs && came >= much
        begun = at
        came = 0
      }
      came += events.length
      for (const event of events) waiting.push(event)
      if (!isFlowing || waiting.length >= MOST) passWaiting()
      else timer ??= setTimeout(passWaiting, begun + gatherMs - at)
    },
    drop: () => {
      clearTimeout(timer)
      timer = undefined
      waiting = []
    },
  }
}
