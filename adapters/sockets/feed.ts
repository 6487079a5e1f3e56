/** The live feed of one process: follows the log from now on, keeps the state of the spaces that have sockets here, and
 *  sends each room its news once and in order, whichever way it came. */
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type {
  CommandError,
  Commands,
  EventLog,
  GivenLately,
  OnAccepted,
  PassedEvent,
  RecordedEvent,
  SubscriptionItem,
  SubscriptionState,
} from '../../domain/ports.ts'
import { type Logger, type Metrics, reasonOf } from '../observing.ts'
import { followLog } from './feed/following.ts'
import { createGaps, lookAgain } from './feed/gaps.ts'
import { type HeldSpace, heldSpace, type LiveStreamKind } from './feed/held-space.ts'
import { createTelling } from './feed/telling.ts'
import { createWake } from './feed/waking.ts'
import type { ArrivedEvent, LiveSpace, Outlet } from './live-space.ts'

/** An event to send, and its stream. */
type Offered = ArrivedEvent & { readonly stream: string }

/** Keeps a space live until `release`. */
export type Hold = { readonly live: LiveSpace; readonly release: () => void }

export interface LiveFeed {
  /** Loads the space if it is not live: its state, then news without gaps or repeats. */
  readonly hold: (space: SpaceRef) => Promise<E.Either<CommandError<never>, Hold>>
  /** Takes an accepted command's events from the command path: they are sent if they come next, else left to the subscription. */
  readonly offerAccepted: OnAccepted
  /** Takes what a subscription brings, and sends it at once. */
  readonly deliver: (items: ReadonlyArray<SubscriptionItem>) => void
  /** Says that the stream has reached `revision`: it is read if the news does not come by itself. */
  readonly expect: (live: LiveSpace, kind: LiveStreamKind, revision: bigint) => void
  /** Says that a client has heard the streams up to here from another process, so these events are sent here, too. */
  readonly reach: (
    live: LiveSpace,
    revisions: { readonly space: bigint; readonly chat: bigint },
  ) => Promise<void>
  /** The space as of the last news sent here; null if nobody here is in it. */
  readonly live: (key: string) => LiveSpace | null
  readonly state: () => SubscriptionState
  readonly spaces: () => number
  readonly close: () => Promise<void>
}

export type FeedDeps = {
  readonly log: EventLog
  /** Returns what this process appended itself, so that the log need not be read for it. */
  readonly given?: GivenLately | undefined
  readonly commands: Commands
  readonly outlet: Outlet
  readonly logger: Logger
  readonly metrics: Metrics
  /** Called when the log was replaced or went back: rooms are then as on that log, without the earlier sessions. */
  readonly onOtherLog?: () => void
  readonly lookMs?: number
}

