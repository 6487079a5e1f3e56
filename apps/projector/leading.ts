/** Leading: the position of the tables when the lead is taken, and each batch as one transaction with the checkpoint. */
import { NoOwnSession } from '../../adapters/postgres/own-session.ts'
import type { DatabaseSession } from '../../adapters/postgres/session.ts'
import type { EventLog } from '../../domain/ports.ts'
import { forgetBlocks } from '../../projections/audit/counts.ts'
import { type AuditMemory, auditMemory } from '../../projections/audit/fold.ts'
import { lastAudit } from '../../projections/audit/queries.ts'
import { advance, takeLead } from '../../projections/checkpoint.ts'
import { type ParkedEvent, parkedStreams } from '../../projections/parked.ts'
import {
  appendAudit,
  applyCut,
  applyToTables,
  auditRowsFor,
  type Readable,
} from '../operations/tables/apply.ts'
import { holdToArchives, holdToLog } from '../operations/tables/same-log.ts'
import { treeUpTo } from '../operations/tables/tree.ts'
import type { ProjectorLogger } from './logger.ts'

/** Somebody else moved the checkpoint, so the state here is out of date. */
class LostLead extends Error {
  override readonly name = 'LostLead'
}

/** The leader's state. */
export type Lead = {
  readonly epoch: bigint
  position: bigint | null
  memory: AuditMemory
  parked: Set<string>
}

export const takeTheLead = async (
  session: DatabaseSession,
  log: EventLog,
  logger: ProjectorLogger,
): Promise<Lead> => {
  const [checkpoint] = await session.run(takeLead())
  const [last] = await session.run(lastAudit())
  const parked = await session.run(parkedStreams())
  const epoch = checkpoint?.epoch as bigint
  await holdToLog(session, log)
  await holdToArchives(session, log)
  // Continues from the last event that is in the tables. The checkpoint may be beyond it, past bookkeeping that a log
  // which went back no longer has: what has since been written there would be skipped.
  const position = (last?.position as bigint | undefined) ?? null
  if (position !== checkpoint?.position) {
    const moved = await session.run(advance((checkpoint?.position as bigint | null) ?? null, position, epoch))
    if (moved.length === 0) throw new LostLead('Another projector leads.')
  }
  // Usually the tree has what the audit log has; the log is read only if not.
  const audited = (last?.position as bigint | undefined) ?? null
  const tree = await treeUpTo(session, log, audited, (error) =>
    logger.error({ error: error.message }, 'The log’s tree was torn, and is made anew from the log.'),
  )
  return {
    epoch,
    position,
    memory: auditMemory(last === undefined ? null : { hash: last.hash as string, tree }),
    parked: new Set(parked.map(({ stream }) => String(stream))),
  }
}

/** `to`: the checkpoint after them, which may be past the last. */
export type EventBatch = { readonly events: ReadonlyArray<Readable>; readonly to: bigint }

/** For tests: called inside the transaction, after the rows and before the commit. */
export type BeforeCommit = (to: bigint) => Promise<void>

/** Writes one batch in one transaction. On any error nothing of it is there, except for a commit whose answer was lost. */
export const commit = async (
  session: DatabaseSession,
  leading: Lead,
  { events, to }: EventBatch,
  { careful, beforeCommit }: { readonly careful: boolean; readonly beforeCommit: BeforeCommit | undefined },
): Promise<ReadonlyArray<ParkedEvent>> => {
  const { hash, tree } = leading.memory
  const parked = new Set(leading.parked)
  try {
    const aside = await session.transaction(async () => {
      const [moved] = await session.run(advance(leading.position, to, leading.epoch))
      if (moved === undefined) throw new LostLead('Another projector leads.')
      // The lock belongs to that backend: what another one writes is written without the lock.
      if (moved.backend !== session.backend) throw new NoOwnSession()
      if (events.length === 0) return []
      if (parked.size > 0) {
        // A retry may have released streams; it holds the checkpoint meanwhile, so this is the current state.
        parked.clear()
        for (const { stream } of await session.run(parkedStreams())) parked.add(String(stream))
      }
      await appendAudit(session, await auditRowsFor(session, events, leading.memory))
      const parkedNow = await applyToTables(session, events, parked, { careful })
      if (await applyCut(session, events))
        for (const statement of forgetBlocks()) await session.run(statement)
      await beforeCommit?.(to)
      return parkedNow
    })
    leading.parked = parked
    leading.position = to
    return aside
  } catch (error) {
    Object.assign(leading.memory, { hash, tree })
    throw error
  }
}
