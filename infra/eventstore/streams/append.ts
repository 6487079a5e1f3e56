/** The group commit: all appends that came meanwhile go into one transaction and one fsync. */
import type { Storage } from '../log/storage.ts'
import type { StoredEvent } from '../protocol/record.ts'
import { createAppendQueue } from './append-queue.ts'
import type { Alongside, AppendOutcome, AppendRequest } from './append-request.ts'
import { type Committed, createCommitAnswers } from './commit-answers.ts'
import { createCommitPace } from './commit-pace.ts'
import { write, writeOwn } from './writing.ts'

export type Appender = ReturnType<typeof createAppender>

const NOTHING_COMMITTED: Committed = { group: [], outcomes: [], own: [], written: [] }

export const createAppender = (
  storage: Storage,
  publish: (events: ReadonlyArray<StoredEvent>) => void,
  { now = Date.now, lagMs = 0 }: { readonly now?: () => number; readonly lagMs?: number } = {},
) => {
  const queue = createAppendQueue()
  const answers = createCommitAnswers(storage, publish, { answered: queue.resume, lagMs })

  const commit = (): Committed => {
    const group = queue.takeGroup()
    const own = queue.takeAlongside()
    const written: StoredEvent[] = []
    const outcomes: AppendOutcome[] = []
    try {
      const time = now()
      const batch = { storage, ticks: `${time}0000`, written }
      storage.transaction(() => {
        storage.at(time)
        for (const request of group) outcomes.push(write(batch, request, now()))
        for (const one of own) one.write((name, event) => writeOwn(batch, name, event))
      })
      return { group, outcomes, own, written }
    } catch (error) {
      answers.fail(group, own, error as Error)
      return NOTHING_COMMITTED
    }
  }

  const commitGroup = (): void => {
    if (queue.isEmpty()) return
    pace.commitBegins(answers.isSyncing())
    const committed = commit()
    answers.add(committed)
    answers.follow(committed)
    if (!queue.isEmpty()) pace.schedule()
  }
  const pace = createCommitPace(queue, commitGroup)

  return {
    /** Queues the append for the next commit; `done` is called after its fsync. */
    append: (request: AppendRequest): void => {
      queue.add(request)
      pace.schedule()
    },

    /** True if the caller should stop reading; `resume` is called when it may go on. */
    full: queue.full,

    /** Writes it in the next commit's transaction; `done` is called after its fsync. */
    alongside: (own: Alongside): void => {
      queue.addAlongside(own)
      pace.schedule()
    },

    /** Commits what is queued, now, and waits for the disk. */
    drain: (): void => {
      while (!queue.isEmpty()) answers.add(commit())
      answers.syncNow()
    },
  }
}
