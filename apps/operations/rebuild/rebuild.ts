/** Rebuilds all tables from the log, beside the live ones, and swaps them in one transaction. A rebuild that is
 *  interrupted has changed nothing: the next one starts over. */
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { isDataError } from '../../../adapters/postgres/errors.ts'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { takeLock } from '../../../adapters/postgres/take-lock.ts'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { type AuditMemory, auditMemory } from '../../../projections/audit/fold.ts'
import { type Only, PROJECTION_NAMES } from '../../../projections/batch.ts'
import { ADVANCED, holdCheckpoint, putCheckpoint, readCheckpoint } from '../../../projections/checkpoint.ts'
import { parkedStreams } from '../../../projections/parked.ts'
import { readErrorInWords } from '../read-error.ts'
import {
  type Audit,
  appendAudit,
  applyCut,
  applyToTables,
  auditRowsFor,
  batchFrom,
  type Readable,
  readable,
  writeTail,
} from '../tables/apply.ts'
import { whyOtherLog } from '../tables/same-log.ts'
import { type ShapeFaults, shapeFaults } from '../tables/shape.ts'
import { compareTables, type TableDifference } from './compare.ts'
import {
  type AuditRange,
  CutMeanwhile,
  EVERY_ROW,
  type LiveAudit,
  openLiveAudit,
  withRange,
} from './live-audit.ts'
import { dropStale, indexShadow, makeShadow, swapShadow } from './shadow-tables.ts'

export type RebuildProgress = {
  readonly phase: 'reading' | 'indexing' | 'catching up' | 'comparing' | 'swapping'
  readonly events: number
  readonly position: bigint | null
  /** The log's last position when it began. */
  readonly target: bigint | null
  readonly seconds: number
}
export type RebuildOptions = {
  readonly log: EventLog
  readonly databaseUrl: string
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Compare with the live tables before the swap, both at one position, in a transaction that sees nothing later, so
   *  that nobody waits for it. What comes between that and the swap is put into both by the same code. Default: no. */
  readonly compare?: boolean
  /** False: leave the live tables as they are. Default: true. */
  readonly swap?: boolean
  /** If there is no swap, keep the new tables in their own schema until the next rebuild. Default: no. */
  readonly keep?: boolean
  /** One of `PROJECTION_NAMES`: rebuild only its tables. Default: all. */
  readonly only?: string | undefined
  /** Instead of a swap: inspects the live and the new tables at one position, in a transaction that sees nothing later,
   *  so that nobody waits for it. The new ones have their keys but no other indexes, and are dropped afterwards. */
  readonly inspect?: (made: {
    readonly session: DatabaseSession
    readonly schema: string
    /** How the live tables differ from what the migrations make. */
    readonly shape: ShapeFaults
    /** Null if nothing was ever projected: then the new tables are at the log's end. */
    readonly position: bigint | null
    readonly onLive: boolean
    /** The rows of the audit log that were not found alike while the log was read. Of the others, the new table has only
     *  those of who joined. */
    readonly unlike: ReadonlyArray<AuditRange>
  }) => Promise<void>
  /** If the tables are inspected: whether the audit log's rows are compared by digests while the log is read, which throws
   *  `CutMeanwhile` if that can't be. */
  readonly byDigests?: boolean
  readonly batchSize?: number
  /** Called with every event that is read, once and in order. */
  readonly onEvents?: (events: ReadonlyArray<Readable>) => Promise<void>
  /** A sentence if keys were missing under which the log was sealed: then nothing is swapped, since what they seal
   *  would be blank for good. */
  readonly missingKeys?: () => string | null
}
export type Rebuilt = {
  readonly events: number
  readonly position: bigint | null
  readonly seconds: number
  /** Milliseconds: waiting for the log, decoding and folding, waiting for Postgres to write, building indexes. */
  readonly spent: {
    readonly reading: number
    readonly folding: number
    readonly writing: number
    readonly indexing: number
  }
  readonly parkedStreams: number
  /** A sentence if the live tables were made from another log: then there was nothing to compare. */
  readonly otherLog: string | null
  /** Null if nothing was compared, because it was not requested or the live tables are behind. */
  readonly differences: ReadonlyArray<TableDifference> | null
  /** If they were to be compared: a sentence for each way in which the live tables are not what the migrations make. */
  readonly shape: ReadonlyArray<string>
  /** The schema of the new tables if they are kept, else null. */
  readonly schema: string | null
}
class RebuildError extends Error {
  override readonly name = 'RebuildError'
}

