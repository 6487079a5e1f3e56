/** The log together with what was archived from it: read from the archives that are at hand; otherwise the error says
 *  which archive is needed. */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type {
  AllRead,
  Archived,
  EventLog,
  ReadError,
  RecordedEvent,
  StreamRead,
  StreamReader,
} from '../../domain/ports.ts'
import {
  ARCHIVES,
  type ArchiveMade,
  archivedSentence,
  archiveMadeIn,
  MADE,
} from '../../projections/archives.ts'
import { MANIFEST } from '../../projections/proof/archive.ts'
import { type ArchiveFolder, isArchive, openArchive } from './folder.ts'

type Read = E.Either<ReadError, ReadonlyArray<RecordedEvent>>
type Archives = {
  readonly made: ReadonlyArray<ArchiveMade>
  /** The archives at hand, the oldest first. */
  readonly folders: ReadonlyArray<ArchiveFolder>
  /** The newest archive that is not at hand. */
  readonly missing: ArchiveMade | null
  /** The position of the last event in any of them. */
  readonly position: bigint
  /** The revision of the last statement about archives on the log when this was read; null if there was none. */
  readonly revision: bigint | null
}

export const archivesOn = async (
  log: StreamReader,
): Promise<E.Either<ReadError, ReadonlyArray<ArchiveMade>>> => {
  const made: ArchiveMade[] = []
  for (let from = 0n; ; ) {
    const page = await log.readStream(ARCHIVES, { from, limit: 500 })()
    if (E.isLeft(page)) return page.left._tag === 'StreamDeleted' ? E.right(made) : page
    for (const { type, data } of page.right) {
      const one = type === MADE ? archiveMadeIn(data) : null
      if (one !== null) made.push(one)
    }
    const last = page.right.at(-1)
    if (last === undefined || page.right.length < 500) return E.right(made)
    from = last.revision + 1n
  }
}

/** The newest archive that has something after that place, which no subscription will deliver; null if none has. */
export const archivedAfter = async (log: StreamReader, after: bigint | 'start'): Promise<Archived | null> => {
  const made = await archivesOn(log)
  if (E.isLeft(made)) return null
  const found = made.right.findLast(({ position }) => after === 'start' || BigInt(position) > after)
  if (found === undefined) return null
  const { name, place, before, position } = found
  return { name, place, before, position }
}

/** The place of an archive: where it was put, or in the folder where archives are kept now; null if it is in neither. */
export const placeOf = ({ name, place, manifest }: ArchiveMade, dir: string | null): string | null => {
  for (const one of [place, ...(dir === null ? [] : [join(dir, name)])])
    if (isArchive(one) && hash('sha256', readFileSync(join(one, MANIFEST)), 'hex') === manifest) return one
  return null
}

const unavailable = (made: ArchiveMade): Read =>
  E.left({
    _tag: 'LogUnavailable',
    cause: archivedSentence(made),
    archive: { name: made.name, place: made.place, before: made.before },
  })

/** How long the list of archives is cached. */
const FRESH_MS = 10_000

const createShelf = (log: StreamReader, dir: string | null) => {
  const open = new Map<number, ArchiveFolder>()
  let known: Archives | null = null
  let at = Number.NEGATIVE_INFINITY
  const lastSaid = async (): Promise<E.Either<ReadError, bigint | null>> => {
    const page = await log.readStream(ARCHIVES, { direction: 'backwards', limit: 1 })()
    if (E.isLeft(page)) return page.left._tag === 'StreamDeleted' ? E.right(null) : page
    return E.right(page.right[0]?.revision ?? null)
  }
  const look = async (anew = false): Promise<E.Either<ReadError, Archives>> => {
    if (!anew && known !== null && performance.now() - at < FRESH_MS) return E.right(known)
    const revision = await lastSaid()
    if (E.isLeft(revision)) return revision
    const made = await archivesOn(log)
    if (E.isLeft(made)) return made
    const folders: ArchiveFolder[] = []
    let missing: ArchiveMade | null = null
    for (const one of made.right) {
      const place = open.has(one.number) ? null : placeOf(one, dir)
      if (place !== null) open.set(one.number, openArchive(place))
      const folder = open.get(one.number)
      if (folder === undefined) missing = one
      else folders.push(folder)
    }
    const position = made.right.reduce(
      (last, one) => (BigInt(one.position) > last ? BigInt(one.position) : last),
      -1n,
    )
    known = { made: made.right, folders, missing, position, revision: revision.right }
    at = performance.now()
    return E.right(known)
  }
  return {
    look,
    /** Looks again, to include what was archived since. */
    lookNow: async (): Promise<E.Either<ReadError, Archives>> => {
      if (known === null) return look(true)
      const revision = await lastSaid()
      if (E.isLeft(revision)) return revision
      return revision.right === known.revision ? E.right(known) : look(true)
    },
    close: () => {
      for (const folder of open.values()) folder.close()
      open.clear()
      known = null
    },
  }
}

type Shelf = ReturnType<typeof createShelf>

/** The stream's event in one of the archives; null if none at hand has it. */
const eventIn = (
  folders: ReadonlyArray<ArchiveFolder>,
  stream: string,
  revision: number,
): RecordedEvent | null => {
  for (const folder of folders) {
    const index = folder.find(stream, revision)
    if (index !== null) return folder.event(index)
  }
  return null
}

