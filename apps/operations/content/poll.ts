/** Follows a primary without replication: asks repeatedly what changed, and reads everything once a night. */
import type { PrimaryTable } from '../../../adapters/content/primary/columns.ts'
import { changedSince, countOf, digestOf, markNow, timesOf } from '../../../adapters/content/primary/poll.ts'
import { type Noted, note } from '../../../adapters/content/primary/record.ts'
import { storeChanges } from '../../../adapters/content/primary/store.ts'
import { type AccessWatch, watchAccess } from './access-watch.ts'
import { type FollowRun, inTransaction, sweep, tellSkipped } from './following.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** How often rows are counted on both sides, since a deleted row can't be found by its time. */
const COUNT_MS = 60_000
/** A poll that took longer than this (ms) is followed by a longer rest, so that the primary has most of its time for others. */
const LONG_MS = 250
const SHARE = 4
const LONGEST_REST_MS = 5_000

/** The last time that it was the hour of the nightly read. */
const lastNight = (now: number, hour: number): number => {
  const today = Math.floor(now / DAY_MS) * DAY_MS + hour * HOUR_MS
  return today <= now ? today : today - DAY_MS
}

type Marks = Record<string, string>

// The access watch uses the connection too, so each of these waits for its turn.
const countHere = (run: FollowRun, table: string): Promise<number> =>
  inTransaction(run.here, () => countOf(run.here, table))
const noteHere = (run: FollowRun, noted: Noted): Promise<void> =>
  inTransaction(run.here, () => note(run.here, noted))

/** Reads all of some tables, as of one moment. */
const sweepAll = async (run: FollowRun, tables: ReadonlyArray<PrimaryTable>, marks: Marks): Promise<void> => {
  const { control } = run
  await control.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const mark = await markNow(control)
  const digests = new Map<string, string>()
  const counts = new Map<string, number>()
  for (const table of tables) {
    if (timesOf(table).length === 0) digests.set(table.name, await digestOf(control, table))
    counts.set(table.name, await countOf(control, table.name))
  }
  const doubted = await sweep(run, control, tables)
  await control.query('COMMIT')
  for (const table of tables) {
    if (doubted.includes(table)) continue
    marks[table.name] = digests.get(table.name) ?? mark
    // Rows that can't be used here, or come twice, make no difference.
    marks[`${table.name} more`] = String((counts.get(table.name) ?? 0) - (await countHere(run, table.name)))
  }
  await noteHere(run, { marks, ...(doubted.length === 0 ? { sweptAt: new Date(run.now()) } : {}) })
}

/** `between`: what else is due while much is read. */
const pollTable = async (
  run: FollowRun,
  table: PrimaryTable,
  marks: Marks,
  { watch, between }: { readonly watch: AccessWatch; readonly between: () => Promise<void> },
): Promise<void> => {
  const { here, control } = run
  const mark = marks[table.name]
  if (mark === undefined) return watch.during(() => sweepAll(run, [table], marks))
  if (timesOf(table).length === 0) {
    if ((await digestOf(control, table)) !== mark) await sweepAll(run, [table], marks)
    return
  }
  const next = await markNow(control)
  let readAt = performance.now()
  for await (const read of changedSince(control, table, mark)) {
    const raws = watch.notOlder(table, read, readAt)
    const taken = await inTransaction(here, async () => {
      const stored = await storeChanges(
        here,
        raws.map((after) => ({ table: table.name, before: null, after })),
      )
      await note(here, { heardAt: new Date() }, stored)
      return stored
    })
    tellSkipped(run.logger, taken)
    if (run.signal.aborted) throw new Error('stopped')
    await between()
    readAt = performance.now()
  }
  marks[table.name] = next
}

const hasOtherCount = async (run: FollowRun, table: PrimaryTable, marks: Marks): Promise<boolean> => {
  const more = (await countOf(run.control, table.name)) - (await countHere(run, table.name))
  return String(more) !== marks[`${table.name} more`]
}

/** Asks every table once. One that does not say when its rows changed is looked at again while the others have much to read. */
const pollOnce = async (run: FollowRun, marks: Marks, watch: AccessWatch): Promise<void> => {
  const isTimed = (table: PrimaryTable) => timesOf(table).length > 0
  let asked = Number.NEGATIVE_INFINITY
  const pollUntimed = async (): Promise<void> => {
    if (performance.now() - asked < run.pollMs) return
    for (const table of run.primary.tables)
      if (!isTimed(table)) await pollTable(run, table, marks, { watch, between: async () => {} })
    asked = performance.now()
  }
  await pollUntimed()
  for (const table of run.primary.tables)
    if (isTimed(table)) await pollTable(run, table, marks, { watch, between: pollUntimed })
}

/** Ends when the primary may allow streaming by now (after `againMs`), or by throwing. */
export const pollPrimary = async (run: FollowRun, reason: string, againMs: number | null): Promise<void> => {
  await noteHere(run, { way: 'polling', reason, copied: false })
  const watch = watchAccess(run, run.accessMs)
  try {
    await pollUntil(run, againMs, watch)
  } finally {
    await watch.stop()
  }
}

const pollUntil = async (run: FollowRun, againMs: number | null, watch: AccessWatch): Promise<void> => {
  const { primary, bookmark, now } = run
  const began = now()
  const isKnown = bookmark.primaryId === primary.id
  const marks: Marks = isKnown ? { ...bookmark.marks } : {}
  let sweptAt = isKnown ? (bookmark.sweptAt?.getTime() ?? 0) : 0
  let countedAt = now()
  while (!run.signal.aborted) {
    const from = now()
    if (sweptAt < lastNight(from, run.sweepHour)) {
      await noteHere(run, { state: 'copying' })
      await watch.during(() => sweepAll(run, primary.tables, marks))
      await noteHere(run, { primaryId: primary.id })
      sweptAt = now()
    }
    watch.check()
    const asked = now()
    await pollOnce(run, marks, watch)
    const took = now() - asked
    if (from - countedAt >= COUNT_MS) {
      countedAt = from
      for (const table of primary.tables)
        if (await hasOtherCount(run, table, marks)) await watch.during(() => sweepAll(run, [table], marks))
    }
    await noteHere(run, {
      marks,
      state: 'following',
      heardAt: new Date(),
      lagMs: now() - from,
      lastError: null,
      failedAt: null,
    })
    run.isWell('polling')
    if (againMs !== null && now() - began >= againMs) return
    await run.rest(Math.max(run.pollMs, took < LONG_MS ? took : Math.min(LONGEST_REST_MS, SHARE * took)))
  }
}