type Work = {
  readonly session: DatabaseSession
  readonly memory: AuditMemory
  parked: Set<string>
  position: bigint | null
  events: number
  readonly only: Only
  readonly live: LiveAudit | null
  /** The position of the last event that was folded for the audit log. */
  folded: bigint | null
  unlike: ReadonlyArray<AuditRange>
  readonly onEvents: NonNullable<RebuildOptions['onEvents']>
  readonly spent: { reading: number; folding: number; writing: number; indexing: number }
}

/** Whether these events' rows of the audit log are compared with the live ones, instead of being written. */
const isCompared = ({ live }: Work, [first]: ReadonlyArray<Readable>): boolean =>
  live !== null && first !== undefined && (live.cutAt === null || first.recorded.position > live.cutAt)

const cutWith = async (work: Work, events: ReadonlyArray<Readable>): Promise<void> => {
  const isCut = await applyCut(work.session, events, work.only)
  if (isCut && isCompared(work, events.slice(-1))) throw new CutMeanwhile()
}

/** Writes the tables of one batch; Postgres works while the caller prepares the next. */
const writeBatch = async (
  work: Work,
  events: ReadonlyArray<Readable>,
  audit: Audit | null,
): Promise<void> => {
  const { session } = work
  const once = async (careful: boolean): Promise<void> => {
    const parked = new Set(work.parked)
    await session.transaction(async () => {
      if (work.only === 'audit') await appendAudit(session, audit)
      else await applyToTables(session, events, parked, { careful, fresh: true, only: work.only, audit })
      await cutWith(work, events)
    })
    work.parked = parked
  }
  try {
    await once(false)
  } catch (error) {
    if (!isDataError(error)) throw error
    await once(true)
  }
}

const readPage = async (
  log: EventLog,
  after: bigint | null,
  limit: number,
): Promise<ReadonlyArray<RecordedEvent>> => {
  const read = await log.readAll({ ...(after === null ? {} : { after }), limit, prefixes: STREAM_PREFIXES })()
  if (E.isLeft(read)) throw new RebuildError(readErrorInWords(read.left))
  return read.right
}

/** The position of the last event that tables are made from. */
const endOf = async (log: EventLog): Promise<bigint | null> => {
  const end = await log.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })()
  if (E.isLeft(end)) throw new RebuildError(readErrorInWords(end.left))
  return end.right[0]?.position ?? null
}

const auditFor = async (
  work: Work,
  events: ReadonlyArray<Readable>,
  how: Parameters<typeof auditRowsFor>[3] = {},
): Promise<Audit | null> =>
  work.only === undefined || work.only === 'audit'
    ? auditRowsFor(work.session, events, work.memory, how)
    : null

/** How many batches may wait for Postgres while the next is read and folded. */
const AHEAD = 2

/** Folds a batch's part of the audit log. Resolves with what is to be written of it once its rows were compared, if they are:
 *  all of them if they are unlike the live ones, else those of who joined, by which later events are understood. */
const foldAudit = async (
  work: Work,
  events: ReadonlyArray<Readable>,
  writing: ReadonlyArray<Promise<void>>,
): Promise<() => Promise<Audit | null>> => {
  const { live, memory } = work
  const columns = live !== null && isCompared(work, events) ? live.columns : null
  const range = {
    from: work.folded === null ? null : work.folded + 1n,
    upTo: events.at(-1)!.recorded.position,
    before: memory.hash,
  }
  // A session that is unknown here may be in rows that were not written yet.
  const ready = async () => writing.at(-1)
  const audit = await auditFor(work, events, { ready, tilesOnly: true, columns })
  work.folded = range.upTo
  const records = audit?.records
  if (live === null || records === undefined) {
    if (live !== null) work.unlike = withRange(work.unlike, range)
    return async () => audit
  }
  const comparing = live.isAlike(range, records)
  return async () => {
    const isAlike = await comparing
    if (!isAlike) work.unlike = withRange(work.unlike, range)
    const isWritten = (i: number): boolean => !isAlike || events[i]!.recorded.type === 'SessionJoined'
    return { ...audit!, copies: [records.rows.copyOf(isWritten), ...audit!.copies] }
  }
}

