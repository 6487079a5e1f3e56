/** Archives a past part of the log: writes it, reads it back, records it on the log, and only then cuts it. If it is
 *  interrupted at any point, nothing is lost, and it continues when run again. */

import { createHash, hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { archivesOn, placeOf } from '../../../adapters/archive/archived-log.ts'
import { type ArchiveFolder, openArchive, readLines } from '../../../adapters/archive/folder.ts'
import { appendSettled } from '../../../adapters/eventstore/index.ts'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { takeLock } from '../../../adapters/postgres/take-lock.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import { accessStream, STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog, NewEvent } from '../../../domain/ports.ts'
import { ARCHIVES, type ArchiveMade, archiveCutIn, CUT, MADE } from '../../../projections/archives.ts'
import { CUTS, type Cut, cutIn, MANIFEST } from '../../../projections/proof/archive.ts'
import { type Signer, verifierOf } from '../../../projections/proof/note.ts'
import { operatorEvent } from '../acting/operator-event.ts'
import { withSource } from '../export/bundle.ts'
import { readErrorInWords } from '../read-error.ts'
import { checkArchive } from './check.ts'
import { type CutReport, cutStreams } from './cut.ts'
import { cutStates, stepsOf, type TableLimits } from './tables.ts'
import { type ArchivePlan, writeArchive } from './write.ts'

class ArchivingError extends Error {
  override readonly name = 'ArchivingError'
}

export type ArchiveStage = 'writing' | 'checking' | 'recorded' | 'cutting' | 'cut'
export type ArchiveOptions = {
  /** The log as it is; with its archives; and with its archives and opened. */
  readonly plain: EventLog
  readonly archived: EventLog
  readonly opened: EventLog
  readonly databaseUrl: string
  readonly signer: Signer
  /** Where archives are kept. */
  readonly dir: string
  readonly before: Date
  /** How many days refusals and looks stay; null for as long as everything else. */
  readonly refusalDays?: number | null
  readonly lookDays?: number | null
  /** After how many days snapshots of what is cut are deleted; null for never. */
  readonly snapshotDays?: number | null
  /** Whether rows of what is archived are deleted from the tables, too. */
  readonly cutTables?: boolean
  readonly by?: string
  readonly now?: () => number
  readonly onProgress?: (stage: ArchiveStage, what: string) => void
}
export type ArchivingResult = {
  /** Null if there was nothing to archive. */
  readonly made: ArchiveMade | null
  readonly place: string | null
  readonly report: CutReport
}

/** One run of archiving. */
type Archiving = {
  readonly options: ArchiveOptions
  /** The session that holds the lock. */
  readonly session: DatabaseSession
  /** The plan of what was written in this run; null if it was written earlier. */
  plan: ArchivePlan | null
}

/** Events newer than this may still be on their way to the log. */
const SETTLED_MS = 60_000
const DAY_MS = 86_400_000
const sha256 = (text: string): string => hash('sha256', text, 'hex')

const append = async (log: EventLog, stream: string, event: NewEvent): Promise<void> => {
  const written = await appendSettled(log)(stream, 'any', [event])()
  if (E.isLeft(written)) throw new ArchivingError(`The log can't be written to: ${written.left._tag}.`)
}

/** Records it in the audit log, where auditors see it. */
const tell = async (
  { plain, by = 'cli', now = Date.now }: ArchiveOptions,
  what: { readonly id: string; readonly type: string; readonly data: object },
): Promise<void> => {
  const at = new Date(now()).toISOString()
  await append(plain, accessStream(null), operatorEvent({ ...what, command: 'ArchiveLog', by, at }))
}

/** Records the archive in the audit log, and where readers of the log look for what was moved. Recording it twice has
 *  the effect of once. */
const record = async (options: ArchiveOptions, made: ArchiveMade): Promise<void> => {
  const { plain } = options
  const id = derivedUuid(sha256, `archived ${made.manifest}`)
  const { number, name, from, before, events, manifest } = made
  await tell(options, { id, type: 'LogArchived', data: { number, name, from, before, events, manifest } })
  const own = derivedUuid(sha256, `${ARCHIVES} ${made.manifest}`)
  await append(plain, ARCHIVES, { id: own, type: MADE, data: made, metadata: {} })
}

const isCut = async (log: EventLog, number: number): Promise<boolean> => {
  const page = await log.readStream(ARCHIVES, { direction: 'backwards', limit: 1 })()
  if (E.isLeft(page)) throw new ArchivingError(readErrorInWords(page.left))
  const [last] = page.right
  return last?.type === CUT && archiveCutIn(last.data)?.number === number
}

const nameOf = (number: number): string => `archive-${String(number).padStart(6, '0')}`

/** The archive that was checked, in the form recorded on the log. */
const madeFrom = (place: string, folder: ArchiveFolder): ArchiveMade => {
  const { number, from, before, events, positions } = folder.manifest.header
  const manifest = createHash('sha256')
    .update(readFileSync(join(place, MANIFEST)))
    .digest('hex')
  return { number, name: nameOf(number), place, from, before, events, position: positions[1], manifest }
}

/** Reads the whole archive back. Throws if it does not verify. */
const holdArchive = async ({ signer }: ArchiveOptions, place: string): Promise<ArchiveMade> => {
  const { faults } = await checkArchive(place, verifierOf(signer))
  if (faults.length > 0)
    throw new ArchivingError(`The archive ${place} does not hold, so nothing is cut: ${faults[0]}`)
  const folder = openArchive(place)
  try {
    return madeFrom(place, folder)
  } finally {
    folder.close()
  }
}

/** Refusals and looks may stay longer: how far they are archived is known from the plan while the archive is made;
 *  later, only what the archive before has counts. */
const limitsOf = (
  { refusalDays = null, lookDays = null }: ArchiveOptions,
  { before, from }: ArchiveMade,
  plan: ArchivePlan | null,
): TableLimits => {
  const earlier = new Date(from ?? 0).toISOString()
  const limit = (days: number | null, planned: string | undefined): string =>
    planned ?? (days === null ? before : earlier)
  return {
    before,
    refusals: limit(refusalDays, plan?.refusals),
    looks: limit(lookDays, plan?.looks),
  }
}

const cutTablesBy = async (
  { options, session, plan }: Archiving,
  made: ArchiveMade,
  cuts: ReadonlyArray<Cut>,
): Promise<void> => {
  if (options.cutTables !== true) return
  for (const step of await stepsOf(session, limitsOf(options, made, plan))) {
    const id = derivedUuid(sha256, `tables ${made.manifest} ${JSON.stringify(step)}`)
    await tell(options, { id, type: 'TablesCut', data: { ...step, archive: made.name } })
  }
  for (const { stream, to } of cuts) await cutStates(session, stream, to)
}

const cutBy = async (archiving: Archiving, made: ArchiveMade, place: string): Promise<CutReport> => {
  const { options } = archiving
  const { plain, opened, onProgress = () => {} } = options
  const cuts = readLines(place, CUTS, cutIn)
  onProgress('cutting', `${cuts.length} streams`)
  const report = await cutStreams({ plain, opened }, cuts, {
    snapshotDays: options.snapshotDays ?? null,
    onProgress: (done, of) => onProgress('cutting', `${done} of ${of} streams`),
  })
  await cutTablesBy(archiving, made, cuts)
  const id = derivedUuid(sha256, `${CUT} ${made.manifest}`)
  await append(plain, ARCHIVES, { id, type: CUT, data: { number: made.number }, metadata: {} })
  onProgress('cut', made.name)
  return report
}

const headOf = async (log: EventLog): Promise<bigint> => {
  const end = await log.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })()
  if (E.isLeft(end)) throw new ArchivingError(readErrorInWords(end.left))
  return end.right[0]?.position ?? -1n
}

