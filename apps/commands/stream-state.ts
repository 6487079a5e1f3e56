/**
 * What this process knows of one stream: its state at a revision, kept warm. Whatever brings events (an append of our
 * own, a read, the log's follower) folds them through one gate that takes exactly the next revision, so that any order
 * and any repetition of them ends in the same state.
 */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog, NewEvent, RecordedEvent } from '../../domain/ports.ts'
import { deleted, type Model, type Read, type Trouble } from './model.ts'
import { createRecent, type Recent } from './recent-commands.ts'
import type { Snapshots } from './snapshots.ts'

export type Held<State> = {
  /** Of the log up to `revision` (-1 for an empty stream). Read it at once or fork it. */
  readonly state: State
  readonly revision: number
  readonly position: bigint
  readonly recent: Recent
}
type Holding<State> = {
  state: State
  revision: number
  position: bigint
  lastId: string
  readonly recent: Recent
  /** Where some revisions stand in the log, oldest first. */
  readonly marks: Array<{ readonly revision: number; readonly position: bigint }>
}

export type StreamState<State, Event> = {
  /** Null until loaded, and again after `drop`. */
  readonly held: () => Held<State> | null
  /** Snapshot and tail, where it is not loaded yet. */
  readonly load: () => Promise<E.Either<Trouble, void>>
  /** Reads what is new. True where there was something. */
  readonly refresh: () => Promise<E.Either<Trouble, boolean>>
  /** A copy to decide on, with the events of an append in the making. */
  readonly draft: () => State
  /** The copy that was kept of the last group, where a fork costs; null where there is none of this revision. */
  readonly keptDraft: () => State | null
  /** `revision`: of the last event in it. */
  readonly keepDraft: (draft: State, revision: number) => void
  readonly loseDraft: () => void
  /** Ours, appended: the last is at `last`. */
  readonly committed: (
    events: ReadonlyArray<Read<Event>>,
    written: ReadonlyArray<NewEvent>,
    last: { readonly revision: bigint; readonly position: bigint },
    /** When the append was sent, by `now`. */
    sentAt: number,
  ) => void
  readonly observe: (recorded: RecordedEvent) => void
  readonly drop: () => void
  /** The moment (by `now`) at which the state is last known to have been the log's end. */
  readonly freshAt: () => number
  /** A position by which the log held every event before this revision; the end's where that is not remembered. */
  readonly positionBefore: (revision: number) => bigint
  /** Events folded in since the last snapshot. */
  readonly sinceSnapshot: () => number
  readonly snapshot: () => Promise<void>
  /** Roughly how many bytes this holds. */
  readonly weight: () => number
}

export type StreamStateParts<State, Event> = {
  readonly stream: string
  readonly model: Model<State, Event>
  readonly log: EventLog
  readonly snapshots: Snapshots
}

export type StreamStateOptions = {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  /** Commands remembered, and how many of them a snapshot carries. */
  readonly recentCommands: number
  readonly recentInSnapshot: number
  readonly pageSize: number
  /** The moment (by `now`) up to which every stream's events were shown to `observe`. */
  readonly followedTo: () => number
  readonly onCommitted: (sentAt: number, position: bigint) => void
  readonly onUndecodable: (recorded: RecordedEvent, detail: string) => void
  readonly onSnapshot: (bytes: number | null, ms: number) => void
}

/** Below this a fork is cheaper than a second copy kept. */
const SMALL = 256
const BYTES_AN_ENTRY = 400
const BYTES_A_RECENT = 110
const MARK_EVERY = 128
const MARKS = 64

