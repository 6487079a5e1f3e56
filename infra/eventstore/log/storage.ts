/** The log in one SQLite file: an append-only table in `$all` order, and an index by stream that follows it. A transaction is
 *  in SQLite's write-ahead log when it returns (`synchronous=NORMAL`) and on the disk after the next `sync`, which other transactions need
 *  not wait for. Within a transaction one sees what was written; outside it, what is on the disk. */
import { closeSync, existsSync, fdatasync, fdatasyncSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import { decodeBody, type StoredEvent } from '../protocol/record.ts'
import { MARK_FILE, openMark, readMark } from './acknowledged.ts'
import { createCheckpointer } from './checkpointer.ts'
import { endOwnership, ownerOf, takeOwnership } from './owner.ts'
import { Incomplete, lockRefusal, NotALog, OtherVersion, Refusal, refusalOf, unsound } from './refusals.ts'
import { createRememberedIds, type Remembered } from './remembered.ts'
import { checkBody, checkIndex, checkTail, RECORD_OVERHEAD, SCAVENGED } from './soundness.ts'
import { createStreamIndex, INDEX_TABLE, INDEXED } from './stream-index.ts'
import { isMetastream, originalOf, type StreamMetadata } from './stream-metadata.ts'

/** What the node knows of one stream. */
export type Stream = {
  id: number
  readonly name: string
  readonly nameBytes: Buffer
  /** -1 where it has no event yet. Within a transaction what was written counts, outside it what is on the disk. */
  readonly last: number
  /** Kept by metadata.ts; undefined until asked for, and again when it changes. */
  metadata: StreamMetadata | undefined
}

/** One side of a stream: what was written of it, or what is on the disk. */
type View = { last: number; metadata: StreamMetadata | undefined }

export type Storage = ReturnType<typeof openStorage>

export const LOG_FILE = 'events.db'
const SCHEMA_VERSION = 3
/** The versions that can be opened; older ones are brought to the last. */
const READS = [1, 2, SCHEMA_VERSION]
/** Marks the file as a node's, so that another database is not taken for one. */
const APPLICATION_ID = 0x45534c31
/** In `state`, once it has happened. */
const CLOCK_WENT_BACK = 'clock-went-back'
const REMEMBERED_IDS = 50_000
/** Of a row of `events`. */
const COLUMNS = 5
const IDS_AT_ONCE = 2_000
/** One statement for so many events costs less than one for each. */
const ROWS_AT_ONCE = 10
const CACHED_STREAMS = 20_000
const FIRST_POSITION = 128
/** While a log is as small as this, what moves from page to page is overwritten where it stood: SQLite's first pages are
 *  copied as they grow, and a scavenge would not find the copies. Later nothing with text moves any more. */
const YOUNG = 128 * 1024

/** So much of the log's end is read and checked at each start: what a crash can have torn, and more. */
const CHECKED_BYTES = 8 * 1024 * 1024

type Row = [position: number, stream: number, revision: number, body: Uint8Array, crc: number | null]

const toEvent = ([position, stream, revision, bytes, crc]: Row): StoredEvent => {
  checkBody(position, bytes, crc)
  return {
    position,
    stream,
    revision,
    body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    head: undefined,
  }
}

/** The tables of a log. */
const TABLES = ['streams', 'events', 'stream_index', 'groups', 'state']

/** The version of the log's tables, 0 for an empty file. Throws where it is not a log of a version that is known. */
const versionOf = (db: DatabaseSync): number => {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  const id = Number(db.prepare('PRAGMA application_id').get()?.application_id)
  const others = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .filter(({ name }) => !TABLES.includes(String(name)))
  if (others.length > 0 && id !== APPLICATION_ID)
    throw new NotALog(`it is a database of another program, with a table ${others[0]!.name}`)
  // A file that is empty, or whose first start was cut off.
  if (version === 0 && (id === 0 || id === APPLICATION_ID)) return 0
  if (id !== APPLICATION_ID) throw new NotALog('it is a database, but not the log of an event store')
  if (!READS.includes(version)) throw new OtherVersion(version, READS)
  return version
}

/** The version of the log in this file, which this program brings it to at a start, and the last that it can read. Throws
 *  where it is no log. Changes nothing. */
export const logFormatOf = (
  file: string,
): { readonly is: number; readonly becomes: number; readonly reads: number } => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return { is: versionOf(db), becomes: SCHEMA_VERSION, reads: SCHEMA_VERSION }
  } catch (error) {
    if (error instanceof OtherVersion)
      return {
        is: Number(db.prepare('PRAGMA user_version').get()?.user_version),
        becomes: SCHEMA_VERSION,
        reads: SCHEMA_VERSION,
      }
    throw error
  } finally {
    db.close()
  }
}

