/** Reads news from its stream if it did not come by itself. */
import * as E from 'fp-ts/lib/Either.js'
import { not } from 'fp-ts/lib/Predicate.js'
import { streamName } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { hasGap } from '../../../projections/live/sequence.ts'
import { type Logger, type Metrics, reasonOf } from '../../observing.ts'
import type { HeldSpace, LiveStreamKind } from './held-space.ts'
import type { Telling } from './telling.ts'
import type { Wake } from './waking.ts'

/** How long (ms) news may be late before its stream is read, and the upper limit of that delay. */
const GAP_MS = 250
const GAP_MAX_MS = 5_000
/** After this many reads that brought nothing, the space is loaded afresh. */
const GAP_TRIES = 8
const GAP_READ = 500

export type Gaps = {
  /** Reads what is missing, unless it comes by itself first. */
  readonly watch: (entry: HeldSpace) => void
  /** Says that the stream has reached `revision`. */
  readonly expect: (entry: HeldSpace, kind: LiveStreamKind, revision: bigint) => void
  /** Reads the stream up to `revision`. */
  readonly reach: (entry: HeldSpace, kind: LiveStreamKind, revision: bigint) => Promise<void>
  readonly stop: () => void
}

export const createGaps = (deps: {
  readonly log: EventLog
  readonly logger: Logger
  readonly metrics: Metrics
  readonly telling: Telling
  readonly wake: Wake
  readonly isHeld: (entry: HeldSpace) => boolean
}): Gaps => {
  const { log, logger, metrics, telling, wake, isHeld } = deps
  const { take, finishAll, resync } = telling
  let closed = false

  const watch = (entry: HeldSpace): void => {
    if (entry.gapTimer !== undefined || closed || !isHeld(entry)) return
    const wait = Math.min(GAP_MS * 2 ** entry.gapTries, GAP_MAX_MS)
    entry.gapAt = { space: entry.live.spaceSeq.last, chat: entry.live.chatSeq.last }
    entry.gapTimer = setTimeout(() => {
      fill(entry).catch((error) =>
        logger.error({ space: entry.live.key, error: reasonOf(error) }, 'late news could not be read'),
      )
    }, wait)
    entry.gapTimer.unref()
  }

  const fillOne = async (entry: HeldSpace, kind: LiveStreamKind): Promise<void> => {
    const { live } = entry
    const seq = kind === 'space' ? live.spaceSeq : live.chatSeq
    // A gap that moves only means that the fast path is a little ahead.
    if (!hasGap(seq) || seq.last !== entry.gapAt[kind]) return
    const events = await log.readStream(streamName(kind, live.space), {
      from: seq.last + 1n,
      limit: GAP_READ,
    })()
    if (E.isLeft(events) || !isHeld(entry)) return
    metrics.count?.('presence_live_gaps_read', 1)
    for (const recorded of events.right) {
      const { revision, position } = recorded
      take(entry, kind, { revision, position, recorded })
    }
    finishAll()
  }

  const fill = async (entry: HeldSpace): Promise<void> => {
    const { live, gapAt } = entry
    try {
      await fillOne(entry, 'space')
      await fillOne(entry, 'chat')
    } finally {
      entry.gapTimer = undefined
    }
    if (!isHeld(entry) || closed) return
    const moved = live.spaceSeq.last !== gapAt.space || live.chatSeq.last !== gapAt.chat
    entry.gapTries = moved ? 0 : entry.gapTries + 1
    if (!hasGap(live.spaceSeq) && !hasGap(live.chatSeq)) {
      entry.gapTries = 0
      return
    }
    // The stream no longer has what is missing (it was cut short): start over from what it has now.
    if (entry.gapTries > GAP_TRIES && log.health().state === 'up') {
      entry.waiting = []
      const woken = await wake(entry)
      if (E.isRight(woken)) resync(live, 'the stream does not have what is missing', live.spaceSeq.last)
      finishAll()
      entry.gapTries = 0
    }
    watch(entry)
  }

  const expect = (entry: HeldSpace, kind: LiveStreamKind, revision: bigint): void => {
    const seq = kind === 'space' ? entry.live.spaceSeq : entry.live.chatSeq
    if (revision > seq.highest) seq.highest = revision
    if (hasGap(seq)) watch(entry)
  }

  const reach = async (entry: HeldSpace, kind: LiveStreamKind, revision: bigint): Promise<void> => {
    const seq = () => (kind === 'space' ? entry.live.spaceSeq : entry.live.chatSeq)
    while (seq().last < revision && isHeld(entry)) {
      const from = seq().last + 1n
      const events = await log.readStream(streamName(kind, entry.live.space), { from, limit: GAP_READ })()
      // There are no such revisions: they are from another log, or invented.
      if (E.isLeft(events) || events.right.length === 0) return
      for (const recorded of events.right)
        take(entry, kind, { revision: recorded.revision, position: recorded.position, recorded })
      finishAll()
      // The event is not the next one: the stream was cut short, and the gap will be closed.
      if (seq().last < from) return
    }
  }

  const stop = () => {
    closed = true
  }
  return { watch, expect, reach, stop }
}

/** Reads the end of every stream: a subscription from the end starts a moment after it is requested, and spaces loaded
 *  before then may lack something. */
export const lookAgain = async (
  log: EventLog,
  gaps: Gaps,
  entries: ReadonlyMap<string, HeldSpace>,
): Promise<void> => {
  const isLoading = ({ waiting }: HeldSpace): boolean => waiting !== null
  const [loading, loaded] = [
    [...entries.values()].filter(isLoading),
    [...entries.values()].filter(not(isLoading)),
  ]
  for (const entry of [...loaded, ...loading]) {
    // What has been read of it by now may be older than the subscription, too.
    await entry.ready
    if (isLoading(entry)) continue
    for (const kind of ['space', 'chat'] as const) {
      const stream = streamName(kind, entry.live.space)
      const end = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
      const last: RecordedEvent | undefined = E.isRight(end) ? end.right[0] : undefined
      if (last !== undefined) gaps.expect(entry, kind, last.revision)
    }
  }
}