export const createStreamState = <State, Event>(
  { stream, model, log, snapshots }: StreamStateParts<State, Event>,
  options: StreamStateOptions,
): StreamState<State, Event> => {
  let held: Holding<State> | null = null
  /** The state that decisions are drafted on, and the revision it is worth once its append is through. */
  let draft: { state: State; revision: number } | null = null
  let loading: Promise<E.Either<Trouble, void>> | null = null
  let freshAt = Number.NEGATIVE_INFINITY
  let sinceSnapshot = 0
  let snapshotting: Promise<void> | null = null
  let epoch = 0

  /** The newest that was seen of the stream, taken in or not. */
  let seen = -1

  const drop = (): void => {
    held = null
    draft = null
    sinceSnapshot = 0
    freshAt = Number.NEGATIVE_INFINITY
    epoch++
  }

  const fold = (
    into: Holding<State>,
    { event, key }: Read<Event>,
    id: string,
    revision: number,
    at: bigint,
  ) => {
    into.state = model.evolve(into.state, event)
    into.revision = revision
    into.lastId = id
    into.recent.add(key, revision)
    if (at > into.position) into.position = at
    if (revision % MARK_EVERY === 0) {
      into.marks.push({ revision, position: into.position })
      if (into.marks.length > MARKS) into.marks.shift()
    }
  }

  /** Folds the ones that come next; answers how many, or the trouble. */
  const take = (into: Holding<State>, events: ReadonlyArray<RecordedEvent>): E.Either<Trouble, number> => {
    let taken = 0
    for (const recorded of events) {
      const revision = Number(recorded.revision)
      if (revision <= into.revision) continue
      if (revision > into.revision + 1)
        return E.left({
          _tag: 'Trouble',
          cause: `${stream} was cut: event ${into.revision + 1} is gone`,
          broken: 'cut',
        })
      const event = model.decode(recorded)
      if (E.isLeft(event)) {
        options.onUndecodable(recorded, event.left.detail)
        return E.left({
          _tag: 'Trouble',
          cause: `event ${revision} of ${stream} can't be read: ${event.left.detail}`,
          broken: 'unreadable',
        })
      }
      fold(into, event.right, recorded.id, revision, recorded.position)
      taken++
    }
    return E.right(taken)
  }

  /** Everything after what `into` has, to the stream's end. */
  const readTail = async (into: Holding<State>): Promise<E.Either<Trouble, number>> => {
    let total = 0
    for (;;) {
      const before = into.revision
      const page = await log.readStream(stream, { from: BigInt(before + 1), limit: options.pageSize })()
      if (E.isLeft(page))
        return E.left(
          page.left._tag === 'StreamDeleted' ? deleted(stream) : { _tag: 'Trouble', cause: page.left.cause },
        )
      const taken = take(into, page.right)
      if (E.isLeft(taken)) return taken
      total += taken.right
      if (page.right.length < options.pageSize) return E.right(total)
    }
  }

  const empty = (): Holding<State> => ({
    state: model.initial(),
    revision: -1,
    position: 0n,
    lastId: '',
    recent: createRecent(options.recentCommands),
    marks: [],
  })

  /** From the snapshot, if it is of this very stream; its last event is read again to see that. */
  const fromSnapshot = async (): Promise<E.Either<Trouble, Holding<State> | null>> => {
    const found = await snapshots.read(stream)
    if (E.isLeft(found)) return found
    const snapshot = found.right
    if (snapshot === null) return E.right(null)
    const state = model.fromSnapshot(snapshot.state)
    if (E.isLeft(state) || snapshot.revision < 0) return E.right(null)
    const page = await log.readStream(stream, {
      from: BigInt(snapshot.revision),
      limit: options.pageSize,
    })()
    if (E.isLeft(page))
      return page.left._tag === 'StreamDeleted'
        ? E.right(null)
        : E.left({ _tag: 'Trouble', cause: page.left.cause })
    const last = page.right[0]
    if (!last || Number(last.revision) !== snapshot.revision || last.id !== snapshot.lastId)
      return E.right(null)
    const into = {
      ...empty(),
      state: state.right,
      revision: snapshot.revision,
      position: last.position,
      lastId: last.id,
    }
    into.recent.startWith(snapshot.recent)
    const taken = take(into, page.right.slice(1))
    if (E.isLeft(taken)) return taken
    if (page.right.length === options.pageSize) {
      const rest = await readTail(into)
      if (E.isLeft(rest)) return rest
      sinceSnapshot = taken.right + rest.right
    } else sinceSnapshot = taken.right
    return E.right(into)
  }

  const load = async (): Promise<E.Either<Trouble, void>> => {
    const started = options.now()
    const mine = epoch
    const warm = await fromSnapshot()
    if (E.isLeft(warm)) return warm
    let loaded = warm.right
    if (loaded === null) {
      loaded = empty()
      const read = await readTail(loaded)
      if (E.isLeft(read)) return read
      sinceSnapshot = read.right
    }
    // Dropped meanwhile: what was read may be from before the reason for it.
    if (mine !== epoch) return load()
    held = loaded
    freshAt = started
    return E.right(undefined)
  }

  const readNew = async (): Promise<E.Either<Trouble, void>> => {
    const into = held
    if (into === null) return E.left({ _tag: 'Trouble', cause: 'not loaded' })
    const started = options.now()
    const read = await readTail(into)
    if (E.isLeft(read)) return read
    if (held === into) {
      freshAt = Math.max(freshAt, started)
      sinceSnapshot += read.right
    }
    return E.right(undefined)
  }

  /** Whoever asks while a read is under way shares the next one: that one began after they asked. */
  let reading: Promise<E.Either<Trouble, void>> | null = null
  let nextReading: Promise<E.Either<Trouble, void>> | null = null
  const refresh = (): Promise<E.Either<Trouble, void>> => {
    if (reading === null) {
      reading = readNew().finally(() => {
        reading = null
      })
      return reading
    }
    nextReading ??= reading.then(() => {
      nextReading = null
      return refresh()
    })
    return nextReading
  }

  return {
    held: () => held,
    load: () => {
      if (held !== null) return Promise.resolve(E.right(undefined))
      loading ??= load().finally(() => {
        loading = null
      })
      return loading
    },
    refresh: async () => {
      const into = held
      if (into === null) return E.left({ _tag: 'Trouble', cause: 'not loaded' })
      const before = into.revision
      const read = await refresh()
      return E.isLeft(read) ? read : E.right(into.revision !== before)
    },
    draft: () => {
      if (held === null) throw new Error('draft before load')
      return model.fork(held.state)
    },
    keptDraft: () => {
      const kept = draft
      draft = null
      return kept !== null && kept.revision === held?.revision ? kept.state : null
    },
    keepDraft: (state, revision) => {
      draft = held !== null && model.entries(held.state) > SMALL ? { state, revision } : null
    },
    loseDraft: () => {
      draft = null
    },
    committed: (events, written, last, sentAt) => {
      freshAt = Math.max(freshAt, sentAt)
      options.onCommitted(sentAt, last.position)
      if (held === null) return
      const first = Number(last.revision) - events.length + 1
      events.forEach((event, i) => {
        if (held !== null && first + i === held.revision + 1)
          fold(held, event, written[i]!.id, first + i, last.position)
      })
      sinceSnapshot += events.length
    },
    observe: (recorded) => {
      const revision = Number(recorded.revision)
      if (revision > seen) seen = revision
      if (held === null || revision !== held.revision + 1) return
      if (E.isRight(take(held, [recorded]))) sinceSnapshot++
    },
    drop,
    freshAt: () =>
      held !== null && held.revision >= seen ? Math.max(freshAt, options.followedTo()) : freshAt,
    positionBefore: (revision) =>
      held?.marks.find((mark) => mark.revision >= revision - 1)?.position ?? held?.position ?? 0n,
    sinceSnapshot: () => sinceSnapshot,
    snapshot: () => {
      if (snapshotting !== null || held === null || held.revision < 0)
        return snapshotting ?? Promise.resolve()
      const started = options.now()
      sinceSnapshot = 0
      snapshotting = snapshots
        .write(stream, {
          revision: held.revision,
          lastId: held.lastId,
          recent: held.recent.pack(options.recentInSnapshot),
          state: model.toSnapshot(held.state),
        })
        .then((bytes) => options.onSnapshot(bytes, options.now() - started))
        .finally(() => {
          snapshotting = null
        })
      return snapshotting
    },
    weight: () =>
      held === null
        ? 0
        : 1_000 + model.entries(held.state) * BYTES_AN_ENTRY + held.recent.size() * BYTES_A_RECENT,
  }
}
