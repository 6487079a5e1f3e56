/** What this process knows about one stream: its state at a revision, kept current. Whatever brings events (an append of
 *  our own, a read, the log's follower) folds them through one gate that takes exactly the next revision, so that any
 *  order and any repetition of them ends in the same state. */
import * as E from 'fp-ts/lib/Either.js'
import type { NewEvent, RecordedEvent } from '../../domain/ports.ts'
import type { KeyedEvent, Trouble } from './model.ts'
import type { RecentCommands } from './recent-commands.ts'
import {
  createStreamFolding,
  type FoldingOptions,
  type Holding,
  type StreamStateParts,
} from './stream-folding.ts'

export type HeldState<State> = {
  /** The state at `revision` (-1 for an empty stream). Read it at once or fork it. */
  readonly state: State
  readonly revision: number
  readonly position: bigint
  readonly recent: RecentCommands
}
export type StreamState<State, Event> = {
  /** Null until loaded, and again after `drop`. */
  readonly held: () => HeldState<State> | null
  /** Loads the snapshot and the tail if it is not loaded yet. */
  readonly load: () => Promise<E.Either<Trouble, void>>
  /** Reads what is new. True if there was something. */
  readonly refresh: () => Promise<E.Either<Trouble, boolean>>
  /** A copy on which to decide, for the events of an append that is being prepared. */
  readonly draft: () => State
  /** The copy that was kept of the last group, since forks may be expensive; null if there is none of this revision. */
  readonly keptDraft: () => State | null
  /** `revision` is that of the last event in it. */
  readonly keepDraft: (draft: State, revision: number) => void
  readonly loseDraft: () => void
  /** Takes events of ours that were appended, the last of them at `last`. */
  readonly committed: (
    events: ReadonlyArray<KeyedEvent<Event>>,
    written: ReadonlyArray<NewEvent>,
    last: { readonly revision: bigint; readonly position: bigint },
    /** When the append was sent, by `now`. */
    sentAt: number,
  ) => void
  readonly observe: (recorded: RecordedEvent) => void
  /** Takes the revision of an event that was not read when it came. */
  readonly passed: (revision: bigint) => void
  readonly drop: () => void
  /** The moment (by `now`) at which the state is last known to have been the log's end. */
  readonly freshAt: () => number
  /** A position at which the log had every event before this revision; the stream's end if that is not remembered. */
  readonly positionBefore: (revision: number) => bigint
  /** How many events were folded since the last snapshot. */
  readonly sinceSnapshot: () => number
  /** How many bytes the last snapshot takes on the log, 0 if none is known. */
  readonly snapshotBytes: () => number
  /** If one is under way, resolves with that. */
  readonly snapshot: () => Promise<void>
  /** Resolves once no snapshot is under way. */
  readonly snapshotted: () => Promise<void>
  /** Roughly how many bytes this holds. */
  readonly weight: () => number
}

export type StreamStateOptions = FoldingOptions & {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  /** How many of the remembered commands a snapshot contains. */
  readonly recentInSnapshot: number
  /** The moment (by `now`) up to which the events of a stream that was read at `readAt` were passed to `observe`. */
  readonly followedTo: (readAt: number) => number
  readonly onCommitted: (sentAt: number, position: bigint) => void
  readonly onSnapshot: (bytes: number | null, ms: number) => void
}

/** With fewer entries than this, a fork is cheaper than keeping a second copy. */
const SMALL = 256
const BYTES_AN_ENTRY = 400
const BYTES_A_RECENT = 110

type Reading = () => Promise<E.Either<Trouble, void>>

/** Callers that come during a read share the next one, which begins after they asked. */
const sharedReads = (read: Reading): Reading => {
  let reading: ReturnType<Reading> | null = null
  let nextReading: ReturnType<Reading> | null = null
  const share: Reading = () => {
    if (reading === null) {
      reading = read().finally(() => {
        reading = null
      })
      return reading
    }
    nextReading ??= reading.then(() => {
      nextReading = null
      return share()
    })
    return nextReading
  }
  return share
}

/** Everything of a stream's state that changes. */
type Changing<State> = {
  held: Holding<State> | null
  /** The state on which decisions are drafted, and its revision once its append has succeeded. */
  draft: { readonly state: State; readonly revision: number } | null
  /** The moment (by `now`) at which `held` is last known to have been the log's end. */
  freshAt: number
  /** How many events were folded since the last snapshot. */
  sinceSnapshot: number
  snapshotBytes: number
  /** The newest revision that was seen of the stream, whether it was folded or not. */
  newestSeen: number
  /** How often `held` was dropped: a load during which it was dropped starts again. */
  drops: number
  /** The load and the snapshot that are under way: whoever asks for another shares it. */
  loading: Promise<E.Either<Trouble, void>> | null
  snapshotting: Promise<void> | null
}

