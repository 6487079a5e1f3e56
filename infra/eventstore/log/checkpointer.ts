/** Keeps the write-ahead log short without holding up commits. A thread copies it into the file while commits go on;
 *  what they added meanwhile is copied here, between two commits, once it is little: then SQLite begins the log anew. */
import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { CheckpointResult, CheckpointTask } from './checkpoint-worker.ts'

/** In frames, of a page of 8 KiB each. Little and often: an fsync of much in the file holds up those of the log. */
const START_AT = 500
/** The fewest commits of the present size before a copy: large commits follow one another and change the same pages of
 *  the index, which are then copied once. */
const COMMITS = 64
/** The largest size before a copy, because the log is read at the next start. */
const MOST = 1_000
/** After this long without a commit, whatever is left is copied. */
const IDLE_MS = 500
/** Beyond this size the log is copied here, however long that takes, because it must not grow without end. */
const LIMIT = 32_768
const PAGE = 8192
/** How many pages a commit writes besides those full of events: the ends of the table and of the index. */
const PER_COMMIT = 3
const CLOSE_TIMEOUT_MS = 30_000

/** The bytes before a frame's page in the write-ahead log. */
const FRAME_HEADER = 24

const framesOf = (log: string): number => {
  try {
    return Math.floor(statSync(log).size / (PAGE + FRAME_HEADER))
  } catch {
    return 0
  }
}

/** `startAt`: how many frames make it worthwhile. */
export const createCheckpointer = (db: DatabaseSync, file: string, startAt = START_AT) => {
  const little = Math.ceil(startAt / 10)
  const inline = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  const closed = new Int32Array(new SharedArrayBuffer(4))
  let worker: Worker | undefined
  let working = false
  /** Frames in the log, as far as known: counted roughly at each commit, exactly at each checkpoint. */
  let frames = framesOf(`${file}-wal`)
  let uncopied = frames
  let limit = LIMIT
  let ended = false
  /** Pages of a commit, on average. */
  let usual = PER_COMMIT
  const due = (): number => Math.max(startAt, Math.min(MOST, COMMITS * (usual - PER_COMMIT)))

  const copyHere = (): void => {
    const row = inline.get()
    if (row?.busy !== 0) return
    const log = Number(row.log)
    uncopied = log - Number(row.checkpointed)
    // Everything is in the file: the next commit starts the log from its beginning.
    frames = uncopied === 0 ? 0 : log
    if (frames === 0) limit = LIMIT
  }

  const start = (): Worker => {
    const started = new Worker(new URL(`./checkpoint-worker${import.meta.url.slice(-3)}`, import.meta.url), {
      workerData: { file, closed } satisfies CheckpointTask,
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
    })
    started.unref()
    started.on('message', (result: CheckpointResult) => {
      if (ended) return
      working = false
      if (result === null) return
      // What was committed since the thread looked is counted on top.
      const since = Math.max(0, uncopied - asked)
      uncopied = result.log - result.copied + since
      frames = result.log + since
      if (uncopied <= little) copyHere()
      else if (uncopied >= due() / 2) ask()
    })
    started.on('error', () => {
      // Without the thread the log is copied here when it reaches its limit.
      working = true
      worker = undefined
    })
    return started
  }

  let asked = 0
  const ask = (): void => {
    working = true
    asked = uncopied
    worker ??= start()
    worker.postMessage('checkpoint')
  }

  let commits = 0
  let idle: NodeJS.Timeout | undefined
  const copyWhenIdle = (): void => {
    const seen = commits
    idle = setTimeout(() => {
      idle = undefined
      if (ended || uncopied < startAt) return
      if (seen !== commits) copyWhenIdle()
      else if (!working) ask()
    }, IDLE_MS)
    idle.unref()
  }

  return {
    /** Call this after each commit, with the bytes of its events. */
    committed: (bytes: number): void => {
      const pages = PER_COMMIT + Math.ceil((bytes * 1.1) / PAGE)
      usual += (pages - usual) / COMMITS
      frames += pages
      uncopied += pages
      // Not at each commit: a long reader (a backup) keeps the log from starting over.
      if (frames > limit) {
        copyHere()
        limit = Math.max(LIMIT, frames + startAt)
      }
      commits++
      if (!working && uncopied >= due()) ask()
      else if (idle === undefined && uncopied >= startAt) copyWhenIdle()
    },
    /** Call this after somebody else copied and emptied the log. */
    emptied: (): void => {
      frames = 0
      uncopied = 0
      limit = LIMIT
    },
    /** Frames in the write-ahead log, roughly. */
    frames: (): number => frames,
    /** Waits for the thread to close its connection, so that the writer's is the last and leaves one file. */
    close: (): void => {
      // By then, anything that the thread has sent and nobody has read is about a closed connection.
      ended = true
      clearTimeout(idle)
      if (worker === undefined) return
      worker.postMessage('close')
      Atomics.wait(closed, 0, 0, CLOSE_TIMEOUT_MS)
      worker = undefined
    },
  }
}