const daysAgo = (days: number | null | undefined, now: number, before: string): string =>
  days === null || days === undefined ? before : new Date(now - days * DAY_MS).toISOString()

const planFor = (options: ArchiveOptions, last: ArchiveMade | undefined): ArchivePlan => {
  const { before, refusalDays, lookDays, now = Date.now } = options
  const time = now()
  if (before.getTime() > time - SETTLED_MS)
    throw new ArchivingError(
      'What is not a minute old yet may still be under way to the log: name an earlier time.',
    )
  const iso = before.toISOString()
  if (last !== undefined && iso <= last.before)
    throw new ArchivingError(`Everything before ${last.before} is archived already (${last.name}).`)
  return {
    number: (last?.number ?? 0) + 1,
    from: last?.before ?? null,
    before: iso,
    refusals: daysAgo(refusalDays, time, iso),
    looks: daysAgo(lookDays, time, iso),
  }
}

const foldersOf = (made: ReadonlyArray<ArchiveMade>, dir: string): ReadonlyArray<ArchiveFolder> =>
  made.flatMap((one) => {
    const place = placeOf(one, dir)
    return place === null ? [] : [openArchive(place)]
  })

/** How long (ms) the tables may take to have what was on the log when it began; the second is how often they are asked. */
const TABLES_MS = 60_000
const ASK_MS = 100

