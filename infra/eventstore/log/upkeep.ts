/** What a scavenge does to the file: rows are removed and overwritten, and pages are given back to the disk. */
import type { DatabaseSync } from 'node:sqlite'
import type { createCheckpointer } from './checkpointer.ts'
import type { Ends } from './rows.ts'
import { SCAVENGED } from './soundness.ts'
import type { createStreamIndex } from './stream-index.ts'

type Parts = {
  readonly db: DatabaseSync
  readonly index: ReturnType<typeof createStreamIndex>
  readonly checkpointer: ReturnType<typeof createCheckpointer>
  readonly ends: Ends
  readonly overwriteAsUsual: () => void
}

export const createUpkeep = ({ db, index, checkpointer, ends, overwriteAsUsual }: Parts) => {
  const putState = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const indexedBelow = (column: string) =>
    `(SELECT ${column} FROM stream_index WHERE stream = ? AND revision < ? ORDER BY revision LIMIT ?)`
  const removeEvents = db.prepare(`DELETE FROM events WHERE position IN ${indexedBelow('position')}`)
  const removeFromIndex = db.prepare(
    `DELETE FROM stream_index WHERE stream = ? AND revision IN ${indexedBelow('revision')}`,
  )
  const pagesOf = (what: 'page_count' | 'page_size'): number =>
    Number(db.prepare(`PRAGMA ${what}`).get()?.[what])

  return {
    /** Removes up to `limit` events of the stream that are below a revision, for good. Answers with how many those were. */
    remove: (stream: number, below: number, limit: number): number => {
      db.exec('BEGIN IMMEDIATE')
      try {
        if (index.inMemoryFrom(stream) < below) index.catchUp()
        removeEvents.run(stream, below, limit)
        const { changes } = removeFromIndex.run(stream, stream, below, limit)
        // How far a scavenge reached is recorded, so that removed events are not mistaken for lost ones.
        if (changes > 0) putState.run(SCAVENGED, `${ends.onDisk}`)
        db.exec('COMMIT')
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
      // Each step of the statement gives one page back.
      db.prepare(`PRAGMA incremental_vacuum(${pages})`).all()
      const freed = (before - pagesOf('page_count')) * pagesOf('page_size')
      if (freed > 0) checkpointer.committed(freed)
      return freed
    },

    /** Copies the write-ahead log into the file and empties it. False if a reader prevents that. */
    emptyLog: (): boolean => {
      const isEmpty = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0
      if (isEmpty) checkpointer.emptied()
      return isEmpty
    },

    bytes: (): number => pagesOf('page_count') * pagesOf('page_size'),
  }
}
