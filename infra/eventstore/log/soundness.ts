/** Checks that the file contains what was written. SQLite checks the structure, not the content. */
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { INDEXED } from './stream-index.ts'

/** Positions grow like byte offsets: each event takes its bytes and this much. */
export const RECORD_OVERHEAD = 48
export const SCAVENGED = 'scavenged'

/** Throws if the bytes are not those that were written. `crc` is null for events from before there were checksums. */
export const checkBody = (position: number, body: Uint8Array, crc: number | null): void => {
  if (crc !== null && crc32(body) !== crc)
    throw new Error(`the event at position ${position} is damaged: its checksum is wrong`)
}

type Row = [position: number, body: Uint8Array, crc: number | null]

/** The position up to which events may be missing because a scavenge removed them, or -1. */
const scavengedUpTo = (db: DatabaseSync): number => {
  const row = db.prepare('SELECT value FROM state WHERE name = ?').get(SCAVENGED)
  return row === undefined ? -1 : Number(row.value)
}

/** Reads events from the end until `bytes` were read, and throws unless each is intact and none is missing between
 *  them. Returns the last position, -1 for an empty log, and how many events were read. */
export const checkTail = (
  db: DatabaseSync,
  bytes: number,
): { readonly lastPosition: number; readonly checked: number } => {
  const scavenged = scavengedUpTo(db)
  // A log of the first version has no checksums.
  const crc = Number(db.prepare('PRAGMA user_version').get()?.user_version) > 1 ? 'crc' : 'NULL'
  const read = db.prepare(`SELECT position, body, ${crc} FROM events ORDER BY position DESC`)
  read.setReturnArrays(true)
  let lastPosition = -1
  let next = -1
  let left = bytes
  let checked = 0
  for (const row of read.iterate()) {
    const [position, body, crc] = row as unknown as Row
    checkBody(position, body, crc)
    if (next >= 0 && next > scavenged && position + body.length + RECORD_OVERHEAD !== next)
      throw new Error(`events are missing between positions ${position} and ${next}`)
    if (lastPosition < 0) lastPosition = position
    next = position
    checked++
    left -= body.length
    if (left <= 0) break
  }
  return { lastPosition, checked }
}

/** Throws if an entry of the index by stream does not lead to its event. */
export const checkIndex = (db: DatabaseSync): void => {
  if (Number(db.prepare('PRAGMA user_version').get()?.user_version) < 3) return
  const one = (sql: string): unknown => db.prepare(sql).get()?.position
  const astray = one(
    `SELECT i.position FROM stream_index i LEFT JOIN events e ON e.position = i.position
     WHERE e.stream IS NOT i.stream OR e.revision IS NOT i.revision LIMIT 1`,
  )
  if (astray !== undefined)
    throw new Error(`the index by stream leads to position ${astray}, where there is another event or none`)
  const missing = one(
    `SELECT e.position FROM events e LEFT JOIN stream_index i ON i.stream = e.stream AND i.revision = e.revision
     WHERE i.position IS NULL AND e.position <= (SELECT CAST(value AS INTEGER) FROM state WHERE name = '${INDEXED}') LIMIT 1`,
  )
  if (missing !== undefined) throw new Error(`the event at position ${missing} is not in the index by stream`)
}