export const createStreamState = <State, Event>(
  parts: StreamStateParts<State, Event>,
  options: StreamStateOptions,
): StreamState<State, Event> => {
  const { stream, model, snapshots } = parts
  const folding = createStreamFolding(parts, options)
  const { fold, take, readTail } = folding
  const own: Changing<State> = {
    held: null,
    draft: null,
    freshAt: Number.NEGATIVE_INFINITY,
    sinceSnapshot: 0,
    snapshotBytes: 0,
    newestSeen: -1,
    drops: 0,
    loading: null,
    snapshotting: null,
  }

  const drop = (): void => {
    own.held = null
    own.draft = null
    own.sinceSnapshot = 0
    own.freshAt = Number.NEGATIVE_INFINITY
    own.drops++
  }

  const load = async (): Promise<E.Either<Trouble, void>> => {
    const started = options.now()
    const drops = own.drops
    const loaded = await folding.load()
    if (E.isLeft(loaded)) return loaded
    // Dropped in the meantime: what was read may be older than the reason for that.
    if (own.drops !== drops) return load()
    own.held = loaded.right.holding
    own.sinceSnapshot = loaded.right.folded
    own.snapshotBytes = loaded.right.bytes
    own.freshAt = started
    return E.right(undefined)
  }

  const readNew = async (): Promise<E.Either<Trouble, void>> => {
    const into = own.held
    if (into === null) return E.left({ _tag: 'Trouble', cause: 'not loaded' })
    const started = options.now()
    const read = await readTail(into)
    if (E.isLeft(read)) return read
    if (own.held === into) {
      own.freshAt = Math.max(own.freshAt, started)
      own.sinceSnapshot += read.right
    }
    return E.right(undefined)
  }

  const refresh = sharedReads(readNew)

  return {
    held: () => own.held,
    load: () => {
      if (own.held !== null) return Promise.resolve(E.right(undefined))
      own.loading ??= load().finally(() => {
        own.loading = null
      })
      return own.loading
    },
    refresh: async () => {
      const into = own.held
      if (into === null) return E.left({ _tag: 'Trouble', cause: 'not loaded' })
      const before = into.revision
      const read = await refresh()
      // Its next event was archived meanwhile: starts from the state saved there.
      if (E.isLeft(read) && read.left.broken === 'cut' && own.held === into) {
        drop()
        const again = await load()
        return E.isLeft(again) ? again : E.right(true)
      }
      return E.isLeft(read) ? read : E.right(into.revision !== before)
    },
    draft: () => {
      if (own.held === null) throw new Error('draft before load')
      return model.fork(own.held.state)
    },
    keptDraft: () => {
      const kept = own.draft
      own.draft = null
      return kept !== null && kept.revision === own.held?.revision ? kept.state : null
    },
    keepDraft: (state, revision) => {
      own.draft = own.held !== null && model.entries(own.held.state) > SMALL ? { state, revision } : null
    },
    loseDraft: () => {
      own.draft = null
    },
    committed: (events, written, last, sentAt) => {
      own.freshAt = Math.max(own.freshAt, sentAt)
      options.onCommitted(sentAt, last.position)
      if (own.held === null) return
      const first = Number(last.revision) - events.length + 1
      events.forEach((event, i) => {
        if (own.held !== null && first + i === own.held.revision + 1)
          fold(own.held, event, written[i]!.id, last.position)
      })
      own.sinceSnapshot += events.length
    },
    observe: (recorded) => {
      const revision = Number(recorded.revision)
      if (revision > own.newestSeen) own.newestSeen = revision
      if (own.held === null || revision !== own.held.revision + 1) return
      if (E.isRight(take(own.held, [recorded]))) own.sinceSnapshot++
    },
    passed: (revision) => {
      own.newestSeen = Math.max(own.newestSeen, Number(revision))
    },
    drop,
    freshAt: () =>
      own.held !== null && own.held.revision >= own.newestSeen
        ? Math.max(own.freshAt, options.followedTo(own.freshAt))
        : own.freshAt,
    positionBefore: (revision) =>
      own.held?.marks.find((mark) => mark.revision >= revision - 1)?.position ?? own.held?.position ?? 0n,
    sinceSnapshot: () => own.sinceSnapshot,
    snapshotBytes: () => own.snapshotBytes,
    snapshot: () => {
      if (own.snapshotting !== null || own.held === null || own.held.revision < 0)
        return own.snapshotting ?? Promise.resolve()
      const started = options.now()
      own.sinceSnapshot = 0
      own.snapshotting = snapshots
        .write(stream, {
          revision: own.held.revision,
          lastId: own.held.lastId,
          recent: own.held.recent.pack(options.recentInSnapshot),
          state: model.toSnapshot(own.held.state),
        })
        .then((bytes) => {
          own.snapshotBytes = bytes ?? own.snapshotBytes
          options.onSnapshot(bytes, options.now() - started)
        })
        .finally(() => {
          own.snapshotting = null
        })
      return own.snapshotting
    },
    snapshotted: () => own.snapshotting ?? Promise.resolve(),
    weight: () =>
      own.held === null
        ? 0
        : 1_000 + model.entries(own.held.state) * BYTES_AN_ENTRY + own.held.recent.size() * BYTES_A_RECENT,
  }
}
