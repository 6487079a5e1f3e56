/** A client's own projection: it follows the log, gives its query the events that it asks for, and writes what came of
 *  them, its states and its position in one transaction. So each event counts once, whatever happens to the process. */
import type { Storage } from '../log/storage.ts'
import { breathe } from '../server/grpc.ts'
import type { Appender } from '../streams/append.ts'
import type { Hub } from '../subscriptions/hub.ts'
import type { OwnSettings, OwnStore } from './own-store.ts'
import { commit, isOnce, nextOf, outcomesOf, writesOf } from './own-work.ts'
import { type RunningQuery, startQuery } from './query.ts'

export type OwnParts = { readonly storage: Storage; readonly appender: Appender; readonly hub: Hub }
type Status = 'Running' | 'Stopped' | 'Aborted' | 'Faulted' | 'Completed'
export type OwnProjection = ReturnType<typeof createOwnProjection>

/** After this many events of no interest, the position is written down. */
const SAVE_EVERY = 2_000
/** The pause after a commit that failed (a full disk, say), in milliseconds. */
const RETRY_MS = 1_000

export const createOwnProjection = (
  { storage, appender, hub }: OwnParts,
  store: OwnStore,
  settings: OwnSettings,
  begins: { readonly isOn: boolean },
) => {
  const { name } = settings
  const own = { storage, settings, store }
  let status: Status = begins.isOn ? 'Running' : 'Stopped'
  let reason = ''
  let checkpoint = store.checkpoint()
  let unsaved = 0
  let processed = 0
  let isBusy = false
  /** Whether there may be new events since it last looked. */
  let isAsked = false
  /** Counts the requests to it: work begun before the latest one is not written. */
  let turns = 0
  let query: RunningQuery | undefined
  let retry: NodeJS.Timeout | undefined
  /** The state that is being committed: nobody is told of it until it is on the disk. */
  let writing: Promise<unknown> = Promise.resolve()
  /** The callers that wait until its query has been read, or will not be. */
  let readers: Array<() => void> = []

  const dropQuery = (): void => {
    query?.close()
    query = undefined
  }
  const tellReaders = (): void => {
    for (const tell of readers) tell()
    readers = []
  }
  const fail = (error: unknown): void => {
    dropQuery()
    tellReaders()
    status = 'Faulted'
    reason = error instanceof Error ? error.message : String(error)
  }

  const begin = async (turn: number): Promise<RunningQuery | undefined> => {
    if (query !== undefined)
      return query
      // Both are read at one moment: a commit may have been under way when it was stopped.
    ;[checkpoint, unsaved] = [store.checkpoint(), 0]
    const started = await startQuery({ ...settings, kept: store.states() })
    if (turn !== turns) {
      started.close()
      return undefined
    }
    query = started
    tellReaders()
    return started
  }

  /** True if there may be more to do. */
  const advance = async (turn: number): Promise<boolean> => {
    const running = await begin(turn)
    if (running === undefined) return true
    const { seen, positions, last } = nextOf(own, running.definition, checkpoint)
    if (last === checkpoint) {
      if (!isOnce(settings)) return false
      stop('Completed')
      store.keepOn(false)
      return false
    }
    if (seen.length === 0) {
      unsaved += last - checkpoint
      checkpoint = last
      if (unsaved >= SAVE_EVERY) store.keepCheckpoint(last)
      if (unsaved >= SAVE_EVERY) unsaved = 0
      return true
    }
    const { done, failed } = await outcomesOf(own, running, seen)
    if (turn !== turns) return true
    const place = failed === undefined ? last : (positions[failed.at - 1] ?? checkpoint)
    const written = commit(appender, own, {
      isStill: () => turn === turns,
      position: place,
      ...writesOf(own, running.definition, done, { seen, positions }),
      done,
    })
    writing = written
    const isKept = await written
    if (turn !== turns) return true
    if (!isKept) {
      dropQuery()
      retry = setTimeout(step, RETRY_MS)
      return false
    }
    ;[checkpoint, unsaved] = [place, 0]
    processed += done.filter((outcome) => outcome !== null).length
    if (failed !== undefined) {
      const { sequenceNumber, streamId } = seen[failed.at]!
      throw new Error(`${failed.why} (at ${sequenceNumber}@${streamId})`)
    }
    return true
  }

  const tryToAdvance = async (): Promise<boolean> => {
    const turn = turns
    try {
      return await advance(turn)
    } catch (error) {
      // It was stopped meanwhile, which ended its process.
      if (turn === turns) fail(error)
      return turn !== turns
    }
  }
  const work = async (): Promise<void> => {
    isBusy = true
    do {
      isAsked = false
      while (status === 'Running' && (await tryToAdvance())) await breathe()
    } while (isAsked && status === 'Running')
    isBusy = false
  }
  const step = (): void => {
    isAsked = true
    if (!isBusy && status === 'Running') void work()
  }
  const stop = (as: Status): void => {
    turns++
    clearTimeout(retry)
    status = as
    reason = ''
    dropQuery()
    tellReaders()
  }

  const unlisten = hub.listen(step)
  setImmediate(step)
  return {
    name,
    settings,
    status: (): Status => status,
    reason: (): string => reason,
    isOn: (): boolean => status === 'Running',
    /** Resolves once its query has been read, or will not be, and what it has written is on the disk. */
    read: async (): Promise<void> => {
      if (query === undefined && status === 'Running')
        await new Promise<void>((resolve) => {
          readers.push(resolve)
        })
      await writing
    },
    position: (): number => checkpoint,
    processed: (): number => processed,
    /** Starts it where it stopped, or stops it. The choice survives a restart. */
    turn: (on: boolean): void => {
      if (on && status === 'Running') return
      stop(on ? 'Running' : 'Stopped')
      store.keepOn(on)
      setImmediate(step)
    },
    abort: (): void => {
      stop('Aborted')
      store.keepOn(false)
    },
    /** From the first event on, with no states. */
    reset: (): void => {
      const was = status
      stop(was === 'Faulted' ? 'Running' : was)
      store.reset()
      ;[checkpoint, unsaved, processed] = [-1, 0, 0]
      setImmediate(step)
    },
    close: (): void => {
      stop('Stopped')
      unlisten()
    },
  }
}
