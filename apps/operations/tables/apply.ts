/** Writes events to the tables in the session's schema (its search path), inside the caller's transaction. */
import * as E from 'fp-ts/lib/Either.js'
import { isDataError } from '../../../adapters/postgres/errors.ts'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { ParkedLetGo, TablesCut } from '../../../domain/audited.ts'
import { type Decoded, decodeRecorded } from '../../../domain/codec.ts'
import { accessStream, isOnlyAudited } from '../../../domain/names.ts'
import type { RecordedEvent } from '../../../domain/ports.ts'
import {
  type AuditMemory,
  copyAudit,
  isNarrow,
  remember,
  unknownSessions,
} from '../../../projections/audit/fold.ts'
import { sessionSubjects } from '../../../projections/audit/queries.ts'
import { type AuditColumns, type AuditRecords, recordAudit } from '../../../projections/audit/records.ts'
import { type Only, writesFor } from '../../../projections/batch.ts'
import type { Copy } from '../../../projections/copy.ts'
import { letGo, type ParkedEvent, park } from '../../../projections/parked.ts'
import type { Statement } from '../../../projections/projection.ts'
import { copyLeaves, copyTiles, dropTiled, grow } from '../../../projections/proof/tree.ts'
import { cutTables, lastTablesCut } from '../../../projections/tables-cut.ts'

export type Readable = {
  readonly recorded: RecordedEvent
  readonly decoded: Decoded | null
  readonly reason: string
}

/** Decodes an event once, before any transaction. */
export const readable = (recorded: RecordedEvent): Readable => {
  const decoded = decodeRecorded(recorded)
  return E.isRight(decoded)
    ? { recorded, decoded: decoded.right, reason: '' }
    : { recorded, decoded: null, reason: decoded.left.reason }
}

/** The stream whose parked events this event gives up; null for any other event. */
const letGoBy = ({ stream, type, data }: RecordedEvent): string | null => {
  const event = { type, data }
  return type === 'ParkedLetGo' && stream === accessStream(null) && ParkedLetGo.is(event)
    ? event.data.stream
    : null
}

/** What the event cuts from the tables; null for any other event. */
const cutBy = ({ recorded: { stream, type, data } }: Readable): TablesCut['data'] | null => {
  const event = { type, data }
  return type === 'TablesCut' && stream === accessStream(null) && TablesCut.is(event) ? event.data : null
}

/** Up to `limit` of the events from `at` on: an event that cuts the tables is the last of its batch, so that it meets
 *  the same rows however the others are divided into batches. */
export const batchFrom = (
  events: ReadonlyArray<Readable>,
  at: number,
  limit: number,
): ReadonlyArray<Readable> => {
  const cut = events.findIndex((event, i) => i >= at && cutBy(event) !== null)
  return events.slice(at, Math.min(at + limit, cut < 0 ? events.length : cut + 1))
}

/** To be called after a batch was written: deletes what its last event cuts. False if it cuts nothing. */
export const applyCut = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  only?: Only,
): Promise<boolean> => {
  const last = events.at(-1)
  const cut = last === undefined ? null : cutBy(last)
  if (cut === null) return false
  for (const statement of cutTables(cut, last!.recorded.position, only)) await session.run(statement)
  return true
}

/** To be called after earlier events were applied late: what is cut from the tables is cut from these, too. */
export const applyLastCut = async (session: DatabaseSession): Promise<void> => {
  const [row] = await session.run(lastTablesCut())
  const event = { type: 'TablesCut', data: row?.details }
  if (row === undefined || !TablesCut.is(event)) return
  for (const statement of cutTables(event.data, row.position as bigint, 'chat')) await session.run(statement)
}

/** Separates what can't be applied: events that don't decode, and everything after them in their streams. Streams that
 *  are parked here are added to `parked`. */
const separateParked = (
  events: ReadonlyArray<Readable>,
  parked: Set<string>,
): { readonly good: ReadonlyArray<Readable>; readonly aside: ReadonlyArray<ParkedEvent> } => {
  const aside: ParkedEvent[] = []
  const good = events.filter(({ recorded, decoded, reason }) => {
    // A look at the audit log is in the audit log, and nowhere else.
    if (isOnlyAudited(recorded.stream)) return false
    const behind = parked.has(recorded.stream)
    if (decoded !== null && !behind) return true
    aside.push({
      event: recorded,
      reason: behind ? 'It waits behind an earlier event of its stream.' : reason,
    })
    parked.add(recorded.stream)
    return false
  })
  return { good, aside }
}

/** How a batch is applied. */
type How = {
  /** Set for a second try, after the first met something that Postgres refuses. */
  readonly careful: boolean
  /** Set if the tables hold nothing but what came before these events, so that COPY may be tried. */
  readonly fresh?: boolean
  /** One projection alone. */
  readonly only?: Only
  /** What the batch adds to the audit log, if that is written, too. */
  readonly audit?: Audit | null
}

const write = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  { fresh = false, only, audit = null }: Omit<How, 'careful'>,
): Promise<void> => {
  const { copies, statements } = writesFor(
    events.map(({ decoded }) => decoded!),
    fresh,
    only,
  )
  const all = audit === null ? copies : [...audit.copies, ...copies]
  if (all.length > 0) await session.copy(...all)
  for (const statement of [...(audit?.statements ?? []), ...statements]) await session.run(statement)
}

/** What a batch adds to the audit log and to the log's tree: copies, then statements. `records`: the audit log's rows, if
 *  they are to be compared, and are not among the copies. */