/** Folds a page, and queues its writes after those under way. */
const foldPage = async (
  work: Work,
  page: ReadonlyArray<Readable>,
  writing: Promise<void>[],
): Promise<void> => {
  for (let at = 0; at < page.length; ) {
    const events = batchFrom(page, at, page.length)
    at += events.length
    const before = performance.now()
    const audit = await foldAudit(work, events, writing)
    const folded = performance.now()
    work.spent.folding += folded - before
    if (writing.length === AHEAD) await writing.shift()
    work.spent.writing += performance.now() - folded
    const written = (writing.at(-1) ?? Promise.resolve()).then(async () =>
      writeBatch(work, events, await audit()),
    )
    written.catch(() => {})
    writing.push(written)
  }
}

/** Reads to the end of the log, or up to `upTo`: while one page is read, the one before is folded, and those before that are written. */
const fill = async (
  log: EventLog,
  work: Work,
  {
    limit,
    upTo,
    onBatch,
  }: { readonly limit: number; readonly upTo: bigint | null; readonly onBatch: () => void },
): Promise<void> => {
  /** Each write begins when the one before it has ended. */
  const writing: Promise<void>[] = []
  const read = async (after: bigint | null) => {
    if (upTo !== null && (after ?? -1n) >= upTo) return []
    const page = await readPage(log, after, limit)
    return upTo === null ? page : page.filter(({ position }) => position <= upTo)
  }
  let next = read(work.position)
  for (;;) {
    const before = performance.now()
    const page = await next
    const got = performance.now()
    work.spent.reading += got - before
    const last = page.at(-1)
    if (last === undefined) break
    next = read(last.position)
    // Its failure is handled where it is awaited.
    next.catch(() => {})
    // The request goes out now: while this page is folded, nothing else would be sent.
    await new Promise((resolve) => setImmediate(resolve))
    const events = page.map(readable)
    await work.onEvents(events)
    await foldPage(work, events, writing)
    work.position = last.position
    work.events += page.length
    onBatch()
  }
  const ended = performance.now()
  await writing.at(-1)
  // While it was filled, the tree had its whole tiles only.
  if (work.only === undefined || work.only === 'audit')
    await work.session.transaction(() => writeTail(work.session, work.memory))
  work.spent.writing += performance.now() - ended
}

/** Inside a transaction: adds the little that the live tables have and the new ones don't. */
const catchUp = async (log: EventLog, work: Work, limit: number, upTo: bigint | null): Promise<void> => {
  const { session, only } = work
  while (upTo !== null && (work.position ?? -1n) < upTo) {
    const page = (await readPage(log, work.position, limit)).filter(({ position }) => position <= upTo)
    // Only bookkeeping is left in between, or nothing.
    if (page.length === 0) return
    // Only up to an event that cuts the tables: the rest is read again.
    const events = batchFrom(page.map(readable), 0, page.length)
    await work.onEvents(events)
    await appendAudit(session, await auditFor(work, events))
    const parked = new Set(work.parked)
    if (only !== 'audit') await applyToTables(session, events, parked, { careful: true, only })
    await cutWith(work, events)
    work.parked = parked
    work.position = events.at(-1)!.recorded.position
    work.events += events.length
  }
}

/** Checks that the same events are parked in the live and the new tables, or a later retry would add them twice or never. */
const sameParked = async (session: DatabaseSession, work: Work): Promise<void> => {
  if (work.only === 'audit') return
  await session.exec('SET LOCAL search_path TO public')
  const live = new Set((await session.run(parkedStreams())).map(({ stream }) => String(stream)))
  if (live.size !== work.parked.size || [...live].some((stream) => !work.parked.has(stream)))
    throw new RebuildError(
      'Other streams are parked than would be now: try them again (presence parked retry), or rebuild all tables.',
    )
}

