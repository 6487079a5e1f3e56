/** Records beside the log how far the log was acknowledged: SQLite silently drops a commit whose pages are lost from
 *  the end of its write-ahead log, and this reveals it. It is written after the commit's fsync, so it is never ahead
 *  of a sound log; its own fsync follows within `SYNC_MS`, off the path of commits, so after a power failure it may
 *  lag by that much. */
import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export const MARK_FILE = 'events.mark'
const DIGITS = 16
const SYNC_MS = 250

/** The position, or -1 if there is nothing readable. */
export const readMark = (dataDir: string): number => {
  try {
    const text = readFileSync(join(dataDir, MARK_FILE), 'latin1')
    return /^\d{16}\n$/.test(text) ? Number(text) : -1
  } catch {
    return -1
  }
}

export const openMark = (dataDir: string) => {
  // Not 'w': that would empty the file when it is opened.
  const handle = openSync(join(dataDir, MARK_FILE), 'a')
  closeSync(handle)
  const file = openSync(join(dataDir, MARK_FILE), 'r+')
  fsyncSync(file)
  const bytes = Buffer.alloc(DIGITS + 1, '\n')
  let timer: NodeJS.Timeout | undefined
  let syncing = false
  let closed = false

  const sync = (): void => {
    timer = undefined
    syncing = true
    // If this fails, the mark lags more and reveals less; acknowledgements rest on the log's own fsync.
    fdatasync(file, () => {
      syncing = false
      if (closed) closeSync(file)
    })
  }
  return {
    write: (position: number): void => {
      bytes.write(`${position}`.padStart(DIGITS, '0'), 0, 'latin1')
      writeSync(file, bytes, 0, bytes.length, 0)
      timer ??= setTimeout(sync, SYNC_MS).unref()
    },
    close: (): void => {
      clearTimeout(timer)
      closed = true
      fsyncSync(file)
      if (!syncing) closeSync(file)
    },
  }
}
