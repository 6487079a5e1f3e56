/** The live feed of one process: follows the log from now, keeps the state of the spaces that have sockets here, and
 *  tells each room its news once and in order, whichever way it came. */
import * as E from 'fp-ts/lib/Either.js'
import { type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type {
  CommandError,
  Commands,
  EventLog,
  OnAccepted,
  RecordedEvent,
  SubscriptionItem,
  SubscriptionState,
} from '../../domain/ports.ts'
import { initialSpace } from '../../domain/space/evolve.ts'
import { arrive, hasGap, sequence } from '../../projections/live/sequence.ts'
import {
  type Arrived,
  finish,
  type LiveSpace,
  liveSpace,
  type Outlet,
  postToAll,
  tell,
  waitLeft,
} from './live-space.ts'
import { type Logger, type Metrics, reasonOf } from './observing.ts'

type Kind = 'space' | 'chat'
/** An event to tell, and its stream. */
type Offered = Arrived & { readonly stream: string }

/** Keeps a space live until `release`. */
export type Hold = { readonly live: LiveSpace; readonly release: () => void }

export interface LiveFeed {
  /** Wakes the space if it sleeps: state, then news with no gap and none twice. */
  readonly hold: (space: SpaceRef) => Promise<E.Either<CommandError<never>, Hold>>
  /** An accepted command's events, as the command path says them: told if they are next, else left to the subscription. */
  readonly offerAccepted: OnAccepted
  /** What a subscription brings. Told at once. */
  readonly deliver: (items: ReadonlyArray<SubscriptionItem>) => void
  /** The stream is known to be at `revision`: it is read if the news does not come by itself. */
  readonly expect: (live: LiveSpace, kind: Kind, revision: bigint) => void
  /** Somebody has heard the streams up to these, from another process: what is in the log of them is told here too. */
  readonly reach: (
    live: LiveSpace,
    revisions: { readonly space: bigint; readonly chat: bigint },
  ) => Promise<void>
  /** The space as it was last told here; null where nobody here is in it. */
  readonly live: (key: string) => LiveSpace | null
  readonly state: () => SubscriptionState
  readonly spaces: () => number
  readonly close: () => Promise<void>
}

export type FeedDeps = {
  readonly log: EventLog
  readonly commands: Commands
  readonly outlet: Outlet
  readonly logger: Logger
  readonly metrics: Metrics
}

/** How long news may be late before its stream is read for it (ms), and how far that backs off. */
const GAP_MS = 250
const GAP_MAX_MS = 5_000
/** Reads of a stream that brought nothing, after which the space is woken afresh. */
const GAP_TRIES = 8
const GAP_READ = 500

type Entry = {
  readonly live: LiveSpace
  holds: number
  /** What came while it was being woken; null once it is awake. */
  waiting: Array<{ kind: Kind; arrived: Arrived }> | null
  ready: Promise<E.Either<CommandError<never>, void>>
  gapTimer: NodeJS.Timeout | undefined
  gapTries: number
  /** How far each stream was when it was last seen to have a gap. */
  gapAt: { space: bigint; chat: bigint }
}

export const startFeed = (deps: FeedDeps): LiveFeed => {
  const { log, commands, outlet, logger, metrics } = deps
  const entries = new Map<string, Entry>()
  const streams = new Map<string, { readonly entry: Entry; readonly kind: Kind }>()
  const touched = new Set<Entry>()
  let offered: Offered[] = []
  let later: NodeJS.Timeout | undefined
  let closed = false

  const resync = (live: LiveSpace, why: string, revision: bigint) => {
    logger.error({ space: live.key, revision: String(revision), why }, 'news that this server could not tell')
    metrics.count?.('presence_live_news_lost', 1)
    postToAll(live, {
      event: 'space-error',
      payload: {
        ok: false,
        code: 'resync',
        error: 'Something happened here that this server could not tell: join again for a fresh state.',
        revision: String(revision),
      },
    })
  }

  const take = (entry: Entry, kind: Kind, arrived: Arrived): void => {
    if (entry.waiting !== null) {
      entry.waiting.push({ kind, arrived })
      return
    }
    const { live } = entry
    const seq = kind === 'space' ? live.spaceSeq : live.chatSeq
    touched.add(entry)
    for (const next of arrive(seq, arrived.revision, arrived)) {
      const told = E.tryCatch(() => tell(live, outlet, kind, next), reasonOf)
      const failed = E.isLeft(told) ? told : told.right
      if (E.isLeft(failed)) resync(live, failed.left, next.revision)
    }
    if (hasGap(seq)) watch(entry)
  }

  const finishAll = (): void => {
    for (const entry of touched) {
      const wait = waitLeft(entry.live)
      if (wait > 0) {
        later ??= setTimeout(() => {
          later = undefined
          finishAll()
        }, wait)
        continue
      }
      touched.delete(entry)
      try {
        finish(entry.live, outlet)
      } catch (error) {
        resync(entry.live, reasonOf(error), entry.live.spaceSeq.last)
      }
    }
  }

  const flush = (): void => {
    const items = offered
    offered = []
    for (const item of items) {
      const target = streams.get(item.stream)
      if (target !== undefined) take(target.entry, target.kind, item)
    }
    finishAll()
  }

  const deliver = (items: ReadonlyArray<SubscriptionItem>): void => {
    for (const item of items) {
      if (item.kind !== 'event') continue
      const { event } = item
      try {
        commands.observe(event)
      } catch (error) {
        logger.error(
          { stream: event.stream, error: reasonOf(error) },
          'the command path could not take an event',
        )
      }
      const target = streams.get(event.stream)
      if (target === undefined) continue
      const { revision, position } = event
      take(target.entry, target.kind, { revision, position, recorded: event })
    }
    finishAll()
  }

  // ── what did not come by itself is read ────────────────────────────────────────────────────────────────

  const isHeld = (entry: Entry): boolean => entries.get(entry.live.key) === entry

  const watch = (entry: Entry): void => {
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

  const fillOne = async (entry: Entry, kind: Kind): Promise<void> => {
    const { live } = entry
    const seq = kind === 'space' ? live.spaceSeq : live.chatSeq
    // A gap that has moved on is only the fast path being a little ahead.
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

  const fill = async (entry: Entry): Promise<void> => {
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

  // ── waking ─────────────────────────────────────────────────────────────────────────────────────────────

  /** State as of a revision, then what came meanwhile: the streams are listened to before the state is asked for. */
  const wake = async (entry: Entry): Promise<E.Either<CommandError<never>, void>> => {
    const { live } = entry
    const [looked, chat] = await Promise.all([
      commands.look(live.space)(),
      log.readStream(streamName('chat', live.space), { direction: 'backwards', limit: 1 })(),
    ])
    if (E.isLeft(looked)) return looked
    if (E.isLeft(chat) && chat.left._tag === 'LogUnavailable')
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: chat.left.cause })
    const lastChat = E.isRight(chat) ? (chat.right[0]?.revision ?? -1n) : -1n
    live.state = looked.right?.state ?? initialSpace()
    live.spaceSeq = sequence(looked.right?.revision ?? -1n)
    live.chatSeq = sequence(lastChat)
    commands.warm(live.space)
    const waiting = entry.waiting ?? []
    entry.waiting = null
    for (const { kind, arrived } of waiting) take(entry, kind, arrived)
    finishAll()
    return E.right(undefined)
  }

  const enter = (space: SpaceRef): Entry => {
    const entry: Entry = {
      live: liveSpace(space),
      holds: 0,
      waiting: [],
      ready: Promise.resolve(E.right(undefined)),
      gapTimer: undefined,
      gapTries: 0,
      gapAt: { space: -1n, chat: -1n },
    }
    entries.set(entry.live.key, entry)
    streams.set(streamName('space', space), { entry, kind: 'space' })
    streams.set(streamName('chat', space), { entry, kind: 'chat' })
    entry.ready = wake(entry).catch(
      (error): E.Either<CommandError<never>, void> =>
        E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) }),
    )
    return entry
  }

  const release = (entry: Entry): void => {
    entry.holds -= 1
    if (entry.holds > 0 || !isHeld(entry)) return
    clearTimeout(entry.gapTimer)
    entries.delete(entry.live.key)
    streams.delete(streamName('space', entry.live.space))
    streams.delete(streamName('chat', entry.live.space))
  }

  const expect = (live: LiveSpace, kind: Kind, revision: bigint): void => {
    const entry = entries.get(live.key)
    if (entry === undefined || entry.live !== live) return
    const seq = kind === 'space' ? live.spaceSeq : live.chatSeq
    if (revision > seq.highest) seq.highest = revision
    if (hasGap(seq)) watch(entry)
  }

  const reach = async (entry: Entry, kind: Kind, revision: bigint): Promise<void> => {
    const seq = () => (kind === 'space' ? entry.live.spaceSeq : entry.live.chatSeq)
    while (seq().last < revision && isHeld(entry)) {
      const from = seq().last + 1n
      const events = await log.readStream(streamName(kind, entry.live.space), { from, limit: GAP_READ })()
      // No such revisions: of another log, or made up.
      if (E.isLeft(events) || events.right.length === 0) return
      for (const recorded of events.right)
        take(entry, kind, { revision: recorded.revision, position: recorded.position, recorded })
      finishAll()
      // What it has is not what comes next: the stream was cut short, and its gap will be seen to.
      if (seq().last < from) return
    }
  }

  /** A subscription from the end starts a moment after it is asked for; spaces woken before then look again. */
  const lookAgain = async (): Promise<void> => {
    for (const entry of [...entries.values()]) {
      if (entry.waiting !== null) continue
      for (const kind of ['space', 'chat'] as const) {
        const stream = streamName(kind, entry.live.space)
        const end = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
        const last: RecordedEvent | undefined = E.isRight(end) ? end.right[0] : undefined
        if (last !== undefined) expect(entry.live, kind, last.revision)
      }
    }
  }

  // ── following ──────────────────────────────────────────────────────────────────────────────────────────

  const subscription = log.subscribe({ after: 'end', prefixes: ['space-', 'chat-'] })
  const following = (async () => {
    let caughtUp = false
    for await (const items of subscription) {
      if (closed) return
      deliver(items)
      if (caughtUp || !items.some((item) => item.kind === 'caught-up')) continue
      caughtUp = true
      lookAgain().catch((error) => logger.warn({ error: reasonOf(error) }, 'could not look again'))
    }
  })().catch((error) => logger.error({ error: reasonOf(error) }, 'the live feed has ended'))

  return {
    hold: async (space) => {
      const entry = entries.get(spaceKey(space)) ?? enter(space)
      entry.holds += 1
      const ready = await entry.ready
      if (E.isLeft(ready)) {
        release(entry)
        return ready
      }
      let isReleased = false
      return E.right({
        live: entry.live,
        release: () => {
          if (isReleased) return
          isReleased = true
          release(entry)
        },
      })
    },
    offerAccepted: (kind, space, { events, revision, position, isPositionLater }) => {
      const stream = streamName(kind, space)
      if (events.length === 0 || !streams.has(stream)) return
      // A message is told with its position: where that is not known, the subscription brings it.
      if (kind === 'chat' && isPositionLater === true) return
      const first = revision - BigInt(events.length - 1)
      // After the microtasks: a group append answers all its commands at once, and they make one batch here too.
      if (offered.length === 0) process.nextTick(flush)
      for (const [i, event] of events.entries())
        offered.push({ stream, revision: first + BigInt(i), position, event })
    },
    deliver,
    expect,
    reach: async (live, revisions) => {
      const entry = entries.get(live.key)
      if (entry === undefined || entry.live !== live) return
      await reach(entry, 'space', revisions.space)
      await reach(entry, 'chat', revisions.chat)
    },
    live: (key) => entries.get(key)?.live ?? null,
    state: () => subscription.state(),
    spaces: () => entries.size,
    close: async () => {
      closed = true
      for (const entry of entries.values()) clearTimeout(entry.gapTimer)
      clearTimeout(later)
      await subscription.stop()
      await following
    },
  }
}
