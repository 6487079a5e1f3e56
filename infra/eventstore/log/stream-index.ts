/** Where each stream's events are: a table that is written after the log. The latest entries are kept in memory and
 *  written to the table a few at a time, by stream, with later commits: an append that changed the index at once
 *  would write one of its pages for each stream in the commit, several times the bytes of the events. The entries in
 *  memory are read from the log again at the next start. */
import type { DatabaseSync } from 'node:sqlite'

export const INDEX_TABLE = `CREATE TABLE IF NOT EXISTS stream_index (
  stream INTEGER NOT NULL, revision INTEGER NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (stream, revision)) WITHOUT ROWID;`

/** In `state`: everything up to this position is in the table. */
export const INDEXED = 'indexed'

const BEHIND = 4_096
/** How many entries are written with a commit, and how many more for each event of the commit, so that they are written
 *  faster than new ones come. */
const LEAST = 16
const FOR_EACH = 2
/** A stream's entries wait until so many of them may be written at once, or all that it has: in smaller pieces they would change
 *  the same page of the table in one commit after another, and each time the whole page is written. */
const TOGETHER = 128
/** One statement for so many costs less than one for each. */
const ROWS_AT_ONCE = 10

/** A stream's entries, by revision and position. */
type Entries = { readonly revisions: number[]; readonly positions: number[] }

/** The index of the first of the sorted numbers that is not below `value`, or their count. */
const firstFrom = (sorted: ReadonlyArray<number>, value: number): number => {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** `behind`: how many events are in memory before they are put into the table; at most twice as many are. */
export const createStreamIndex = (db: DatabaseSync, behind = BEHIND) => {
  const insertRows = (count: number) =>
    db.prepare(`INSERT OR IGNORE INTO stream_index VALUES ${Array(count).fill('(?, ?, ?)').join(', ')}`)
  const insertOne = insertRows(1)
  const insertMany = insertRows(ROWS_AT_ONCE)
  const putIndexed = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const getIndexed = db.prepare('SELECT value FROM state WHERE name = ?')
  const since = db.prepare(
    'SELECT stream, revision, position FROM events WHERE position > ? ORDER BY position',
  )
  since.setReturnArrays(true)
  const lastInTable = db.prepare(
    'SELECT revision FROM stream_index WHERE stream = ? AND position <= ? ORDER BY revision DESC LIMIT 1',
  )

  const recent = new Map<number, Entries>()
  let count = 0
  let lastAdded = -1
  /** What is being written to the table, by stream: everything that was in memory when that began. */
  let moving: { readonly streams: ReadonlyArray<number>; next: number; readonly upTo: number } | undefined
  /** How many entries may be written that were not yet. */
  let due = 0

  const add = (stream: number, revision: number, position: number): void => {
    const entries = recent.get(stream)
    if (entries === undefined) recent.set(stream, { revisions: [revision], positions: [position] })
    else {
      entries.revisions.push(revision)
      entries.positions.push(position)
    }
    count++
    lastAdded = position
  }

  /** Puts the first `moved` entries of a stream into the table. */
  const move = (stream: number, { revisions, positions }: Entries, moved: number): void => {
    let at = 0
    for (; at + ROWS_AT_ONCE <= moved; at += ROWS_AT_ONCE) {
      const values: number[] = []
      for (let i = at; i < at + ROWS_AT_ONCE; i++) values.push(stream, revisions[i]!, positions[i]!)
      insertMany.run(...values)
    }
    for (; at < moved; at++) insertOne.run(stream, revisions[at]!, positions[at]!)
    if (moved === positions.length) recent.delete(stream)
    else {
      revisions.splice(0, moved)
      positions.splice(0, moved)
    }
    count -= moved
  }

  /** Writes `more` entries, and those that were due before, as far as enough of a stream are due. */
  const moveSome = (more: number): void => {
    if (moving === undefined) return
    due += more
    for (const { streams, upTo } = moving; moving.next < streams.length; ) {
      const stream = streams[moving.next]!
      const entries = recent.get(stream)
      const left = entries === undefined ? 0 : firstFrom(entries.positions, upTo + 1)
      const together = Math.min(left, TOGETHER)
      if (due < together) return
      if (entries !== undefined) move(stream, entries, together)
      due -= together
      if (together === left) moving.next++
    }
    putIndexed.run(INDEXED, `${moving.upTo}`)
    moving = undefined
    due = 0
  }
  const begin = (): void => {
    moving ??= { streams: [...recent.keys()].sort((a, b) => a - b), next: 0, upTo: lastAdded }
  }

  return {
    /** An event was written, as the last of its stream. */
    add,

    /** To be called at the end of each transaction, with the number of its events. */
    follow: (events: number): void => {
      if (count >= behind) begin()
      moveSome(LEAST + FOR_EACH * events)
    },

    /** Writes all entries to the table, within a transaction. */
    catchUp: (): void => {
      if (count === 0 && moving === undefined) return
      moveSome(Number.POSITIVE_INFINITY)
      begin()
      moveSome(Number.POSITIVE_INFINITY)
    },

    /** Reads what is not in the table again, at the start and after a failed transaction. */
    load: (): void => {
      recent.clear()
      count = 0
      moving = undefined
      due = 0
      const row = getIndexed.get(INDEXED)
      lastAdded = row === undefined ? -1 : Number(row.value)
      for (const entry of since.iterate(lastAdded)) {
        const [stream, revision, position] = entry as unknown as [number, number, number]
        add(stream, revision, position)
      }
    },

    /** The last revision of the stream among what lies up to `position`, or -1. */
    last: (stream: number, position: number): number => {
      const entries = recent.get(stream)
      const at = entries === undefined ? 0 : firstFrom(entries.positions, position + 1)
      if (at > 0) return entries!.revisions[at - 1]!
      return Number(lastInTable.get(stream, position)?.revision ?? -1)
    },

    /** The stream's first revision in memory; earlier ones are in the table. */
    inMemoryFrom: (stream: number): number => recent.get(stream)?.revisions[0] ?? Number.POSITIVE_INFINITY,

    /** The positions of up to `limit` entries in memory, of revisions from `from` on. */
    forwards: (stream: number, from: number, limit: number): ReadonlyArray<number> => {
      const entries = recent.get(stream)
      if (entries === undefined) return []
      const first = firstFrom(entries.revisions, from)
      return entries.positions.slice(first, first + limit)
    },

    /** The same, backwards from `from`. */
    backwards: (stream: number, from: number, limit: number): ReadonlyArray<number> => {
      const entries = recent.get(stream)
      if (entries === undefined) return []
      const end = firstFrom(entries.revisions, from + 1)
      return entries.positions.slice(Math.max(0, end - limit), end).reverse()
    },
  }
}