/** Null if the tables have not reached that place of the log yet. */
const writeFrom = (
  options: ArchiveOptions,
  plan: ArchivePlan,
  { place, head, earlier }: { place: string; head: bigint; earlier: ReadonlyArray<ArchiveFolder> },
): Promise<{ readonly isAny: boolean } | null> => {
  const { archived, databaseUrl, signer, onProgress = () => {} } = options
  return withSource({ log: archived, databaseUrl, signer }, async (source) => {
    if (source.checkpoint.upTo < head) return null
    onProgress('writing', place)
    const header = await writeArchive(source, plan, place, {
      plain: options.plain,
      earlier,
      onProgress: (events, what) => onProgress('writing', `${events} events, ${what}`),
    })
    return { isAny: header !== null }
  })
}

/** Writes the archive; returns the plan, or null if there is nothing to archive. */
const write = async (
  options: ArchiveOptions,
  before: ReadonlyArray<ArchiveMade>,
  place: string,
): Promise<ArchivePlan | null> => {
  const plan = planFor(options, before.at(-1))
  const head = await headOf(options.plain)
  const earlier = foldersOf(before, options.dir)
  const end = performance.now() + TABLES_MS
  try {
    for (;;) {
      const written = await writeFrom(options, plan, { place, head, earlier })
      if (written !== null) return written.isAny ? plan : null
      if (performance.now() > end)
        throw new ArchivingError('The tables are behind the log: wait until the projector has caught up.')
      await pause(ASK_MS)
    }
  } finally {
    for (const folder of earlier) folder.close()
  }
}

const NOTHING: ArchivingResult = { made: null, place: null, report: { streams: 0, left: [] } }

/** Finishes an archive that was begun earlier, with the time that was given then. */
const archiveHere = async (archiving: Archiving): Promise<ArchivingResult> => {
  const { options } = archiving
  const { plain, dir, onProgress = () => {} } = options
  const known = await archivesOn(plain)
  if (E.isLeft(known)) throw new ArchivingError(readErrorInWords(known.left))
  const last = known.right.at(-1)
  if (last !== undefined && !(await isCut(plain, last.number))) {
    const place = placeOf(last, dir)
    if (place === null)
      throw new ArchivingError(
        `${last.name} was made and is not cut from the log yet, and it is neither at ${last.place} nor in ${dir}.`,
      )
    onProgress('checking', place)
    await holdArchive(options, place)
    return { made: last, place, report: await cutBy(archiving, last, place) }
  }
  const place = join(dir, nameOf((last?.number ?? 0) + 1))
  // If it is there, it was written completely, and is not recorded yet.
  if (!existsSync(place)) {
    archiving.plan = await write(options, known.right, place)
    if (archiving.plan === null) return NOTHING
  }
  onProgress('checking', place)
  const made = await holdArchive(options, place)
  if (made.from !== (last?.before ?? null) || made.number !== (last?.number ?? 0) + 1)
    throw new ArchivingError(
      `${place} is there already, and is not what comes next of this log: name another folder.`,
    )
  await record(options, made)
  onProgress('recorded', made.name)
  return { made, place, report: await cutBy(archiving, made, place) }
}

/** Throws `ArchivingError`, `ExportError` or `CutError` with a sentence. */
export const archiveLog = async (options: ArchiveOptions): Promise<ArchivingResult> => {
  mkdirSync(options.dir, { recursive: true })
  const session = await connectSession(options.databaseUrl, 'presence log archive')
  try {
    if (!(await takeLock(session, LOCKS.archiving)))
      throw new ArchivingError('Another archive of this log is being made.')
    return await archiveHere({ options, session, plan: null })
  } finally {
    await session.close()
  }
}
