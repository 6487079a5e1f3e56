/** The rows of events: inserted in tens, and read with their checksums. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { StoredEvent } from '../protocol/record.ts'
import { checkBody } from './soundness.ts'

/** Where the log ends for the caller: inside a transaction it includes what was written, outside only what is on the
 *  disk. */
export type Ends = { inside: boolean; written: number; onDisk: number }
export const lastVisible = (ends: Ends): number => (ends.inside ? ends.written : ends.onDisk)

/** The columns of a row of `events`. */
const COLUMNS = 5
/** One statement for so many events costs less than one for each. */
const ROWS_AT_ONCE = 10

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

/** A statement whose rows come as arrays. */
export const prepareArrays = (db: DatabaseSync, sql: string): StatementSync => {
  const statement = db.prepare(sql)
  statement.setReturnArrays(true)
  return statement
}

/** The rows that wait to be inserted. */
const createInserts = (db: DatabaseSync) => {
  const insertRows = (count: number): StatementSync =>
    db.prepare(
      `INSERT INTO events (position, stream, revision, body, crc) VALUES ${Array(count).fill('(?, ?, ?, ?, ?)').join(', ')}`,
    )
  const insertOne = insertRows(1)
  const insertMany = insertRows(ROWS_AT_ONCE)
  /** Values of rows, one after the other. */
  let waiting: Array<number | Buffer> = []
  return {
    /** Inside a transaction: inserted logically, but not yet in SQLite. */
    later: (position: number, stream: number, revision: number, body: Buffer): void => {
      waiting.push(position, stream, revision, body, crc32(body))
      if (waiting.length < ROWS_AT_ONCE * COLUMNS) return
      const values = waiting
      waiting = []
      insertMany.run(...values)
    },
    /** Inserts the rows that wait. */
    all: (): void => {
      const values = waiting
      if (values.length === 0) return
      waiting = []
      for (let at = 0; at < values.length; at += COLUMNS) insertOne.run(...values.slice(at, at + COLUMNS))
    },
    forget: (): void => {
      waiting = []
    },
  }
}

export type Rows = ReturnType<typeof createRows>
export const createRows = (db: DatabaseSync, ends: Ends) => {
  const inserts = createInserts(db)
  const columns = 'position, stream, revision, body, crc'
  const prepare = (sql: string): StatementSync => prepareArrays(db, sql)
  const allForwards = prepare(`SELECT ${columns} FROM events WHERE position >= ? ORDER BY position LIMIT ?`)
  const allBackwards = prepare(
    `SELECT ${columns} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?`,
  )
  const indexed = `SELECT ${columns.replaceAll(/\w+/g, 'e.$&')} FROM stream_index i CROSS JOIN events e ON e.position = i.position
    WHERE i.stream = ? AND i.revision BETWEEN ? AND ? ORDER BY i.revision`
  const indexedForwards = prepare(`${indexed} LIMIT ?`)
  const indexedBackwards = prepare(`${indexed} DESC LIMIT ?`)
  const eventAt = prepare(`SELECT ${columns} FROM events WHERE position = ?`)

  const read = (statement: StatementSync, ...values: number[]): StoredEvent[] => {
    inserts.all()
    const found = (statement.all(...values) as unknown as Row[]).map(toEvent)
    return ends.inside || ends.onDisk === ends.written
      ? found
      : found.filter(({ position }) => position <= ends.onDisk)
  }

  return {
    inserts,
    /** The last event in the file, whether or not anybody may read it. */
    last: (): StoredEvent | undefined => {
      const row = allBackwards.get(Number.MAX_SAFE_INTEGER, 1) as unknown as Row | undefined
      return row === undefined ? undefined : toEvent(row)
    },
    allForwards: (from: number, limit: number): StoredEvent[] => read(allForwards, from, limit),
    /** The events before `before`, exclusive. */
    allBackwards: (before: number, limit: number): StoredEvent[] =>
      read(allBackwards, Math.min(before, lastVisible(ends) + 1), limit),
    /** The stream's events that are in the index's table. */
    indexedForwards: (stream: number, from: number, to: number, limit: number): StoredEvent[] =>
      read(indexedForwards, stream, from, to, limit),
    indexedBackwards: (stream: number, to: number, limit: number): StoredEvent[] =>
      read(indexedBackwards, stream, 0, to, limit),
    at: (positions: ReadonlyArray<number>): StoredEvent[] =>
      positions.flatMap((position) => read(eventAt, position)),
  }
}