/** Up to the second version SQLite kept the index, at each append. */
const FROM_SECOND = `
  INSERT INTO stream_index SELECT stream, revision, position FROM events ORDER BY stream, revision;
  INSERT INTO state SELECT '${INDEXED}', max(position) FROM events HAVING max(position) IS NOT NULL;
  DROP INDEX IF EXISTS events_by_stream;
`

/** Looks at the log without changing it: is its end whole, and as far as was acknowledged? Throws where it is not. */
const inspect = (dataDir: string, file: string): void => {
  if (!existsSync(file)) {
    if (readMark(dataDir) >= 0) throw new Incomplete(`it is not there, and ${MARK_FILE} says that it was`)
    return
  }
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    const owner = ownerOf(db, file)
    if (owner !== undefined)
      throw new Refusal(
        `Another node (process ${owner}) has ${dataDir} open, though its lock (node.lock) is gone: stop it, or give this one a directory of its own.`,
      )
    const lastPosition = versionOf(db) === 0 ? -1 : checkTail(db, CHECKED_BYTES).lastPosition
    const mark = readMark(dataDir)
    if (mark > lastPosition)
      throw new Incomplete(
        `events up to position ${mark} were acknowledged, and it ends at ${lastPosition}: the last of its write-ahead ` +
          `log (${LOG_FILE}-wal) is gone`,
      )
  } finally {
    db.close()
  }
}

const openFile = (dataDir: string, file: string): DatabaseSync => {
  let db: DatabaseSync | undefined
  try {
    inspect(dataDir, file)
    db = new DatabaseSync(file)
    const version = versionOf(db)
    // All of it or nothing, should this process end meanwhile.
    db.exec(`
      PRAGMA page_size = 8192;
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = 67108864;
      PRAGMA cache_size = -8192;
      PRAGMA temp_store = MEMORY;
      PRAGMA busy_timeout = 5000;
      BEGIN IMMEDIATE;
      ${version === 1 ? 'ALTER TABLE events ADD COLUMN crc INTEGER;' : ''}
      CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
      CREATE TABLE IF NOT EXISTS events (
        position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL, body BLOB NOT NULL,
        crc INTEGER);
      ${INDEX_TABLE}
      CREATE TABLE IF NOT EXISTS groups (
        source TEXT NOT NULL, name TEXT NOT NULL, settings TEXT NOT NULL, checkpoint INTEGER,
        PRIMARY KEY (source, name));
      CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
      ${version === 1 || version === 2 ? FROM_SECOND : ''}
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${SCHEMA_VERSION};
      COMMIT;
    `)
    return db
  } catch (error) {
    db?.close()
    throw refusalOf(dataDir, file, error)
  }
}

/** Whether the file is a whole and sound log. Throws where it is not; reads all of it. */
export const checkFile = (file: string): { readonly events: number; readonly lastPosition: number } => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    if (versionOf(db) === 0) throw new NotALog('it is empty')
    const [verdict] = db.prepare('PRAGMA integrity_check(1)').all()
    if (verdict?.integrity_check !== 'ok') throw new Error(String(verdict?.integrity_check))
    const { checked, lastPosition } = checkTail(db, Number.POSITIVE_INFINITY)
    checkIndex(db)
    return { events: checked, lastPosition }
  } catch (error) {
    throw unsound(file, error)
  } finally {
    db.close()
  }
}

/** Makes the directory, and takes its lock: held until it is closed, or this process is gone. */
const openLock = (dataDir: string): DatabaseSync => {
  const file = join(dataDir, 'node.lock')
  let lock: DatabaseSync | undefined
  try {
    mkdirSync(dataDir, { recursive: true })
    lock = new DatabaseSync(file)
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    throw lockRefusal(dataDir, file, error)
  }
}

