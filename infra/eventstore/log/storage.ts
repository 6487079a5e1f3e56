/** The log in one SQLite file: an append-only table in `$all` order, and an index by stream that follows it. A
 *  transaction is in SQLite's write-ahead log when it returns (`synchronous=NORMAL`) and on the disk after the next
 *  `sync`, for which other transactions need not wait. A reader inside the transaction sees what was written; a
 *  reader outside it sees what is on the disk. */
import type { StoredEvent } from '../protocol/record.ts'
import { createCheckpointer } from './checkpointer.ts'
import { type Durability, openDurability } from './durability.ts'
import { createKnownStreams, type KnownStreams, type Stream } from './known-streams.ts'
import { endOwnership, takeOwnership } from './owner.ts'
import { createRecentIds } from './recent-ids.ts'
import { refusalOf } from './refusals.ts'
import { createRows, type Ends, lastVisible, type Rows } from './rows.ts'
import { RECORD_OVERHEAD } from './soundness.ts'
import { createStreamIndex } from './stream-index.ts'
import { type LogFile, openLogFile } from './tables.ts'
import { createTimeOrder } from './time-order.ts'
import { createUpkeep } from './upkeep.ts'

export type { Stream } from './known-streams.ts'
export { checkFile, LOG_FILE, logFormatOf } from './tables.ts'

export type Storage = ReturnType<typeof openStorage>
type Index = ReturnType<typeof createStreamIndex>

const FIRST_POSITION = 128
/** While a log is this small, whatever moves from page to page is overwritten in its old place: SQLite copies its
 *  first pages as they grow, and a scavenge would not find the copies. Later nothing that contains text moves any
 *  more. */
const YOUNG = 128 * 1024

type Options = {
  /** How many pages in the write-ahead log make it worthwhile to copy them into the file. */
  readonly checkpointFrames?: number | undefined
  /** How many events the index by stream lags before it is written. */
  readonly indexBehind?: number | undefined
}

/** What is kept in memory about an open log, read from its file when it is opened and after a failed transaction. */
const openState = ({ db }: LogFile, { indexBehind }: Options) => {
  const ends: Ends = { inside: false, written: -1, onDisk: -1 }
  const rows = createRows(db, ends)
  const index = createStreamIndex(db, indexBehind)
  const streams = createKnownStreams(db, index, ends)
  const ids = createRecentIds(db)
  const order = createTimeOrder(db)
  const next = { position: FIRST_POSITION }
  const load = (): void => {
    streams.load()
    index.load()
    const last = rows.last()
    ends.written = last?.position ?? -1
    order.load(last)
    next.position = last === undefined ? FIRST_POSITION : last.position + last.body.length + RECORD_OVERHEAD
    ids.load(ends.written)
  }
  const overwriteAsUsual = (): void =>
    db.exec(`PRAGMA secure_delete = ${next.position < YOUNG ? 'FAST' : 'OFF'}`)
  return { ends, rows, index, streams, ids, order, next, load, overwriteAsUsual }
}
type State = ReturnType<typeof openState>

const readsOf = (rows: Rows, index: Index) => ({
  allForwards: rows.allForwards,
  /** The events before `before`, exclusive. */
  allBackwards: rows.allBackwards,
  streamForwards: (stream: number, from: number, limit: number): StoredEvent[] => {
    const recent = index.inMemoryFrom(stream)
    const found = from < recent ? rows.indexedForwards(stream, from, recent - 1, limit) : []
    return [...found, ...rows.at(index.forwards(stream, from, limit - found.length))]
  },
  streamBackwards: (stream: number, from: number, limit: number): StoredEvent[] => {
    const positions = index.backwards(stream, from, limit)
    const found = rows.at(positions)
    if (positions.length === limit) return found
    const before = Math.min(from, index.inMemoryFrom(stream) - 1)
    return [...found, ...rows.indexedBackwards(stream, before, limit - found.length)]
  },
})

type WriteParts = {
  readonly db: LogFile['db']
  readonly state: State
  readonly disk: Durability
  readonly checkpointer: ReturnType<typeof createCheckpointer>
}

