/** Derives something from each stream beside whatever follows the log: it gets each event once, adds it to what it holds
 *  of the stream, and writes when something is due. A stream that it does not hold (after a start, a missed or unreadable
 *  event, or because there are too many) is read when something is due, and held from then on. */
import type { Decoded } from '../../../domain/codec.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'

/** `decoded` is null if the event can't be read. */
export type Noticed = { readonly recorded: RecordedEvent; readonly decoded: Decoded | null }

export type FollowedStream = {
  /** The revision of the last event that was added, -1 for none. */
  readonly revision: () => number
  /** Adds the event that follows that one, and no other. */
  readonly add: (decoded: Decoded, recorded: RecordedEvent) => void
  readonly isDue: () => boolean
  /** Writes what is due. False if that failed: then this object is useless. One call at a time. */
  readonly flush: () => Promise<boolean>
  /** How many things its state holds. */
  readonly entries: () => number
}
export type StreamStart = {
  /** Begins a stream that has no events yet. */
  readonly begin: () => FollowedStream
  /** Reads the stream from the log and writes what was due; null if it can't be continued. */
  readonly takeUp: () => Promise<FollowedStream | null>
}
export type StreamFollower = {
  /** Returns at once. */
  readonly notice: (events: ReadonlyArray<Noticed>) => void
  /** Resolves when nothing is due. */
  readonly idle: () => Promise<void>
  /** Stops after the one in progress. */
  readonly stop: () => Promise<void>
}

/** Equally busy rooms become due at the same moment: after each one it rests this many times as long as that took, for
 *  work that must not wait. */
const REST = 2
const LONGEST_REST_MS = 500
/** The most that is held: streams, and things in them (people, messages, reactions, bans). */
const STREAMS = 2_000
const ENTRIES = 60_000
/** After this many events of a stream, its size is measured again. */
const WEIGHED = 64

export type Bounds = { readonly streams?: number; readonly entries?: number }

type Room = { readonly followed: FollowedStream; readonly entries: number }

/** `of`: how to follow a stream, null for those that are not. Something is due after every `every` events of one. */
export const follow = (
  options: Bounds & {
    readonly every: number
    readonly of: (stream: string) => StreamStart | null
    readonly onError?: (error: Error, stream: string) => void
  },
): StreamFollower => {
  const { every, of, onError, streams = STREAMS, entries = ENTRIES } = options
  const weighed = Math.min(WEIGHED, every)
  /** The one that was noticed longest ago comes first. */
  const rooms = new Map<string, Room>()
  let held = 0
  /** Events of a stream that come while it is read. */
  const meanwhile = new Map<string, Noticed[]>()
  const due = new Set<string>()
  let running: Promise<void> | null = null
  let stopped = false
  let wake = (): void => {}

  const drop = (stream: string): void => {
    held -= rooms.get(stream)?.entries ?? 0
    rooms.delete(stream)
  }
  const hold = (stream: string, followed: FollowedStream): void => {
    drop(stream)
    const room = { followed, entries: followed.entries() }
    if (room.entries > entries) return
    rooms.set(stream, room)
    held += room.entries
    for (const oldest of rooms.keys()) {
      if (rooms.size <= streams && held <= entries) return
      drop(oldest)
    }
  }

  const take = (noticed: Noticed): void => {
    const { recorded, decoded } = noticed
    const { stream } = recorded
    const revision = Number(recorded.revision)
    const room = rooms.get(stream)
    if (room !== undefined) {
      const { followed } = room
      const next = followed.revision() + 1
      if (revision < next) return
      if (revision === next && decoded !== null) {
        followed.add(decoded, recorded)
        if ((revision + 1) % weighed === 0) hold(stream, followed)
        else {
          rooms.delete(stream)
          rooms.set(stream, room)
        }
        if (followed.isDue()) due.add(stream)
        return
      }
      drop(stream)
    }
    const coming = meanwhile.get(stream)
    if (coming !== undefined) {
      // More than this would make another moment: the stream is read again then.
      if (coming.length < 2 * every) coming.push(noticed)
      return
    }
    if (revision === 0 && decoded !== null) {
      const following = of(stream)
      if (following === null) return
      hold(stream, following.begin())
      if (rooms.has(stream)) take(noticed)
    } else if ((revision + 1) % every === 0 && of(stream) !== null) due.add(stream)
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
      const { followed } = room
      if (!(await followed.flush()) && rooms.get(stream)?.followed === followed) drop(stream)
      return
    }
    meanwhile.set(stream, [])
    let followed: FollowedStream | null = null
    try {
      followed = (await of(stream)?.takeUp()) ?? null
    } finally {
      const coming = meanwhile.get(stream) ?? []
      meanwhile.delete(stream)
      if (followed !== null) {
        hold(stream, followed)
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
        onError?.(error as Error, stream)
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
