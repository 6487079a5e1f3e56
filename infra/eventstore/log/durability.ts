/** Tracks what was written and is not on the disk yet, and syncs it. */
import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs'
import { openMark } from './acknowledged.ts'
import type { KnownStreams } from './known-streams.ts'
import type { Ends } from './rows.ts'

type Written = { readonly stream: string; readonly revision: number; readonly position: number }

/** The write-ahead log and the mark, open. Throws if the disk does not accept what is already there. */
const openDisk = (dataDir: string, file: string) => {
  const mark = openMark(dataDir)
  let log: number | undefined
  try {
    log = openSync(`${file}-wal`, 'r+')
    // What is there was written by a node that may have been killed before its sync.
    fsyncSync(log)
    const folder = openSync(dataDir, 'r')
    fsyncSync(folder)
    closeSync(folder)
    return { mark, log }
  } catch (error) {
    mark.close()
    if (log !== undefined) closeSync(log)
    throw error
  }
}

export type Durability = ReturnType<typeof openDurability>
export const openDurability = (
  { dataDir, file }: { readonly dataDir: string; readonly file: string },
  streams: KnownStreams,
  ends: Ends,
) => {
  const { mark, log } = openDisk(dataDir, file)
  /** In order. */
  let unsynced: Written[] = []
  /** Why nothing more is written: it is no longer known how much of the log the disk has. */
  let broken: Error | undefined

  /** Everything up to `position` is now on the disk. */
  const synced = (position: number): void => {
    let count = 0
    for (const event of unsynced) {
      if (event.position > position) break
      count++
      streams.synced(event.stream, event.revision)
    }
    unsynced = count === unsynced.length ? [] : unsynced.slice(count)
    if (position <= ends.onDisk) return
    ends.onDisk = position
    mark.write(position)
  }

  const breakDown = (cause: Error): Error => {
    broken ??= new Error(`the disk did not take the log (${cause.message}): start the node again`, { cause })
    return broken
  }

  return {
    wrote: (event: Written): void => {
      unsynced.push(event)
      ends.written = event.position
    },
    /** How many callers wait. */
    count: (): number => unsynced.length,
    /** Call this when the events from a position on were not written after all. */
    drop: (from: number): void => {
      unsynced = unsynced.filter(({ position }) => position < from)
    },
    isBroken: (): boolean => broken !== undefined,
    check: (): void => {
      if (broken !== undefined) throw broken
    },
    sync: (done: (error: Error | undefined) => void): void => {
      const position = ends.written
      fdatasync(log, (error) => {
        if (error !== null) return done(breakDown(error))
        if (broken !== undefined) return done(broken)
        synced(position)
        done(undefined)
      })
    },
    syncNow: (): void => {
      if (broken !== undefined) throw broken
      try {
        fdatasyncSync(log)
      } catch (error) {
        throw breakDown(error as Error)
      }
      synced(ends.written)
    },
    close: (): void => {
      closeSync(log)
      mark.close()
    },
  }
}
