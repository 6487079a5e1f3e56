/** A stream's state, folded from its events in order, starting from its snapshot or from its beginning. */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { deleted, type KeyedEvent, type Model, type Trouble } from './model.ts'
import { createRecent, type RecentCommands } from './recent-commands.ts'
import type { Snapshots } from './snapshots.ts'

export type Holding<State> = {
  state: State
  revision: number
  position: bigint
  lastId: string
  readonly recent: RecentCommands
  /** The positions of some revisions in the log, oldest first. */
  readonly marks: Array<{ readonly revision: number; readonly position: bigint }>
}

export type StreamStateParts<State, Event> = {
  readonly stream: string
  readonly model: Model<State, Event>
  readonly log: EventLog
  readonly snapshots: Snapshots
  /** States of streams whose beginning was archived. */
  readonly standings: Snapshots
}

export type FoldingOptions = {
  /** How many commands are remembered. */
  readonly recentCommands: number
  readonly pageSize: number
  readonly onUndecodable: (recorded: RecordedEvent, detail: string) => void
}

/** `folded`: how many events were folded since the snapshot, or since the beginning; `bytes`: the size of that snapshot
 *  on the log, 0 without one. */
export type LoadedStream<State> = {
  readonly holding: Holding<State>
  readonly folded: number
  readonly bytes: number
}

const MARK_EVERY = 128
const MARKS = 64

export type StreamFolding<State, Event> = {
  /** Folds an event of ours that was appended, the one after the last in `into`. `at`: the append's position. */
  readonly fold: (into: Holding<State>, event: KeyedEvent<Event>, id: string, at: bigint) => void
  readonly take: (into: Holding<State>, events: ReadonlyArray<RecordedEvent>) => E.Either<Trouble, number>
  readonly readTail: (into: Holding<State>) => Promise<E.Either<Trouble, number>>
  readonly load: () => Promise<E.Either<Trouble, LoadedStream<State>>>
}

export const createStreamFolding = <State, Event>(
  { stream, model, log, snapshots, standings }: StreamStateParts<State, Event>,
  options: FoldingOptions,
): StreamFolding<State, Event> => {
  const fold = (into: Holding<State>, { event, key }: KeyedEvent<Event>, id: string, at: bigint) => {
    // It is exactly the next one.
    const revision = into.revision + 1
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

  /** Folds the events that come next; returns how many, or the trouble. */
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
      fold(into, event.right, recorded.id, recorded.position)
      taken++
    }
    return E.right(taken)
  }

  /** Reads everything after what `into` has, to the stream's end. */
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

  /** Starts from what is kept, if it belongs to exactly this stream; its last event is read again to check that. */
  const from = async (kept: Snapshots): Promise<E.Either<Trouble, LoadedStream<State> | null>> => {
    const found = await kept.read(stream)
    if (E.isLeft(found)) return found
    if (found.right === null) return E.right(null)
    const { snapshot, bytes } = found.right
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
      return E.right({ holding: into, folded: taken.right + rest.right, bytes })
    }
    return E.right({ holding: into, folded: taken.right, bytes })
  }

  const load: StreamFolding<State, Event>['load'] = async () => {
    const warm = await from(snapshots)
    if (E.isLeft(warm)) return warm
    if (warm.right !== null) return E.right(warm.right)
    const holding = empty()
    const read = await readTail(holding)
    if (E.isRight(read)) return E.right({ holding, folded: read.right, bytes: 0 })
    if (read.left.broken !== 'cut') return read
    const stood = await from(standings)
    return E.isRight(stood) && stood.right === null ? read : (stood as E.Either<Trouble, LoadedStream<State>>)
  }

  return { fold, take, readTail, load }
}
