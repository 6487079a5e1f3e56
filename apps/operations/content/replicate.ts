/** Follows a primary by Postgres' logical replication: first a copy of one moment, then every change since, each once. */
import type pg from 'pg'
import {
  type Lsn,
  lsnText,
  parseLsn,
  type ReplicationMessage,
} from '../../../adapters/content/primary/pgoutput.ts'
import { PUBLICATION } from '../../../adapters/content/primary/publication.ts'
import { note } from '../../../adapters/content/primary/record.ts'
import { createSlot, dropSlot, slotLives } from '../../../adapters/content/primary/slot.ts'
import { type RowChange, storeChanges } from '../../../adapters/content/primary/store.ts'
import { type ChangeStream, startStream } from '../../../adapters/content/primary/stream.ts'
import { isTableName, TABLES } from '../../../adapters/content/primary/tables.ts'
import { type FollowRun, inTransaction, sweep, tellSkipped } from './following.ts'

const TICK_MS = 1_000
/** A copy that a change requires (a truncated table, a row without its key) is made at most this often (ms). */
const COPY_AGAIN_MS = 5_000

/** What was sent is not enough: everything must be copied again. */
class CopyAnew extends Error {
  override readonly name = 'CopyAnew'
}

/** Makes a slot that begins at one moment, and copies the tables as of then. */
const copy = async (run: FollowRun, replication: pg.Client, old: string | null) => {
  const { here, control, primary } = run
  const slot = old ?? run.newSlot()
  // Noted before it is made, so that the next attempt finds it, whatever ends this one.
  await note(here, { state: 'copying', way: 'replication', slot, copied: false })
  await dropSlot(control, slot)
  const { snapshot, from } = await createSlot(replication, slot)
  const reading = await run.toPrimary()
  await reading.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await reading.query(`SET TRANSACTION SNAPSHOT '${snapshot}'`)
  const doubted = await sweep(run, reading, primary.tables)
  await reading.end()
  await note(here, {
    copied: true,
    primaryId: primary.id,
    appliedLsn: lsnText(from),
    sweptAt: new Date(),
  })
  return { slot, from, doubted: doubted.length > 0 }
}

const startFrom = async (run: FollowRun, replication: pg.Client) => {
  const { slot, copied, primaryId, appliedLsn } = run.bookmark
  const lives = slot === null ? 'no' : await slotLives(run.control, slot)
  if (slot !== null && copied && primaryId === run.primary.id && lives === 'yes' && appliedLsn !== null)
    return { slot, from: parseLsn(appliedLsn), doubted: false }
  run.logger.info({ slot: lives, copied }, 'All content is copied from the primary.')
  return copy(run, replication, slot)
}

type Read = {
  readonly changes: ReadonlyArray<RowChange>
  /** The end of the last transaction that is complete, and when it was committed. */
  readonly upTo: Lsn | null
  readonly at: number
  readonly isOpen: boolean
}

const read = (messages: ReadonlyArray<ReplicationMessage>, wasOpen: boolean): Read => {
  const changes: RowChange[] = []
  let upTo: Lsn | null = null
  let at = 0
  let isOpen = wasOpen
  for (const message of messages)
    switch (message.kind) {
      case 'begin':
        isOpen = true
        break
      case 'commit':
        isOpen = false
        upTo = message.end
        at = message.at
        break
      case 'row': {
        const { relation, before, after } = message
        if (relation.schema !== 'public' || !isTableName(relation.name)) break
        const { key } = TABLES[relation.name]
        const hasKey = (row: RowChange['before']) =>
          row !== null && key.every((name) => typeof row[name] === 'string')
        if (after === null && !hasKey(before))
          throw new CopyAnew(`a row of ${relation.name} went, without its key`)
        changes.push({ table: relation.name, before: hasKey(before) ? before : null, after })
        break
      }
      case 'truncate':
        throw new CopyAnew('a table was emptied')
      case 'other':
        break
      default:
        message satisfies never
    }
  return { changes, upTo, at, isOpen }
}

const follow = async (run: FollowRun, stream: ChangeStream, copyAgainAt: number): Promise<void> => {
  const { here, now } = run
  let isOpen = false
  let noted = 0
  while (!run.signal.aborted) {
    const messages = await stream.next(TICK_MS)
    if (now() >= copyAgainAt) throw new CopyAnew('a table was empty')
    const { changes, upTo, at, isOpen: open } = read(messages, isOpen)
    isOpen = open
    if (changes.length > 0 || upTo !== null) {
      const taken = await inTransaction(here, async () => {
        const stored = await storeChanges(here, changes)
        await note(
          here,
          {
            state: 'following',
            heardAt: new Date(stream.heard().at),
            ...(upTo === null ? {} : { appliedLsn: lsnText(upTo), lagMs: Math.max(0, Date.now() - at) }),
          },
          stored,
        )
        return stored
      })
      noted = now()
      tellSkipped(run.logger, taken)
      if (upTo !== null) stream.acknowledge(upTo)
    } else if (!isOpen && stream.isEmpty()) {
      // Changes of other tables are acknowledged too, or the primary would keep them.
      stream.acknowledge(stream.heard().end)
      if (now() - noted >= TICK_MS) {
        noted = now()
        await note(here, { state: 'following', heardAt: new Date(stream.heard().at), lagMs: 0 })
      }
    }
  }
}

/** Ends by throwing. `missing`: what to report about missing tables. */
export const replicate = async (run: FollowRun, missing: string): Promise<void> => {
  const replication = await run.toPrimary(true)
  const { slot, from, doubted } = await startFrom(run, replication)
  const stream = await startStream(replication, { slot, publication: PUBLICATION, from })
  try {
    await note(run.here, {
      way: 'replication',
      state: 'following',
      reason: missing === '' ? null : missing,
      lastError: null,
      failedAt: null,
    })
    run.isWell('replication')
    await follow(run, stream, doubted ? run.now() + run.emptyMs : Number.POSITIVE_INFINITY)
  } catch (error) {
    if (!(error instanceof CopyAnew)) throw error
    run.logger.info({ because: error.message }, 'All content is copied from the primary.')
    await note(run.here, { copied: false })
    await run.rest(Math.min(COPY_AGAIN_MS, run.emptyMs))
  } finally {
    stream.close()
  }
}
