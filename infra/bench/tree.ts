/** Measures what the tree adds to the projector as events come: the same small commits with it and without it, in
 *  turns. */
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { connectSession } from '../../adapters/postgres/session.ts'
import { appendAudit, applyToTables, auditRowsFor, readable } from '../../apps/operations/tables/apply.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { auditMemory } from '../../projections/audit/fold.ts'
import { written } from '../../projections/audit/written.ts'
import { copyLeaves, EMPTY_TREE, grow } from '../../projections/proof/tree.ts'
import { median, processorMs } from './processor.ts'

/** Events per commit: what arrives in about ten milliseconds on a busy server. */
const BATCH = 50
const BATCHES = 240

export type TreeLive = {
  /** Milliseconds per commit of `batch` events: elapsed, and of processor time (of this process and of PostgreSQL). */
  readonly batch: number
  readonly without: { readonly wall: number; readonly processor: number }
  readonly with: { readonly wall: number; readonly processor: number }
  readonly added: number
  readonly addedWall: number
}

/** Uses a migrated, empty database, and applies the first events of `log`. */
export const treeLive = async (log: EventLog, databaseUrl: string): Promise<TreeLive> => {
  const page = await log.readAll({ limit: BATCH * BATCHES, prefixes: STREAM_PREFIXES })()
  if (E.isLeft(page)) throw new Error(page.left._tag)
  const events = page.right.map(readable)
  const session = await connectSession(databaseUrl, 'bench')
  try {
    await session.exec('SET synchronous_commit = off')
    const [told] = await session.run(sql.unsafe`SELECT pg_backend_pid() AS pid`)
    const backend = Number(told?.pid)
    const used = (): number => processorMs(process.pid) + processorMs(backend)
    const memory = auditMemory(null)
    const turns = { without: [] as number[][], with: [] as number[][] }
    for (let at = 0, i = 0; at + BATCH <= events.length; at += BATCH, i += 1) {
      const batch = events.slice(at, at + BATCH)
      const withTree = i % 2 === 0
      const before = [performance.now(), used()] as const
      await session.transaction(async () => {
        const audit = await auditRowsFor(session, batch, memory)
        if (withTree) await appendAudit(session, audit)
        else if (audit !== null) await session.copy(audit.copies[0]!)
        await applyToTables(session, batch, new Set(), { careful: false })
      })
      const turn = [performance.now() - before[0], used() - before[1]]
      if (at > (BATCH * BATCHES) / 6) turns[withTree ? 'with' : 'without'].push(turn)
    }
    // The tree's rows are made in both cases; the time that takes is not counted in `without`.
    const leaves = events
      .slice(0, BATCH)
      .map(({ recorded }) => ({ position: recorded.position, hash: written(recorded).leaf }))
    const begun = process.cpuUsage()
    for (let i = 0; i < 200; i += 1) copyLeaves(grow(EMPTY_TREE, leaves).lines)
    const spent = process.cpuUsage(begun)
    const growing = (spent.user + spent.system) / 1_000 / 200
    const of = (all: ReadonlyArray<ReadonlyArray<number>>, less: number) => ({
      wall: median(all.map(([wall]) => wall!)) - less,
      processor: median(all.map(([, processor]) => processor!)) - less,
    })
    const [without, grown] = [of(turns.without, growing), of(turns.with, 0)]
    return {
      batch: BATCH,
      without,
      with: grown,
      added: grown.processor / without.processor - 1,
      addedWall: grown.wall / without.wall - 1,
    }
  } finally {
    await session.close()
  }
}