/** Has writes go to the disk as they come. Otherwise the kernel would write gigabytes at Postgres's checkpoints, and
 *  everybody who waits for an fsync then, as the event store does at each commit, would wait for all of that. In blocks
 *  of 8 KiB; 0 if the system does not support it. Source:
 *  https://www.postgresql.org/docs/current/runtime-config-resource.html#GUC-BACKEND-FLUSH-AFTER */
const writeSteadily = (session: DatabaseSession): Promise<unknown> =>
  session.run(
    sql.unsafe`SELECT set_config('backend_flush_after', least(max_val::int, 64)::text, false)
      FROM pg_settings WHERE name = 'backend_flush_after'`,
  )

/** How many indexes are built at once. */
const INDEXERS = Math.max(2, Math.min(4, availableParallelism()))

/** Rebuilds the tables. Throws `RebuildError` with a sentence, or Postgres' error; the live tables are then as they were. */
export const rebuild = async ({
  log,
  databaseUrl,
  onProgress = () => {},
  compare = false,
  swap = true,
  keep = false,
  batchSize = 2_000,
  only,
  inspect,
  byDigests = false,
  onEvents = async () => {},
  missingKeys = () => null,
}: RebuildOptions): Promise<Rebuilt> => {
  if (only !== undefined && !PROJECTION_NAMES.includes(only))
    throw new RebuildError(`There is no projection ${only}. There are: ${PROJECTION_NAMES.join(', ')}.`)
  const began = performance.now()
  const schema = `rebuild_${randomBytes(6).toString('hex')}`
  const session = await connectSession(databaseUrl, 'presence rebuild', { isOwn: true })
  let live = null as LiveAudit | null
  try {
    if (!(await takeLock(session, LOCKS.rebuilding)))
      throw new RebuildError('Another rebuild of these tables is at work.')
    const head = await endOf(log)
    const other = await whyOtherLog(session, log)
    if (other !== null && only !== undefined) throw new RebuildError(other)
    const comparing = compare && other === null
    /** If they are compared, the new tables must not be ahead of the live ones. */
    const bound = async (): Promise<bigint | null> => {
      if (!comparing && inspect === undefined && only === undefined) return null
      await session.exec('SET search_path TO public')
      const [live] = await session.run(readCheckpoint().statement)
      return (live?.position as bigint | null | undefined) ?? null
    }
    const boundHere = async (): Promise<bigint | null> => {
      const position = await bound()
      await session.exec(`SET search_path TO "${schema}"`)
      return position
    }
    const begunAt = await bound()
    const target = begunAt ?? head
    const work: Work = {
      session,
      memory: auditMemory(null),
      parked: new Set(),
      position: null,
      events: 0,
      only,
      live: null,
      folded: null,
      unlike: EVERY_ROW,
      onEvents,
      spent: { reading: 0, folding: 0, writing: 0, indexing: 0 },
    }
    const seconds = (): number => (performance.now() - began) / 1_000
    const tell = (phase: RebuildProgress['phase']): void =>
      onProgress({ phase, events: work.events, position: work.position, target, seconds: seconds() })

    await dropStale(session)
    await session.exec('SET synchronous_commit = off')
    await writeSteadily(session)
    const made = await makeShadow(session, schema, only, inspect !== undefined)
    if (byDigests && inspect !== undefined && other === null && begunAt !== null)
      await session.transaction(async () => {
        // Known here at once, so that it is closed whatever comes next.
        live = await openLiveAudit(session, databaseUrl, await shapeFaults(session, made.shape))
      })
    if (live !== null) Object.assign(work, { live, unlike: [] })
    await fill(log, work, { limit: batchSize, upTo: await boundHere(), onBatch: () => tell('reading') })
    tell('indexing')
    const indexing = performance.now()
    const others = await Promise.all(
      Array.from({ length: INDEXERS - 1 }, () => connectSession(databaseUrl, 'presence rebuild')),
    )
    try {
      for (const other of others) await writeSteadily(other)
      await indexShadow([session, ...others], schema, { only, keysOnly: inspect !== undefined, made })
    } finally {
      await Promise.all(others.map((other) => other.close()))
    }
    work.spent.indexing = performance.now() - indexing
    await fill(log, work, { limit: batchSize, upTo: await boundHere(), onBatch: () => tell('catching up') })

    let differences: ReadonlyArray<TableDifference> | null = null
    let shape: ReadonlyArray<string> = []
    const result = (left: string | null): Rebuilt => ({
      events: work.events,
      position: work.position,
      seconds: seconds(),
      spent: work.spent,
      parkedStreams: work.parked.size,
      otherLog: other,
      differences,
      shape,
      schema: left,
    })
    /** Begins a transaction that sees both sets of tables at one position: that of the live ones, null if there is none. */
    const atOneMoment = async (): Promise<bigint | null> => {
      await session.exec('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL search_path TO public')
      const [live] = await session.run(readCheckpoint().statement)
      const position = (live?.position as bigint | null | undefined) ?? null
      await session.exec(`SET LOCAL search_path TO "${schema}"`)
      await catchUp(log, work, batchSize, position)
      return position
    }
    if (inspect !== undefined) {
      await session.transaction(async () => {
        const { folded, memory } = work
        const rest = { from: folded === null ? null : folded + 1n, upTo: null, before: memory.hash }
        const unlike = work.live === null ? EVERY_ROW : withRange(work.unlike, rest)
        const livePosition = await atOneMoment()
        const shape = await shapeFaults(session, made.shape)
        const { position } = work
        await inspect({ session, schema, shape, position, onLive: livePosition !== null, unlike })
      })
      await session.exec(`DROP SCHEMA "${schema}" CASCADE`)
      return result(null)
    }
    if (compare) shape = (await session.transaction(() => shapeFaults(session, made.shape))).sentences
    if (comparing)
      await session.transaction(async () => {
        const livePosition = await atOneMoment()
        if (livePosition === null || (work.position ?? -1n) > livePosition) return
        tell('comparing')
        await session.exec(`SET LOCAL search_path TO public; SET LOCAL work_mem = '64MB'`)
        differences = await compareTables(session, 'public', schema, only)
      })
    await session.exec('SET synchronous_commit = on')
    const shut = swap ? missingKeys() : null
    if (shut !== null) throw new RebuildError(shut)

    // Waits only a moment for readers that are using a table, so that others don't pile up behind.
    for (let attempt = 1; ; attempt += 1) {
      const before = { ...work, hash: work.memory.hash, tree: work.memory.tree }
      try {
        await session.transaction(async () => {
          await session.exec(`SET LOCAL lock_timeout = '10s'; SET LOCAL search_path TO public`)
          const [live] = await session.run(holdCheckpoint())
          const livePosition = (live?.position as bigint | null | undefined) ?? null
          if (only !== undefined && livePosition === null)
            throw new RebuildError('Nothing was ever projected: rebuild all tables.')
          await session.exec(`SET LOCAL search_path TO "${schema}"`)
          // The writer waits for this, so the difference is small.
          await catchUp(log, work, batchSize, only === undefined ? await endOf(log) : livePosition)
          if (!swap) return
          if (only !== undefined) await sameParked(session, work)
          tell('swapping')
          await session.exec(`SET LOCAL search_path TO public; SET LOCAL lock_timeout = '200ms'`)
          await swapShadow(session, schema, only)
          // If only one projection is rebuilt, the other tables stay where they were.
          await session.run(putCheckpoint(only === undefined ? work.position : livePosition))
          await session.run(sql.unsafe`SELECT pg_notify(${ADVANCED}, ${String(work.position ?? 0n)})`)
        })
        break
      } catch (error) {
        if ((error as { code?: string }).code !== '55P03' || attempt >= 100) throw error
        const { position, events, parked, hash, tree } = before
        Object.assign(work, { position, events, parked })
        Object.assign(work.memory, { hash, tree })
      }
    }
    if (swap) return result(null)
    if (!keep) await session.exec(`DROP SCHEMA "${schema}" CASCADE`)
    return result(keep ? schema : null)
  } finally {
    await live?.close()
    await session.close()
  }
}
