/** At a primary that is polled, looks often at the rows of rooms that somebody is in and at what was closed lately, so that visitors who
 *  lost access are out within a second even while a poll reads much. */
import type pg from 'pg'
import type { RawRow } from '../../../adapters/content/primary/codec.ts'
import type { PrimaryTable } from '../../../adapters/content/primary/columns.ts'
import { changesThere, occupiedRows } from '../../../adapters/content/primary/occupied.ts'
import { closedLately } from '../../../adapters/content/primary/poll.ts'
import { note } from '../../../adapters/content/primary/record.ts'
import { type RowChange, storeChanges, type Taken } from '../../../adapters/content/primary/store.ts'
import { TABLES, type TableName } from '../../../adapters/content/primary/tables.ts'
import { type FollowRun, inTransaction, tellSkipped } from './following.ts'

/** A row's time is when its transaction began, so what changed up to this long (ms) before the last look is read again. */
const OVERLAP_MS = 2_000
/** After a look for which the primary took longer than this (ms) it rests so many times as long, at most `LONGEST_REST_MS`: a slow
 *  primary is asked seldom. */
const LONG_MS = 200
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

const keyOf = (table: TableName, raw: RawRow): string =>
  JSON.stringify([table, ...TABLES[table].key.map((name) => raw[name])])

/** What decides who may enter, and its time. */
const saidBy = (table: TableName, raw: RawRow | null): string =>
  JSON.stringify(raw && [raw.updated_at, ...TABLES[table].access.map((name) => raw[name])])

/** `every`: milliseconds between looks, at least; 0 for none. */
export const watchAccess = (run: FollowRun, every: number): AccessWatch => {
  /** When a look stored a row, and what it said of who may enter. */
  const stored = new Map<string, { readonly at: number; readonly said: string }>()
  let reading: { readonly since: number; isOver: boolean } | null = null
  let isOver = every === 0 || run.signal.aborted
  let wake = (): void => {}

  const store = async (changes: ReadonlyArray<RowChange>): Promise<Taken> => {
    const done = await storeChanges(run.here, changes)
    if (done.changed > 0) await note(run.here, { heardAt: new Date() }, done)
    return done
  }
  const told = (changes: ReadonlyArray<RowChange>, taken: Taken): void => {
    if (taken.changed > 0) tellSkipped(run.logger, taken)
    for (const { table, before, after } of changes)
      stored.set(keyOf(table, after ?? before ?? {}), { at: performance.now(), said: saidBy(table, after) })
  }
  /** Milliseconds that the primary took for the questions of one look. */
  let primaryMs = 0
  const asking = async <A>(ask: () => Promise<A>): Promise<A> => {
    const from = performance.now()
    const answer = await ask()
    primaryMs += performance.now() - from
    return answer
  }
  /** Posts and documents that were closed since `ms` milliseconds ago, whether anybody is in them or not. */
  const takeClosed = async (client: pg.Client, ms: number): Promise<void> => {
    for (const table of run.primary.tables) {
      const raws = await asking(() => closedLately(client, table, ms))
      // What an earlier look stored need not be stored again, unless a reading may undo it.
      const fresh = raws.filter(
        (raw) => reading !== null || stored.get(keyOf(table.name, raw))?.said !== saidBy(table.name, raw),
      )
      if (fresh.length === 0) continue
      const changes = fresh.map((after) => ({ table: table.name, before: null, after }))
      told(changes, await inTransaction(run.here, () => store(changes)))
    }
  }
  /** In one transaction here, so that nothing newer that a poll reads meanwhile is stored before it. */
  const takeOccupied = async (client: pg.Client): Promise<void> => {
    const { changes, taken } = await inTransaction(run.here, async () => {
      const occupied = await occupiedRows(run.here)
      const differing = await asking(() => changesThere(client, run.primary.tables, occupied))
      return { changes: differing, taken: await store(differing) }
    })
    told(changes, taken)
  }
  const forgetOld = (now: number): void => {
    for (const [key, { at }] of stored) {
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
      primaryMs = 0
      await takeOccupied(client)
      await takeClosed(client, from - since + OVERLAP_MS)
      lastAt = from
      forgetOld(from)
      await Promise.race([
        run.rest(primaryMs < LONG_MS ? every : Math.max(every, Math.min(LONGEST_REST_MS, SHARE * primaryMs))),
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
      raws.filter((raw) => (stored.get(keyOf(table.name, raw))?.at ?? Number.NEGATIVE_INFINITY) < readAt),
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
