/** At a primary that is polled, looks often for what was closed lately, so that its visitors are out within a second even while a
 *  poll reads much. */
import type pg from 'pg'
import type { RawRow } from '../../../adapters/content/primary/codec.ts'
import type { PrimaryTable } from '../../../adapters/content/primary/columns.ts'
import { closedLately } from '../../../adapters/content/primary/poll.ts'
import { note } from '../../../adapters/content/primary/record.ts'
import { storeChanges } from '../../../adapters/content/primary/store.ts'
import { TABLES } from '../../../adapters/content/primary/tables.ts'
import { type FollowRun, inTransaction, tellSkipped } from './following.ts'

/** A row's time is when its transaction began, so what changed up to this long (ms) before the last look is read again. */
const OVERLAP_MS = 2_000
/** After each look it rests this many times as long as that took, at most so long (ms): a slow primary is asked seldom. */
const SHARE = 4
const LONGEST_REST_MS = 5_000
/** Rows that were stored are remembered for this long (ms), longer than a poll may take. */
const REMEMBER_MS = 120_000

export type AccessWatch = {
  /** The rows without those that were stored by a look since `readAt` (by performance.now()), which are older than what is here. */
  readonly notOlder: (
    table: PrimaryTable,
    raws: ReadonlyArray<RawRow>,
    readAt: number,
  ) => ReadonlyArray<RawRow>
  /** While everything is read as of one moment, whatever was closed after that moment is stored again and again. */
  readonly during: <A>(read: () => Promise<A>) => Promise<A>
  /** Throws if a look failed: nothing is looked at any more. */
  readonly check: () => void
  /** Rejects if a look failed. */
  readonly stop: () => Promise<void>
}

const keyOf = (table: PrimaryTable, raw: RawRow): string =>
  JSON.stringify([table.name, ...TABLES[table.name].key.map((name) => raw[name])])

/** `every`: milliseconds between looks, at least; 0 for none. */
export const watchAccess = (run: FollowRun, every: number): AccessWatch => {
  const stored = new Map<string, number>()
  let reading: { readonly since: number; isOver: boolean } | null = null
  let isOver = every === 0 || run.signal.aborted
  let wake = (): void => {}

  const store = async (table: PrimaryTable, raws: ReadonlyArray<RawRow>): Promise<void> => {
    if (raws.length === 0) return
    const taken = await inTransaction(run.here, async () => {
      const done = await storeChanges(
        run.here,
        raws.map((after) => ({ table: table.name, before: null, after })),
      )
      if (done.changed > 0) await note(run.here, { heardAt: new Date() }, done)
      return done
    })
    if (taken.changed > 0) tellSkipped(run.logger, taken)
    for (const raw of raws) stored.set(keyOf(table, raw), performance.now())
  }
  const forgetOld = (now: number): void => {
    for (const [key, at] of stored) {
      if (now - at < REMEMBER_MS) break
      stored.delete(key)
    }
  }
  const lookOften = async (client: pg.Client): Promise<void> => {
    let lastAt = performance.now()
    while (!isOver && !run.signal.aborted) {
      const from = performance.now()
      const during = reading
      // A reading that is over needs one more look: what it stored last was as old as its beginning.
      if (during?.isOver === true) reading = null
      const since = Math.min(lastAt, during?.since ?? lastAt)
      for (const table of run.primary.tables)
        await store(table, await closedLately(client, table, from - since + OVERLAP_MS))
      lastAt = from
      forgetOld(from)
      const took = performance.now() - from
      await Promise.race([
        run.rest(Math.max(every, Math.min(LONGEST_REST_MS, SHARE * took))),
        new Promise<void>((resolve) => {
          wake = resolve
        }),
      ])
    }
  }
  const looking = isOver ? Promise.resolve() : run.toPrimary().then(lookOften)
  let failure: unknown = null
  looking.catch((error) => {
    failure = error
  })

  return {
    notOlder: (table, raws, readAt) =>
      raws.filter((raw) => (stored.get(keyOf(table, raw)) ?? Number.NEGATIVE_INFINITY) < readAt),
    during: async (read) => {
      const began = { since: performance.now(), isOver: false }
      reading = began
      try {
        return await read()
      } finally {
        began.isOver = true
      }
    },
    check: () => {
      if (failure !== null) throw failure
    },
    stop: async () => {
      isOver = true
      wake()
      await looking
    },
  }
}