export type Audit = {
  readonly copies: ReadonlyArray<Copy>
  readonly statements: ReadonlyArray<Statement>
  readonly records?: AuditRecords
}

/** Appends to both. */
export const appendAudit = async (session: DatabaseSession, audit: Audit | null): Promise<void> => {
  if (audit === null) return
  if (audit.copies.length > 0) await session.copy(...audit.copies)
  for (const statement of audit.statements) await session.run(statement)
}

/** Applies what can be applied, in order. An event that Postgres refuses is found by halving, and parked with the rest
 *  of its stream. Returns what was parked. */
const carefully = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  parked: Set<string>,
  only: Only,
): Promise<ReadonlyArray<ParkedEvent>> => {
  const { good, aside } = separateParked(events, parked)
  if (good.length === 0) return aside
  await session.exec('SAVEPOINT part')
  try {
    await write(session, good, { only })
    await session.exec('RELEASE SAVEPOINT part')
    return aside
  } catch (error) {
    if (!isDataError(error)) throw error
    await session.exec('ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part')
    const [first] = good
    if (good.length === 1 && first !== undefined) {
      parked.add(first.recorded.stream)
      return [
        ...aside,
        { event: first.recorded, reason: error instanceof Error ? error.message : String(error) },
      ]
    }
    const half = good.length >> 1
    const left = await carefully(session, good.slice(0, half), parked, only)
    const right = await carefully(session, good.slice(half), parked, only)
    return [...aside, ...left, ...right]
  }
}

const applyPart = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  parked: Set<string>,
  how: How,
): Promise<ReadonlyArray<ParkedEvent>> => {
  let aside: ReadonlyArray<ParkedEvent>
  if (how.careful) {
    await appendAudit(session, how.audit ?? null)
    aside = await carefully(session, events, parked, how.only)
  } else {
    const sorted = separateParked(events, parked)
    aside = sorted.aside
    await write(session, sorted.good, how)
  }
  if (aside.length > 0)
    for (const statement of park([...aside].sort((a, b) => (a.event.position < b.event.position ? -1 : 1))))
      await session.run(statement)
  return aside
}

/** Writes all tables except the audit log, and that as well if `how` has what is added to it. Streams that are parked
 *  here are added to `parked`. */
export const applyToTables = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  parked: Set<string>,
  how: How,
): Promise<ReadonlyArray<ParkedEvent>> => {
  const at = events.findIndex(({ recorded }) => letGoBy(recorded) !== null)
  const event = events[at]
  if (event === undefined) return applyPart(session, events, parked, how)
  // Events before it are parked first, so that the result does not depend on the batch size.
  const stream = letGoBy(event.recorded)!
  const before = await applyPart(session, events.slice(0, at), parked, how)
  for (const statement of letGo(stream)) await session.run(statement)
  parked.delete(stream)
  const after = await applyToTables(session, events.slice(at + 1), parked, { ...how, audit: null })
  return [...before.filter((one) => one.event.stream !== stream), ...after]
}

/** The form of the audit log's rows, asked for once a session: only a migration changes it, and those come before. */
const forms = new WeakMap<DatabaseSession, Promise<boolean>>()
const isNarrowIn = (session: DatabaseSession): Promise<boolean> => {
  let known = forms.get(session)
  if (known === undefined) {
    known = session.run(isNarrow()).then(([row]) => row?.is_narrow === true)
    forms.set(session, known)
    known.catch(() => forms.delete(session))
  }
  return known
}

/** The rows of the audit log and of the tree for these events; updates the memory. Null if there are no events. `ready`
 *  is awaited before the tables are asked for what the memory does not have. `tilesOnly`: without the leaves after the last
 *  whole tile, which `writeTail` then writes. `columns`: those of the table with which the rows are to be compared. */
export const auditRowsFor = async (
  session: DatabaseSession,
  events: ReadonlyArray<Readable>,
  memory: AuditMemory,
  {
    ready = async () => {},
    tilesOnly = false,
    columns = null,
  }: {
    readonly ready?: () => Promise<void>
    readonly tilesOnly?: boolean
    readonly columns?: AuditColumns | null
  } = {},
): Promise<Audit | null> => {
  if (events.length === 0) return null
  const recorded = events.map((event) => event.recorded)
  const unknown = unknownSessions(recorded, memory)
  if (unknown.length > 0) {
    await ready()
    for (const { session_id, subject } of await session.run(sessionSubjects(unknown)))
      remember(memory, session_id, subject)
  }
  const records = columns === null ? null : recordAudit(recorded, memory, columns)
  const copied = records === null ? copyAudit(recorded, memory, await isNarrowIn(session)) : null
  const { leaves } = (records ?? copied)!
  const grown = grow(
    memory.tree,
    leaves.map((hash, i) => ({ position: recorded[i]!.position, hash })),
  )
  memory.tree = grown.tree
  const copies = [...(copied === null ? [] : [copied.copy]), ...copyTiles(grown.tiles)]
  return {
    ...(tilesOnly
      ? { copies, statements: [] }
      : { copies: [...copies, ...copyLeaves(grown.lines)], statements: dropTiled(grown) }),
    ...(records === null ? {} : { records }),
  }
}

/** Writes the leaves after the tree's last whole tile in place of those that are there. */
export const writeTail = async (session: DatabaseSession, { tree }: AuditMemory): Promise<void> => {
  await session.exec('DELETE FROM proof_leaves')
  const copies = copyLeaves(tree.tail)
  if (copies.length > 0) await session.copy(...copies)
}
