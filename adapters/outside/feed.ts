/** The log as a feed for readers outside the rooms: from any position, each event once and in order. */
import { setTimeout as delay } from 'node:timers/promises'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import {
  createPrevious,
  type Item,
  isWanted,
  itemOf,
  type PositionBefore,
  prefixesOf,
  type Wanted,
} from './item.ts'

export type FeedRequest = Wanted & {
  /** Exclusive. */
  readonly after: bigint | 'start' | 'end'
  /** False: the feed ends where the log does. */
  readonly isLive: boolean
  /** The feed ends after this many events; null for no limit. */
  readonly limit: number | null
  readonly showsClient: boolean
}

/** After this many milliseconds of silence something is sent, so that no proxy takes the connection for dead. */
const SILENCE_MS = 15_000
/** How many events wait for a reader; the log is not read further in the meantime. */
const WAITING = 200

/** Yields null when nothing has happened for a while. */
export async function* feed(
  log: Pick<EventLog, 'subscribe'>,
  before: PositionBefore,
  request: FeedRequest,
  signal: AbortSignal,
): AsyncGenerator<Item | null, void, void> {
  const { after, isLive, limit, showsClient } = request
  const subscription = log.subscribe({ after, prefixes: prefixesOf(request), bufferSize: WAITING })
  const stop = () => void subscription.stop()
  signal.addEventListener('abort', stop, { once: true })
  const previousOf = createPrevious(request, before)
  const told = async (event: RecordedEvent) => itemOf(event, await previousOf(event), showsClient)
  let count = 0
  try {
    for await (const batch of orSilence(subscription, signal)) {
      if (batch === null) yield null
      for (const item of batch ?? []) {
        if (signal.aborted || (item.kind === 'caught-up' && !isLive)) return
        if (item.kind !== 'event' || !isWanted(request, item.event)) continue
        yield await told(item.event)
        count += 1
        if (count === limit) return
      }
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}

/** The events as they come, and null whenever nothing has come for a while. */
async function* orSilence<A>(
  from: AsyncIterable<A>,
  signal: AbortSignal,
): AsyncGenerator<A | null, void, void> {
  const steps = from[Symbol.asyncIterator]()
  let next = steps.next()
  while (!signal.aborted) {
    const waiting = new AbortController()
    const silence = delay(SILENCE_MS, null, { signal: waiting.signal, ref: false }).catch(() => null)
    const step = await Promise.race([next, silence])
    waiting.abort()
    if (step === null) {
      yield null
      continue
    }
    if (step.done === true) return
    yield step.value
    next = steps.next()
  }
}
