/** Scavenging removes from the file what metadata and deletions have hidden, overwrites it, and gives the space back
 *  to the disk. The last event of each stream stays, for its number. Other work gets its turn in between. */
import { randomUUID } from 'node:crypto'
import { TOMBSTONE_REVISION } from '../protocol/record.ts'
import { breathe } from '../server/grpc.ts'
import {
  firstReadable,
  firstUnexpired,
  isExpired,
  isMetastream,
  metadataOf,
  originalOf,
} from '../streams/metadata.ts'
import type { Storage } from './storage.ts'

const BATCH = 500
/** Pages that are given back at a time. */
const PAGES = 256
/** How often the write-ahead log is asked to start over if a reader is in the way. */
const ATTEMPTS = 50

/** What is reported about the last scavenge, while it runs and afterwards. */
export type ScavengeProgress = {
  readonly scavengeId: string
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly streamsDone: number
  readonly streams: number
  readonly eventsRemoved: number
  /** Bytes of the file given back to the disk. */
  readonly bytesFreed: number
  readonly startedAt: string
  readonly endedAt?: string
  /** The error of a scavenge that failed. */
  readonly error?: string
}

export type Scavenger = ReturnType<typeof createScavenger>

/** Events of the stream below this revision can no longer be read. */
const hiddenBelow = (storage: Storage, name: string): number => {
  const stream = storage.stream(name)
  const { id, last } = stream
  if (last < 0) return 0
  if (isMetastream(name) && storage.stream(originalOf(name)).last === TOMBSTONE_REVISION) return last
  if (last === TOMBSTONE_REVISION) return TOMBSTONE_REVISION
  const metadata = metadataOf(storage, stream)
  const first = Math.min(firstReadable(metadata, last), last)
  const now = Date.now()
  let below = firstUnexpired(storage, { stream: id, metadata, first, last, now })
  if (metadata.maxAge === undefined || storage.isInOrder()) return Math.min(below, last)
  for (;;) {
    const events = storage.streamForwards(id, below, BATCH)
    const kept = events.findIndex((event) => !isExpired(metadata, event, now))
    if (kept >= 0) return Math.min(events[kept]!.revision, last)
    if (events.length < BATCH) return last
    below = events.at(-1)!.revision + 1
  }
}

export const createScavenger = (storage: Storage, tell: (sentence: string) => void = console.log) => {
  const { db } = storage
  const names = db.prepare('SELECT id, name FROM streams WHERE id > ? ORDER BY id LIMIT 1')
  let running: string | undefined
  let told: ScavengeProgress | undefined
  const note = (changes: Partial<ScavengeProgress>): void => {
    if (told !== undefined) told = { ...told, ...changes }
  }

  const removeHidden = async (id: string): Promise<void> => {
    let at = 0
    while (running === id) {
      const row = names.get(at)
      if (row === undefined) return
      at = Number(row.id)
      note({ streamsDone: told!.streamsDone + 1 })
      const first = hiddenBelow(storage, String(row.name))
      if (first <= 0) continue
      for (;;) {
        const removed = storage.remove(at, first, BATCH)
        note({ eventsRemoved: told!.eventsRemoved + removed })
        await breathe()
        if (removed < BATCH || running !== id) break
      }
    }
  }

  const giveBack = async (id: string): Promise<void> => {
    while (running === id) {
      const bytes = storage.shrink(PAGES)
      if (bytes === 0) break
      note({ bytesFreed: told!.bytesFreed + bytes })
      await breathe()
    }
    // Removed events are still in the write-ahead log.
    for (let attempt = 0; running === id && attempt < ATTEMPTS && !storage.emptyLog(); attempt++)
      await breathe()
  }

  const run = async (id: string): Promise<void> => {
    storage.overwriteRemoved(true)
    try {
      await removeHidden(id)
      await giveBack(id)
    } finally {
      if (db.isOpen) storage.overwriteRemoved(false)
    }
  }

  const end = (id: string, state: ScavengeProgress['state'], error?: string): void => {
    if (running === id) running = undefined
    if (told?.scavengeId !== id) return
    note({ state, endedAt: new Date().toISOString(), ...(error === undefined ? {} : { error }) })
    const { eventsRemoved, bytesFreed } = told
    tell(
      `Scavenge ${id} ${state === 'failed' ? `failed: ${error}` : `is ${state}`}; ${eventsRemoved} events were removed, ${bytesFreed} bytes given back.`,
    )
  }

  return {
    /** Starts a scavenge, unless one runs. */
    start: (): { id: string; started: boolean } => {
      if (running !== undefined) return { id: running, started: false }
      const id = randomUUID()
      running = id
      told = {
        scavengeId: id,
        state: 'running',
        streamsDone: 0,
        streams: storage.stats().streams ?? 0,
        eventsRemoved: 0,
        bytesFreed: 0,
        startedAt: new Date().toISOString(),
      }
      run(id).then(
        () => end(id, running === id ? 'done' : 'stopped'),
        (error: unknown) => end(id, 'failed', error instanceof Error ? error.message : String(error)),
      )
      return { id, started: true }
    },
    /** False if no such scavenge is running. */
    stop: (id: string): boolean => {
      if (running !== id) return false
      running = undefined
      return true
    },
    /** Ends a running scavenge silently. */
    close: (): void => {
      running = undefined
      told = undefined
    },
    running: (): boolean => running !== undefined,
    /** The report of the last scavenge; undefined if there was none since the start. */
    progress: (): ScavengeProgress | undefined => told,
  }
}
