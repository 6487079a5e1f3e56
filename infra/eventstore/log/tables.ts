/** The file of the log: its tables, its versions, and what is checked before it is opened. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MARK_FILE, readMark } from './acknowledged.ts'
import { ownerOf } from './owner.ts'
import { Incomplete, lockRefusal, NotALog, OtherVersion, Refusal, refusalOf, unsound } from './refusals.ts'
import { checkIndex, checkTail } from './soundness.ts'
import { INDEX_TABLE, INDEXED } from './stream-index.ts'

export const LOG_FILE = 'events.db'
const SCHEMA_VERSION = 3
/** The versions that can be opened; older ones are brought to the last. */
const READS = [1, 2, SCHEMA_VERSION]
/** Marks the file as a node's, so that another database is not taken for one. */
const APPLICATION_ID = 0x45534c31
/** How many bytes of the log's end are read and checked at each start: more than a crash can tear. */
const CHECKED_BYTES = 8 * 1024 * 1024

/** The tables of a log. */
const TABLES = ['streams', 'events', 'stream_index', 'groups', 'state']

/** The version of the log's tables, 0 for an empty file. Throws if it is not a log of a known version. */
const versionOf = (db: DatabaseSync): number => {
  const version = Number(db.prepare('PRAGMA user_version').get()?.user_version)
  const id = Number(db.prepare('PRAGMA application_id').get()?.application_id)
  const others = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .filter(({ name }) => !TABLES.includes(String(name)))
  if (others.length > 0 && id !== APPLICATION_ID)
    throw new NotALog(`it is a database of another program, with a table ${others[0]!.name}`)
  // An empty file, or one whose first start was interrupted.
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

/** Checks without changing anything that the log's end is intact and reaches as far as was acknowledged. Throws if
 *  not. */
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
    // One transaction, in case this process ends meanwhile.
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

/** Checks that the file is a complete and sound log by reading all of it. Throws if not. */
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

export type LogFile = { readonly file: string; readonly db: DatabaseSync; readonly lock: DatabaseSync }

/** Opens or creates the file, under its lock. Throws if another node has it, or it can't be read. */
export const openLogFile = (dataDir: string): LogFile => {
  const lock = openLock(dataDir)
  const file = join(dataDir, LOG_FILE)
  try {
    return { file, db: openFile(dataDir, file), lock }
  } catch (error) {
    lock.close()
    throw error
  }
}