/** A class, since there are thousands of them: their methods exist once. */
class HeldOnce implements Hold {
  readonly live: LiveSpace
  readonly #entry: HeldSpace
  #release: ((entry: HeldSpace) => void) | null
  constructor(entry: HeldSpace, release: (entry: HeldSpace) => void) {
    this.live = entry.live
    this.#entry = entry
    this.#release = release
  }
  release(): void {
    const release = this.#release
    this.#release = null
    release?.(this.#entry)
  }
}

/** Milliseconds between two tries to load a space from another log. */
const WAKE_MS = 250

/** Rooms get an event even if the command path has trouble with it. */
const observe = ({ commands, logger }: FeedDeps, event: RecordedEvent): void => {
  try {
    commands.observe(event)
  } catch (error) {
    logger.error({ stream: event.stream, error: reasonOf(error) }, 'the command path could not take an event')
  }
}

export const startFeed = (deps: FeedDeps): LiveFeed => {
  const { log, commands } = deps
  const entries = new Map<string, HeldSpace>()
  const streams = new Map<string, { readonly entry: HeldSpace; readonly kind: LiveStreamKind }>()
  let offered: Offered[] = []
  let closed = false
  const isHeld = (entry: HeldSpace): boolean => entries.get(entry.live.key) === entry
  const telling = createTelling({ ...deps, onGap: (entry) => gaps.watch(entry) })
  const { take, finishAll } = telling
  const wake = createWake({ log, commands, telling })
  const gaps = createGaps({ ...deps, telling, wake, isHeld })
  /** Null if it was released since. */
  const entryOf = (live: LiveSpace): HeldSpace | null => {
    const entry = entries.get(live.key)
    return entry?.live === live ? entry : null
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

  const wants = (stream: string): boolean => streams.has(stream) || (commands.wants?.(stream) ?? true)
  /** Whoever entered since read the log later than the event came. */
  const pass = (event: PassedEvent): void => {
    commands.passed?.(event)
    const target = streams.get(event.stream)
    if (target?.entry.waiting === null) gaps.expect(target.entry, target.kind, event.revision)
  }

  const deliver = (items: ReadonlyArray<SubscriptionItem>): void => {
    for (const item of items) {
      if (item.kind === 'passed') pass(item.event)
      if (item.kind !== 'event') continue
      const { event } = item
      observe(deps, event)
      const target = streams.get(event.stream)
      if (target === undefined) continue
      const { revision, position } = event
      take(target.entry, target.kind, { revision, position, recorded: event })
    }
    finishAll()
  }

  // ── what is held ────────────────────────────────────────────────────────────────────────────────────────

  const enter = (space: SpaceRef): HeldSpace => {
    const entry = heldSpace(space)
    entries.set(entry.live.key, entry)
    streams.set(streamName('space', space), { entry, kind: 'space' })
    streams.set(streamName('chat', space), { entry, kind: 'chat' })
    entry.ready = wake(entry).catch(
      (error): E.Either<CommandError<never>, void> =>
        E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) }),
    )
    return entry
  }

  const release = (entry: HeldSpace): void => {
    entry.holds -= 1
    if (entry.holds > 0 || !isHeld(entry)) return
    clearTimeout(entry.gapTimer)
    entries.delete(entry.live.key)
    streams.delete(streamName('space', entry.live.space))
    streams.delete(streamName('chat', entry.live.space))
  }

  // ── following ──────────────────────────────────────────────────────────────────────────────────────────

  /** Tries for as long as the space is held, since the log may be out of reach. */
  const wakeAnew = async (entry: HeldSpace): Promise<void> => {
    while (!closed && isHeld(entry)) {
      entry.waiting ??= []
      const woken = await wake(entry)
      if (E.isRight(woken) || woken.left._tag !== 'Unavailable') return
      await delay(WAKE_MS, undefined, { ref: false })
    }
  }
  const following = followLog({
    ...deps,
    deliver,
    wants,
    onCaughtUp: () => lookAgain(log, gaps, entries),
    onOther: () => {
      commands.forget?.()
      offered = []
      for (const entry of entries.values()) {
        clearTimeout(entry.gapTimer)
        Object.assign(entry, { gapTimer: undefined, gapTries: 0, waiting: [] })
      }
    },
    onBegunAnew: async () => {
      // What was read before the subscription began may lack events from in between.
      commands.forget?.()
      await Promise.all([...entries.values()].map(wakeAnew))
      deps.onOtherLog?.()
    },
  })

  return {
    hold: async (space) => {
      const entry = entries.get(spaceKey(space)) ?? enter(space)
      entry.holds += 1
      const ready = await entry.ready
      if (E.isLeft(ready)) {
        release(entry)
        return ready
      }
      return E.right(new HeldOnce(entry, release))
    },
    offerAccepted: (kind, space, { events, revision, position, isPositionLater }) => {
      const stream = streamName(kind, space)
      if (events.length === 0 || !streams.has(stream)) return
      // A message is sent with its position; if that is not known yet, it comes with the subscription.
      if (kind === 'chat' && isPositionLater === true) return
      const first = revision - BigInt(events.length - 1)
      // After the microtasks, since a group append answers all its commands at once: they make one batch here, too.
      if (offered.length === 0) process.nextTick(flush)
      for (const [i, event] of events.entries())
        offered.push({ stream, revision: first + BigInt(i), position, event })
    },
    deliver,
    expect: (live, kind, revision) => {
      const entry = entryOf(live)
      if (entry !== null) gaps.expect(entry, kind, revision)
    },
    reach: async (live, revisions) => {
      const entry = entryOf(live)
      if (entry === null) return
      await gaps.reach(entry, 'space', revisions.space)
      await gaps.reach(entry, 'chat', revisions.chat)
    },
    live: (key) => entries.get(key)?.live ?? null,
    state: following.state,
    spaces: () => entries.size,
    close: async () => {
      closed = true
      for (const entry of entries.values()) clearTimeout(entry.gapTimer)
      gaps.stop()
      telling.stop()
      await following.stop()
    },
  }
}
