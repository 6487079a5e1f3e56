/** The ids of the last events. After a start they are read from the log when there is time, and at the latest when
 *  one is asked for, so that readers do not wait for them. */
import type { DatabaseSync } from 'node:sqlite'
import { createRememberedIds, type Remembered } from './remembered.ts'
import { prepareArrays } from './rows.ts'

const REMEMBERED_IDS = 50_000
const IDS_AT_ONCE = 2_000
type IdRow = [id: string, stream: number, revision: number, position: number]

export const createRecentIds = (db: DatabaseSync) => {
  const remembered = createRememberedIds(REMEMBERED_IDS)
  const firstRemembered = prepareArrays(
    db,
    `SELECT min(position) - 1 FROM (SELECT position FROM events ORDER BY position DESC LIMIT ${REMEMBERED_IDS})`,
  )
  // Ids as text: as bytes they would each be an object.
  const idsAfter = prepareArrays(
    db,
    `SELECT CAST(substr(body, 5, 36) AS TEXT), stream, revision, position FROM events
     WHERE position > ? AND position <= ? ORDER BY position LIMIT ?`,
  )
  /** The ids that are still to be read. */
  let unread: { after: number; readonly upTo: number } | null = null
  let isReading = false
  const read = (limit: number): void => {
    if (unread === null) return
    const page = idsAfter.all(unread.after, unread.upTo, limit) as unknown as IdRow[]
    for (const [id, stream, revision] of page) remembered.add(id, stream, revision)
    if (page.length < limit) unread = null
    else unread.after = page.at(-1)![3]
  }
  const readAll = (): void => {
    while (unread !== null) read(IDS_AT_ONCE)
  }
  const readMeanwhile = (): void => {
    if (isReading) return
    isReading = true
    setImmediate(() => {
      isReading = false
      if (!db.isOpen) return
      read(IDS_AT_ONCE)
      if (unread !== null) readMeanwhile()
    })
  }
  return {
    /** Starts over with the ids that the file contains up to a position. */
    load: (upTo: number): void => {
      remembered.clear()
      unread = { after: (firstRemembered.get() as unknown as [number | null])[0] ?? 0, upTo }
      readMeanwhile()
    },
    add: (id: string, stream: number, revision: number): void => {
      readAll()
      remembered.add(id, stream, revision)
    },
    get: (id: string): Remembered | undefined => {
      readAll()
      return remembered.get(id)
    },
    size: (): number => remembered.size(),
  }
}