const writesOf = ({ db, state, disk, checkpointer }: WriteParts) => {
  const { ends, rows, index, streams, ids, next } = state
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  return {
    /** Runs `work` in one transaction: either all of it is written when this returns, or none of it is and this
     *  throws. What was written may be acknowledged, and is visible to readers, after the next `sync`. */
    transaction: (work: () => void): void => {
      disk.check()
      const before = next.position
      const unsyncedBefore = disk.count()
      begin.run()
      ends.inside = true
      try {
        work()
        rows.inserts.all()
        index.follow(disk.count() - unsyncedBefore)
        commit.run()
        checkpointer.committed(next.position - before)
      } catch (error) {
        rows.inserts.forget()
        if (db.isTransaction) db.exec('ROLLBACK')
        disk.drop(before)
        state.load()
        throw error
      } finally {
        ends.inside = false
      }
      if (before < YOUNG && next.position >= YOUNG) state.overwriteAsUsual()
    },

    /** Adds an event at the stream's end, inside a transaction. `id` is remembered; null if no client sent it. */
    insert: (stream: Stream, revision: number, body: Buffer, id: string | null): StoredEvent => {
      streams.enter(stream)
      const position = next.position
      rows.inserts.later(position, stream.id, revision, body)
      index.add(stream.id, revision, position)
      next.position += body.length + RECORD_OVERHEAD
      disk.wrote({ stream: stream.name, revision, position })
      if (id !== null) ids.add(id, stream.id, revision)
      streams.wrote(stream, revision)
      return { position, stream: stream.id, revision, body, head: undefined }
    },
  }
}

/** Opens the rest; if that fails, what was opened is closed again. */
const openAll = (dataDir: string, options: Options) => {
  const log = openLogFile(dataDir)
  const { db, file, lock } = log
  try {
    const state = openState(log, options)
    takeOwnership(db, file)
    state.load()
    state.overwriteAsUsual()
    const disk = openDurability({ dataDir, file }, state.streams, state.ends)
    const checkpointer = createCheckpointer(db, file, options.checkpointFrames)
    state.ends.onDisk = state.ends.written
    return { log, state, disk, checkpointer }
  } catch (error) {
    db.close()
    lock.close()
    throw refusalOf(dataDir, file, error)
  }
}

/** For /stats: the file's size in bytes, and the position where the log ends. */
const statsOf = (
  { ends, ids }: State,
  streams: KnownStreams,
  bytes: () => number,
  frames: () => number,
): Record<string, number> => ({
  lastPosition: ends.onDisk,
  streams: streams.count(),
  bytes: bytes(),
  cachedStreams: streams.cached(),
  rememberedIds: ids.size(),
  walFrames: frames(),
})

/** Opens or creates the log in `dataDir`. Throws if another node has locked the file, or it can't be read. */
export const openStorage = (dataDir: string, options: Options = {}) => {
  const { log, state, disk, checkpointer } = openAll(dataDir, options)
  const { file, db, lock } = log
  const { ends, rows, index, streams, ids, order, next, overwriteAsUsual } = state
  const { bytes, ...upkeep } = createUpkeep({ db, index, checkpointer, ends, overwriteAsUsual })

  return {
    file,
    db,
    ...writesOf({ db, state, disk, checkpointer }),
    ...readsOf(rows, index),
    ...upkeep,

    /** Calls back when everything written before this call is on the disk. After an error nothing more is ever
     *  written, because a disk that failed to store something may have dropped it. One at a time. */
    sync: disk.sync,

    /** Syncs at once. Throws if the disk does not accept it. */
    syncNow: disk.syncNow,

    /** Whether all that was written is on the disk. */
    isSynced: (): boolean => ends.onDisk === ends.written,

    /** The stream, known or not: `id` is 0 if it was never written to. */
    stream: streams.get,

    /** The position of the next event. Its body is built with this, then passed to `insert`. */
    nextPosition: (): number => next.position,

    /** Whether an event is, was or will be at this position. False for a position before the first event or inside
     *  another event's bytes. */
    canBeginAt: (position: number): boolean => {
      const [before] = state.rows.allBackwards(position, 1)
      return (
        position >=
        (before === undefined ? FIRST_POSITION : before.position + before.body.length + RECORD_OVERHEAD)
      )
    },

    /** Where this id was appended, if that was recent. */
    remembered: ids.get,

    /** The time of what is written next, within a transaction, in milliseconds. */
    at: (time: number): void => order.at(time, next.position),

    /** Whether the events have always come in order of time, which means that no clock was ever set back. */
    isInOrder: order.isInOrder,

    /** The last event's position, or -1. */
    lastPosition: (): number => lastVisible(ends),

    stats: () => statsOf(state, streams, bytes, checkpointer.frames),

    close: (): void => {
      checkpointer.close()
      if (!disk.isBroken()) {
        try {
          db.exec('BEGIN IMMEDIATE')
          index.catchUp()
          endOwnership(db)
          db.exec('COMMIT')
        } catch {
          // For example a full disk: what is not in the index is read again at the next start.
        }
      }
      disk.close()
      db.close()
      lock.close()
    },
  }
}
