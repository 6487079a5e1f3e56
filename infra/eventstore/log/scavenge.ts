/** Scavenge: gives back what metadata and deletions have hidden. The last event of each stream stays, for its number. */
import { randomUUID } from 'node:crypto'
import { TOMBSTONE_REVISION } from '../protocol/record.ts'
import { breathe } from '../server/grpc.ts'
import { firstReadable, isExpired, isMetastream, metadataOf, originalOf } from '../streams/metadata.ts'
import type { Storage } from './storage.ts'

const BATCH = 500

export const createScavenger = (storage: Storage) => {
  const { db } = storage
  const names = db.prepare('SELECT id, name FROM streams WHERE id > ? ORDER BY id LIMIT 1')
  let running: string | undefined

  const hiddenBelow = (name: string): number => {
    const stream = storage.stream(name)
    if (stream.last < 0) return 0
    if (isMetastream(name) && storage.stream(originalOf(name)).last === TOMBSTONE_REVISION) return stream.last
    if (stream.last === TOMBSTONE_REVISION) return TOMBSTONE_REVISION
    const metadata = metadataOf(storage, stream)
    let first = Math.min(firstReadable(metadata, stream.last), stream.last)
    if (metadata.maxAge !== undefined) {
      const now = Date.now()
      for (;;) {
        const events = storage.streamForwards(stream.id, first, BATCH)
        const kept = events.findIndex((event) => !isExpired(metadata, event, now))
        if (kept >= 0) return Math.min(events[kept]!.revision, stream.last)
        if (events.length < BATCH) return stream.last
        first = events.at(-1)!.revision + 1
      }
    }
    return first
  }

  const run = async (id: string): Promise<void> => {
    let at = 0
    while (running === id) {
      const row = names.get(at)
      if (row === undefined) break
      at = Number(row.id)
      const first = hiddenBelow(String(row.name))
      if (first <= 0) continue
      for (;;) {
        const removed = storage.remove(at, first, BATCH)
        await breathe()
        if (removed < BATCH || running !== id) break
      }
    }
    if (running === id) running = undefined
  }

  return {
    /** Starts one, unless one runs. */
    start: (): { id: string; started: boolean } => {
      if (running !== undefined) return { id: running, started: false }
      const id = randomUUID()
      running = id
      run(id).catch(() => {
        running = undefined
      })
      return { id, started: true }
    },
    /** False where no such one runs. */
    stop: (id: string): boolean => {
      if (running !== id) return false
      running = undefined
      return true
    },
    running: (): boolean => running !== undefined,
  }
}