/** The stream's events from one revision to another, in that order, from the archives; `page`, as the log returned it, if none has them. */
const stretch = async (
  shelf: Shelf,
  stream: string,
  [from, to]: readonly [number, number],
  page: Read,
): Promise<E.Either<Read, ReadonlyArray<RecordedEvent>>> => {
  const step = from <= to ? 1 : -1
  // What was archived just now is not in the cached list yet.
  for (const anew of [false, true]) {
    const shelved = await shelf.look(anew)
    if (E.isLeft(shelved)) return E.left(shelved)
    const { folders, made, missing } = shelved.right
    const events: RecordedEvent[] = []
    for (let revision = from; revision !== to + step; revision += step) {
      const event = eventIn(folders, stream, revision)
      if (event === null) break
      events.push(event)
    }
    if (events.length === Math.abs(to - from) + 1) return E.right(events)
    if (missing !== null) return E.left(unavailable(missing))
    if (anew || made.length === 0) break
  }
  return E.left(page)
}

/** Whether archives contain events of such streams. */
const isProved = (stream: string): boolean => STREAM_PREFIXES.some((prefix) => stream.startsWith(prefix))

const forwards = async (log: StreamReader, shelf: Shelf, stream: string, read: StreamRead): Promise<Read> => {
  const page = await log.readStream(stream, read)()
  if (E.isLeft(page)) return page
  const [from, first] = [Number(read.from ?? 0n), page.right[0]]
  if (first === undefined || Number(first.revision) <= from || !isProved(stream)) return page
  const to = Math.min(Number(first.revision), from + read.limit) - 1
  const before = await stretch(shelf, stream, [from, to], page)
  if (E.isLeft(before)) return before.left
  return E.right([...before.right, ...page.right.slice(0, read.limit - before.right.length)])
}

/** The first revision that the log still has. */
const firstOf = async (log: StreamReader, stream: string): Promise<number | null> => {
  const page = await log.readStream(stream, { limit: 1 })()
  return E.isLeft(page) || page.right[0] === undefined ? null : Number(page.right[0].revision)
}

const backwards = async (
  log: StreamReader,
  shelf: Shelf,
  stream: string,
  read: StreamRead,
): Promise<Read> => {
  const page = await log.readStream(stream, read)()
  if (E.isLeft(page) || page.right.length === read.limit || !isProved(stream)) return page
  const last = page.right.at(-1)
  if (last !== undefined ? last.revision === 0n : read.from === undefined) return page
  const first = last === undefined ? await firstOf(log, stream) : Number(last.revision)
  if (first === null || first === 0) return page
  const from = Math.min(first - 1, Number(read.from ?? first))
  const to = Math.max(0, from - (read.limit - page.right.length) + 1)
  const before = await stretch(shelf, stream, [from, to], page)
  return E.isLeft(before) ? before.left : E.right([...page.right, ...before.right])
}

const wanted = (prefixes: ReadonlyArray<string> | undefined, stream: string): boolean =>
  prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix))

/** A page of one archive, from that place on. */
const shelfPage = (folder: ArchiveFolder, read: AllRead): ReadonlyArray<RecordedEvent> => {
  const isBack = read.direction === 'backwards'
  const events: RecordedEvent[] = []
  let index = isBack
    ? (read.after === undefined ? folder.events : folder.after(read.after - 1n)) - 1
    : read.after === undefined
      ? 0
      : folder.after(read.after)
  for (; index >= 0 && index < folder.events && events.length < read.limit; index += isBack ? -1 : 1) {
    const event = folder.event(index)
    if (wanted(read.prefixes, event.stream)) events.push(event)
  }
  return events
}

const readAll = async (log: EventLog, shelf: Shelf, read: AllRead): Promise<Read> => {
  const page = await log.readAll(read)()
  if (E.isLeft(page)) return page
  // A page does not show what is missing from it, so an archive that was made just now must be known.
  const shelved = await shelf.lookNow()
  if (E.isLeft(shelved)) return shelved
  const { made, folders, missing, position } = shelved.right
  const isBack = read.direction === 'backwards'
  const last = page.right.at(-1)
  const reaches = isBack
    ? page.right.length < read.limit || last!.position <= position
    : (read.after ?? -1n) < position
  if (made.length === 0 || !reaches) return page
  if (missing !== null) return unavailable(missing)
  const all = new Map(page.right.map((event) => [event.position, event]))
  for (const folder of folders)
    for (const event of shelfPage(folder, read)) if (!all.has(event.position)) all.set(event.position, event)
  const sorted = [...all.values()].sort((a, b) => (a.position < b.position ? -1 : 1))
  return E.right((isBack ? sorted.reverse() : sorted).slice(0, read.limit))
}

/** `dir`: where archives are kept now; each is also looked for where it was put. Appends and subscriptions go to the log itself. */
export const archivedLog = <Log extends EventLog>(
  log: Log,
  dir: string | null,
): Log & { readonly archives: Shelf['look'] } => {
  const shelf = createShelf(log, dir)
  return {
    ...log,
    archives: shelf.look,
    readStream: (stream, read) => () =>
      read.direction === 'backwards'
        ? backwards(log, shelf, stream, read)
        : forwards(log, shelf, stream, read),
    readAll: (read) => () => readAll(log, shelf, read),
    close: async () => {
      shelf.close()
      await log.close()
    },
  }
}
