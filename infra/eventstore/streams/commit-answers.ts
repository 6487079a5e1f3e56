/** Commits between their transaction and their answers: an fsync puts them on the disk, then everyone is told. */
import type { Storage } from '../log/storage.ts'
import type { StoredEvent } from '../protocol/record.ts'
import type { Alongside, AppendOutcome, AppendRequest } from './append-request.ts'

/** What one commit took up, to be answered when it is on the disk. */
export type Committed = {
  readonly group: ReadonlyArray<AppendRequest>
  readonly outcomes: ReadonlyArray<AppendOutcome>
  readonly own: ReadonlyArray<Alongside>
  readonly written: ReadonlyArray<StoredEvent>
}

/** From this many events on, a thread does the fsync, so that this one can go on with the next commit; for less, the
 *  hand-over costs more than the fsync. */
const WORTH_A_THREAD = 16

/** SQLITE_FULL: the log's file took less than the whole transaction, so no reader and no recovery will find one there.
 *  Of any other failure that can't be said. */
const isDiskFull = (error: Error): boolean => 'errcode' in error && error.errcode === 13

const failed = (cause: Error): AppendOutcome =>
  isDiskFull(cause) ? { tag: 'full' } : { tag: 'failed', cause: cause.message }

export const createCommitAnswers = (
  storage: Storage,
  publish: (events: ReadonlyArray<StoredEvent>) => void,
  {
    answered,
    lagMs,
  }: {
    /** Called when some requests were answered. */
    readonly answered: () => void
    /** For this long, what was committed is neither acknowledged nor read, while refusals because of it are told at
     *  once. */
    readonly lagMs: number
  },
) => {
  /** Committed, and waiting for an fsync; and those for which one is under way. */
  let unsynced: Committed[] = []
  let syncing: Committed[] = []
  let lagging: NodeJS.Timeout | undefined

  const answer = ({ group, outcomes, own, written }: Committed, error: Error | undefined): void => {
    for (const [i, request] of group.entries())
      request.done(error === undefined ? outcomes[i]! : failed(error))
    for (const one of own) one.done(error === undefined)
    if (error === undefined && written.length > 0) publish(written)
  }

  const answerSynced = (error: Error | undefined): void => {
    const these = syncing
    syncing = []
    for (const one of these) answer(one, error)
    answered()
  }

  /** What was committed since the last fsync began goes into the next one together; commits go on meanwhile. */
  const sync = (): void => {
    if (syncing.length > 0 || unsynced.length === 0) return
    syncing = unsynced
    unsynced = []
    const mine = syncing
    storage.sync((error) => {
      // Unless somebody waited for it meanwhile.
      if (syncing === mine) answerSynced(error)
      sync()
    })
  }

  /** The rest of a commit, where what it refuses is told already. */
  const refuse = ({ group, outcomes, ...rest }: Committed): Committed => {
    const isRefused = (i: number): boolean => outcomes[i]!.tag !== 'appended'
    for (const [i, request] of group.entries()) if (isRefused(i)) request.done(outcomes[i]!)
    const isLeft = (_: unknown, i: number): boolean => !isRefused(i)
    return { ...rest, group: group.filter(isLeft), outcomes: outcomes.filter(isLeft) }
  }

  const lag = (): void => {
    lagging ??= setTimeout(() => {
      lagging = undefined
      sync()
    }, lagMs)
  }

  const answerAll = (error?: Error): void => {
    syncing = [...syncing, ...unsynced]
    unsynced = []
    answerSynced(error)
  }

  const syncNow = (): void => {
    clearTimeout(lagging)
    lagging = undefined
    let failure: Error | undefined
    try {
      storage.syncNow()
    } catch (error) {
      failure = error as Error
    }
    answerAll(failure)
  }

  return {
    isSyncing: (): boolean => syncing.length > 0,

    /** The commit waits for the next fsync. */
    add: (committed: Committed): void => {
      unsynced.push(lagMs > 0 ? refuse(committed) : committed)
    },

    /** Starts the fsync that the last commit needs. */
    follow: ({ written, own }: Committed): void => {
      // Even an answer that wrote nothing may depend on what is not on the disk yet.
      const nothing = written.length === 0 && own.length === 0 && storage.isSynced()
      if (lagMs > 0) lag()
      else if (nothing) answerAll()
      else if (syncing.length === 0 && written.length < WORTH_A_THREAD) syncNow()
      else sync()
    },

    /** Waits for the disk, and answers all. */
    syncNow,

    /** Tells the callers of a commit that failed. */
    fail: (group: ReadonlyArray<AppendRequest>, own: ReadonlyArray<Alongside>, error: Error): void =>
      answer({ group, outcomes: [], own, written: [] }, error),
  }
}
