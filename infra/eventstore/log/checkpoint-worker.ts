/** The thread that copies the write-ahead log into the file, with a connection of its own. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

/** What the thread is started with. `closed` is set to 1, and notified, when its connection is closed. */
export type CheckpointTask = { readonly file: string; readonly closed: Int32Array }
/** Frames in the write-ahead log, and how many of them are in the file now; null if it could not look. */
export type CheckpointResult = { readonly log: number; readonly copied: number } | null

const { file, closed } = workerData as CheckpointTask
const db = new DatabaseSync(file)
db.exec('PRAGMA synchronous = FULL; PRAGMA cache_size = -512')
const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')

parentPort!.on('message', (what: 'checkpoint' | 'close') => {
  if (what === 'checkpoint') {
    let result: CheckpointResult = null
    try {
      const row = checkpoint.get()
      if (row?.busy === 0) result = { log: Number(row.log), copied: Number(row.checkpointed) }
    } catch {
      // For example a full disk: the writer will notice.
    }
    parentPort!.postMessage(result)
    return
  }
  db.close()
  Atomics.store(closed, 0, 1)
  Atomics.notify(closed, 0)
  parentPort!.close()
})