/** Opens or creates the log in `dataDir`. Throws where the file is locked by another node or can't be read.
 *  `checkpointFrames`: pages in the write-ahead log that make it worth while to copy them into the file.
 *  `indexBehind`: events that the index by stream is behind before it is written. */
export const openStorage = (
  dataDir: string,
  options: { readonly checkpointFrames?: number | undefined; readonly indexBehind?: number | undefined } = {},
) => {
  const lock = openLock(dataDir)
  const file = join(dataDir, LOG_FILE)
  let db: DatabaseSync
  try {
    db = openFile(dataDir, file)
  } catch (error) {
    lock.close()
    throw error
  }

  const prepare = (sql: string): StatementSync => {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    return statement
  }
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const insertRows = (count: number): StatementSync =>
    db.prepare(
      `INSERT INTO events (position, stream, revision, body, crc) VALUES ${Array(count).fill('(?, ?, ?, ?, ?)').join(', ')}`,
    )
  const insertOne = insertRows(1)
  const insertMany = insertRows(ROWS_AT_ONCE)
  const getState = db.prepare('SELECT value FROM state WHERE name = ?')
  const putState = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const indexedBelow = (column: string) =>
    `(SELECT ${column} FROM stream_index WHERE stream = ? AND revision < ? ORDER BY revision LIMIT ?)`
  const removeEvents = db.prepare(`DELETE FROM events WHERE position IN ${indexedBelow('position')}`)
  const removeFromIndex = db.prepare(
    `DELETE FROM stream_index WHERE stream = ? AND revision IN ${indexedBelow('revision')}`,
  )
  const insertStream = db.prepare('INSERT INTO streams (id, name) VALUES (?, ?)')
  const findStream = prepare('SELECT id FROM streams WHERE name = ?')
  const columns = 'position, stream, revision, body, crc'
  const allForwards = prepare(`SELECT ${columns} FROM events WHERE position >= ? ORDER BY position LIMIT ?`)
  const allBackwards = prepare(
    `SELECT ${columns} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?`,
  )
  const indexed = `SELECT ${columns.replaceAll(/\w+/g, 'e.$&')} FROM stream_index i CROSS JOIN events e ON e.position = i.position
    WHERE i.stream = ? AND i.revision BETWEEN ? AND ? ORDER BY i.revision`
  const indexedForwards = prepare(`${indexed} LIMIT ?`)
  const indexedBackwards = prepare(`${indexed} DESC LIMIT ?`)
  const eventAt = prepare(`SELECT ${columns} FROM events WHERE position = ?`)

  /** Whether a transaction is under way. */
  let inside = false

  class KnownStream implements Stream {
    id: number
    readonly name: string
    readonly nameBytes: Buffer
    readonly written: View
    readonly onDisk: View

    constructor(name: string, id: number, written: number, onDisk: number) {
      this.id = id
      this.name = name
      this.nameBytes = Buffer.from(name, 'utf8')
      this.written = { last: written, metadata: undefined }
      this.onDisk = { last: onDisk, metadata: undefined }
    }

    get last(): number {
      return (inside ? this.written : this.onDisk).last
    }

    get metadata(): StreamMetadata | undefined {
      return (inside ? this.written : this.onDisk).metadata
    }

    set metadata(metadata: StreamMetadata | undefined) {
      ;(inside ? this.written : this.onDisk).metadata = metadata
    }
  }

  const streams = new LRUCache<string, KnownStream>({ max: CACHED_STREAMS })
  const remembered = createRememberedIds(REMEMBERED_IDS)
  const index = createStreamIndex(db, options.indexBehind)
  let nextPosition = FIRST_POSITION
  let nextStream = 1
  /** Of what was written, and of what is on the disk. */
  let lastWritten = -1
  let lastOnDisk = -1
  /** What was written and is not on the disk yet, in order. */
  let unsynced: Array<{ readonly stream: string; readonly revision: number; readonly position: number }> = []
  /** The latest time that an event has, as far as is known. */
  let latest = 0
  let isInOrder = true
  /** Why nothing more is written: what the disk has of the log is not known any more. */
  let broken: Error | undefined

  /** Of a transaction that is under way: inserted, but for what SQLite is concerned not yet. Values of rows, one after the
   *  other. */
  let uninserted: Array<number | Buffer> = []
  const insertAll = (): void => {
    const values = uninserted
    if (values.length === 0) return
    uninserted = []
    for (let at = 0; at < values.length; at += COLUMNS) insertOne.run(...values.slice(at, at + COLUMNS))
  }
  const insertLater = (...row: [number, number, number, Buffer, number]): void => {
    uninserted.push(...row)
    if (uninserted.length < ROWS_AT_ONCE * COLUMNS) return
    const values = uninserted
    uninserted = []
    insertMany.run(...values)
  }

  const lastVisible = (): number => (inside ? lastWritten : lastOnDisk)

  const rows = (statement: StatementSync, ...values: number[]): StoredEvent[] => {
    insertAll()
    const found = (statement.all(...values) as unknown as Row[]).map(toEvent)
    return inside || lastOnDisk === lastWritten
      ? found
      : found.filter(({ position }) => position <= lastOnDisk)
  }

  const pagesOf = (what: 'page_count' | 'page_size'): number =>
    Number(db.prepare(`PRAGMA ${what}`).get()?.[what])
  const incrementalVacuum = (pages: number): void => {
    // Each step of the statement gives one page back.
    db.prepare(`PRAGMA incremental_vacuum(${pages})`).all()
  }

  const overwriteAsUsual = (): void =>
    db.exec(`PRAGMA secure_delete = ${nextPosition < YOUNG ? 'FAST' : 'OFF'}`)

  const eventsAt = (positions: ReadonlyArray<number>): StoredEvent[] =>
    positions.flatMap((position) => rows(eventAt, position))

  const firstRemembered = prepare(
    `SELECT min(position) - 1 FROM (SELECT position FROM events ORDER BY position DESC LIMIT ${REMEMBERED_IDS})`,
  )
  // Ids as text: as bytes they would each be an object.
  const idsAfter = prepare(
    `SELECT CAST(substr(body, 5, 36) AS TEXT), stream, revision, position FROM events
     WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`,
  )
  /** Of the last events' ids, those that are still to be read. They are read when there is time, and at the latest when
   *  one is asked for: nobody who only reads waits for them. */
  let unread: { after: number; readonly upTo: number } | null = null
  let isReading = false
  const readIds = (limit: number): void => {
    if (unread === null) return
    const page = idsAfter.all(unread.after, unread.upTo, limit) as unknown as [
      string,
      number,
      number,
      number,
    ][]
    for (const [id, stream, revision] of page) remembered.add(id, stream, revision)
    if (page.length < limit) unread = null
    else unread.after = page.at(-1)![3]
  }
  const readAllIds = (): void => {
    while (unread !== null) readIds(IDS_AT_ONCE)
  }
  const readIdsMeanwhile = (): void => {
    if (isReading) return
    isReading = true
    setImmediate(() => {
      isReading = false
      if (!db.isOpen) return
      readIds(IDS_AT_ONCE)
      if (unread !== null) readIdsMeanwhile()
    })
  }

  /** (Re)reads what is kept in memory from the file: at open, and after a transaction that failed. */
  const load = (): void => {
    streams.clear()
    remembered.clear()
    index.load()
    const row = allBackwards.get(Number.MAX_SAFE_INTEGER, 1) as unknown as Row | undefined
    const last = row === undefined ? undefined : toEvent(row)
    lastWritten = last?.position ?? -1
    latest = last === undefined ? 0 : Number(decodeBody(last.body).created / 10_000n)
    isInOrder = getState.get(CLOCK_WENT_BACK) === undefined
    nextPosition = last === undefined ? FIRST_POSITION : last.position + last.body.length + RECORD_OVERHEAD
    nextStream =
      Number((prepare('SELECT coalesce(max(id), 0) FROM streams').get() as unknown as number[])[0]) + 1
    unread = { after: (firstRemembered.get() as unknown as [number | null])[0] ?? 0, upTo: lastWritten }
    readIdsMeanwhile()
  }
  let mark: ReturnType<typeof openMark> | undefined
  let opened: number | undefined
  try {
    takeOwnership(db, file)
    load()
    overwriteAsUsual()
    mark = openMark(dataDir)
    opened = openSync(`${file}-wal`, 'r+')
    // What is there now was written by a node that may have been killed before its sync.
    fsyncSync(opened)
    const folder = openSync(dataDir, 'r')
    fsyncSync(folder)
    closeSync(folder)
  } catch (error) {
    mark?.close()
    if (opened !== undefined) closeSync(opened)
    db.close()
    lock.close()
    throw refusalOf(dataDir, file, error)
  }
  const marked = mark
  const log = opened
  const checkpointer = createCheckpointer(db, file, options.checkpointFrames)
  lastOnDisk = lastWritten

  const known = (name: string): KnownStream => {
    const cached = streams.get(name)
    if (cached !== undefined) return cached
    const found = findStream.get(name) as unknown as [number] | undefined
    const id = found?.[0] ?? 0
    const written = id === 0 ? -1 : index.last(id, Number.MAX_SAFE_INTEGER)
    const onDisk = id === 0 || lastOnDisk === lastWritten ? written : index.last(id, lastOnDisk)
    const stream = new KnownStream(name, id, written, onDisk)
    streams.set(name, stream)
    return stream
  }

  const forgetMetadata = (name: string, view: 'written' | 'onDisk'): void => {
    if (!isMetastream(name)) return
    const original = streams.peek(originalOf(name))
    if (original !== undefined) original[view].metadata = undefined
  }

  /** All up to `position` is on the disk now. */
  const synced = (position: number): void => {
    let count = 0
    for (const event of unsynced) {
      if (event.position > position) break
      count++
      const stream = streams.peek(event.stream)
      if (stream !== undefined) stream.onDisk.last = event.revision
      forgetMetadata(event.stream, 'onDisk')
    }
    unsynced = count === unsynced.length ? [] : unsynced.slice(count)
    if (position <= lastOnDisk) return
    lastOnDisk = position
    marked.write(position)
  }

  const breakDown = (cause: Error): Error => {
    broken ??= new Error(`the disk did not take the log (${cause.message}): start the node again`, { cause })
    return broken
  }

  return {
    file,
    db,

    /** Runs `work` in one transaction: all of it is written when this returns, or none of it is and it throws. What was
     *  written may be acknowledged, and is seen by readers, after the next `sync`. */
    transaction: (work: () => void): void => {
      if (broken !== undefined) throw broken
      const before = nextPosition
      const unsyncedBefore = unsynced.length
      begin.run()
      inside = true
      try {
        work()
        insertAll()
        index.follow(unsynced.length - unsyncedBefore)
        commit.run()
        checkpointer.committed(nextPosition - before)
      } catch (error) {
        uninserted = []
        if (db.isTransaction) db.exec('ROLLBACK')
        unsynced = unsynced.filter(({ position }) => position < before)
        load()
        throw error
      } finally {
        inside = false
      }
      if (before < YOUNG && nextPosition >= YOUNG) overwriteAsUsual()
    },

    /** Calls back when all that was written before this call is on the disk. With an error nothing more is ever written:
     *  a disk that has failed to keep what it was given may have dropped it. One at a time. */
    sync: (done: (error: Error | undefined) => void): void => {
      const position = lastWritten
      fdatasync(log, (error) => {
        if (error !== null) return done(breakDown(error))
        if (broken !== undefined) return done(broken)
        synced(position)
        done(undefined)
      })
    },

    /** The same, waited for. Throws where the disk does not take it. */
    syncNow: (): void => {
      if (broken !== undefined) throw broken
      try {
        fdatasyncSync(log)
      } catch (error) {
        throw breakDown(error as Error)
      }
      synced(lastWritten)
    },

    /** Whether all that was written is on the disk. */
    isSynced: (): boolean => lastOnDisk === lastWritten,

    /** The stream, known or not: `id` is 0 where it was never written to. */
    stream: (name: string): Stream => known(name),

    /** Where the next event will lie. Its body is built with this, then given to `insert`. */
    nextPosition: (): number => nextPosition,

    /** Adds an event at the stream's end, within a transaction. `id`: to be remembered; null for one that no client sent. */
    insert: (to: Stream, revision: number, body: Buffer, id: string | null): StoredEvent => {
      const stream = to as KnownStream
      if (stream.id === 0) {
        stream.id = nextStream++
        insertStream.run(stream.id, stream.name)
      }
      const position = nextPosition
      insertLater(position, stream.id, revision, body, crc32(body))
      index.add(stream.id, revision, position)
      nextPosition += body.length + RECORD_OVERHEAD
      lastWritten = position
      stream.written.last = revision
      unsynced.push({ stream: stream.name, revision, position })
      if (id !== null) {
        readAllIds()
        remembered.add(id, stream.id, revision)
      }
      forgetMetadata(stream.name, 'written')
      return { position, stream: stream.id, revision, body, head: undefined }
    },

    /** Where this id was appended, if that was not long ago. */
    remembered: (id: string): Remembered | undefined => {
      readAllIds()
      return remembered.get(id)
    },

    /** The time of what is written next, within a transaction, in milliseconds. */
    at: (time: number): void => {
      if (time < latest && isInOrder) {
        isInOrder = false
        putState.run(CLOCK_WENT_BACK, `${nextPosition}`)
      }
      latest = Math.max(latest, time)
    },

    /** Whether the events have always come in the order of their time: no clock was ever set back. */
    isInOrder: (): boolean => isInOrder,

    /** The last event's position, or -1. */
    lastPosition: lastVisible,

    allForwards: (from: number, limit: number): StoredEvent[] => rows(allForwards, from, limit),
    /** Those before `before`, exclusive. */
    allBackwards: (before: number, limit: number): StoredEvent[] =>
      rows(allBackwards, Math.min(before, lastVisible() + 1), limit),
    streamForwards: (stream: number, from: number, limit: number): StoredEvent[] => {
      const recent = index.inMemoryFrom(stream)
      const found = from < recent ? rows(indexedForwards, stream, from, recent - 1, limit) : []
      return [...found, ...eventsAt(index.forwards(stream, from, limit - found.length))]
    },
    streamBackwards: (stream: number, from: number, limit: number): StoredEvent[] => {
      const positions = index.backwards(stream, from, limit)
      const found = eventsAt(positions)
      if (positions.length === limit) return found
      const before = Math.min(from, index.inMemoryFrom(stream) - 1)
      return [...found, ...rows(indexedBackwards, stream, 0, before, limit - found.length)]
    },

    /** Removes up to `limit` events of the stream that are below a revision, for good. Answers with how many those were. */
    remove: (stream: number, below: number, limit: number): number => {
      begin.run()
      try {
        if (index.inMemoryFrom(stream) < below) index.catchUp()
        removeEvents.run(stream, below, limit)
        const { changes } = removeFromIndex.run(stream, stream, below, limit)
        // What is gone is not taken for lost.
        if (changes > 0) putState.run(SCAVENGED, `${lastOnDisk}`)
        commit.run()
        return Number(changes)
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK')
        index.load()
        throw error
      }
    },

    /** While it is on, pages that become free are overwritten too, and not only what moves within a page. */
    overwriteRemoved: (on: boolean): void => {
      if (on) db.exec('PRAGMA secure_delete = ON')
      else overwriteAsUsual()
    },

    /** Gives up to `pages` of the file that hold nothing back to the disk. Answers with how many bytes those were: 0 where
     *  there are none, or where the file is of a version that could not. */
    shrink: (pages: number): number => {
      const before = pagesOf('page_count')
      incrementalVacuum(pages)
      const freed = (before - pagesOf('page_count')) * pagesOf('page_size')
      if (freed > 0) checkpointer.committed(freed)
      return freed
    },

    /** Copies the write-ahead log into the file and empties it. False where a reader keeps it from that. */
    emptyLog: (): boolean => {
      const isEmpty = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0
      if (isEmpty) checkpointer.emptied()
      return isEmpty
    },

    /** For /stats: bytes of the file, and where it ends. */
    stats: (): Record<string, number> => ({
      lastPosition: lastOnDisk,
      streams: nextStream - 1,
      bytes: Number(
        db.prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size').get()
          ?.bytes,
      ),
      cachedStreams: streams.size,
      rememberedIds: remembered.size(),
      walFrames: checkpointer.frames(),
    }),

    close: (): void => {
      checkpointer.close()
      if (broken === undefined) {
        try {
          db.exec('BEGIN IMMEDIATE')
          index.catchUp()
          endOwnership(db)
          db.exec('COMMIT')
        } catch {
          // A full disk, say: what is not in the index is read again at the next start.
        }
      }
      closeSync(log)
      marked.close()
      db.close()
      lock.close()
    },
  }
}
