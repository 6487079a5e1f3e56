/**
 * Keeps moments as rooms go on, beside whatever follows the log: told of each event once, it folds the rooms that it holds
 * from what it is told, and writes when a moment is due. A room that it does not hold (it has just started, an event was
 * missed or could not be read, or there are too many) is read from its last kept moment on when one is due, and held from
 * there. What it misses altogether is caught up with the next moment, or when somebody asks.
 */

import * as E from 'fp-ts/lib/Either.js'
import type { Decoded } from '../../domain/codec.ts'
import { parseStreamName } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { Failed, type MomentError } from './errors.ts'
import type { Keeping } from './keeping.ts'
import { EVERY, MARKS_EACH } from './kept.ts'
import { standing } from './standing.ts'
import { talk } from './talk.ts'
import { createTimeline } from './timeline.ts'

/** `decoded` is null where it can't be read. */
export type Noticed = {
  readonly recorded: Pick<RecordedEvent, 'stream' | 'revision'>
  readonly decoded: Decoded | null
}
export type Keeper = {
  /** Returns at once. */
  readonly notice: (events: ReadonlyArray<Noticed>) => void
  /** Resolves when nothing is due. */
  readonly idle: () => Promise<void>
  /** After the one in hand. */
  readonly stop: () => Promise<void>
}

/** Rooms that are equally busy come due at the same moment: between two of them, this many times as long as one took,
 *  goes to what must not wait. */
const REST = 2
const LONGEST_REST_MS = 500
/** What is held at the most: streams, and things in them (people, messages, reactions, bans). */
const STREAMS = 2_000
const ENTRIES = 60_000

type Room = { readonly keeping: Keeping; entries: number }

/** `log` may be the log as it stands: nothing that is personal is needed. */
export const keepMoments = (options: {
  readonly log: EventLog
  readonly every?: number
  readonly onError?: (error: MomentError | Error, stream: string) => void
  /** At most so many streams and things in them are held between their events. */
  readonly streams?: number
  readonly entries?: number
}): Keeper => {
  const { log, every = EVERY, onError, streams = STREAMS, entries = ENTRIES } = options
  const timelines = {
    space: createTimeline(log, standing, every),
    chat: createTimeline(log, talk, every),
  }
  /** The one that was told of longest ago is in front. */
  const rooms = new Map<string, Room>()
  let held = 0
  /** What comes of a stream while it is read. */
  const meanwhile = new Map<string, Noticed[]>()
  const due = new Set<string>()
  let running: Promise<void> | null = null
  let stopped = false
  let wake = (): void => {}

  const drop = (stream: string): void => {
    held -= rooms.get(stream)?.entries ?? 0
    rooms.delete(stream)
  }
  const hold = (stream: string, keeping: Keeping): void => {
    drop(stream)
    const room = { keeping, entries: keeping.entries() }
    if (room.entries > entries) return
    rooms.set(stream, room)
    held += room.entries
    for (const oldest of rooms.keys()) {
      if (rooms.size <= streams && held <= entries) return
      drop(oldest)
    }
  }

  const namedOf = (stream: string) => {
    const named = parseStreamName(stream)
    return E.isLeft(named) || named.right.kind === 'refusal'
      ? null
      : { space: named.right.space, timeline: timelines[named.right.kind] }
  }

  const take = (noticed: Noticed): void => {
    const { recorded, decoded } = noticed
    const { stream } = recorded
    const revision = Number(recorded.revision)
    const room = rooms.get(stream)
    if (room !== undefined) {
      const next = room.keeping.point().revision + 1
      if (revision < next) return
      if (revision === next && decoded !== null) {
        room.keeping.add(decoded)
        if ((revision + 1) % (every / MARKS_EACH) === 0) hold(stream, room.keeping)
        else {
          rooms.delete(stream)
          rooms.set(stream, room)
        }
        if (room.keeping.isDue()) due.add(stream)
        return
      }
      drop(stream)
    }
    const coming = meanwhile.get(stream)
    if (coming !== undefined) {
      // More than this would be a moment by itself: it is read again then.
      if (coming.length < 2 * every) coming.push(noticed)
      return
    }
    if (revision === 0 && decoded !== null) {
      const named = namedOf(stream)
      if (named === null) return
      hold(stream, named.timeline.begin(named.space))
      if (rooms.has(stream)) take(noticed)
    } else if ((revision + 1) % every === 0 && namedOf(stream) !== null) due.add(stream)
  }

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, LONGEST_REST_MS))
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const keep = async (stream: string): Promise<void> => {
    const room = rooms.get(stream)
    if (room !== undefined) {
      const { keeping } = room
      if (!(await keeping.flush(log)) && rooms.get(stream)?.keeping === keeping) drop(stream)
      return
    }
    const { space, timeline } = namedOf(stream)!
    meanwhile.set(stream, [])
    let keeping: Keeping | null = null
    try {
      keeping = await timeline.takeUp(space)
    } finally {
      const coming = meanwhile.get(stream) ?? []
      meanwhile.delete(stream)
      if (keeping !== null) {
        hold(stream, keeping)
        for (const noticed of coming) take(noticed)
      }
    }
  }

  const run = async (): Promise<void> => {
    for (const stream of due) {
      if (stopped) return
      due.delete(stream)
      const started = performance.now()
      try {
        await keep(stream)
      } catch (error) {
        onError?.(error instanceof Failed ? error.error : (error as Error), stream)
      }
      if (due.size > 0) await rest(REST * (performance.now() - started))
    }
  }

  return {
    notice: (events) => {
      for (const noticed of events) take(noticed)
      if (due.size === 0 || running !== null || stopped) return
      running = run().finally(() => {
        running = null
      })
    },
    idle: async () => {
      while (running !== null) await running
    },
    stop: async () => {
      stopped = true
      wake()
      await running
    },
  }
}
