/** Writes a past part of the log into a folder: a bundle for each room, looks and refusals with a time of their own,
 *  each event's place, whose keys it needs, and up to where the log may be cut. Changes nothing on the log. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sql } from 'slonik'
import type { ArchiveFolder } from '../../../adapters/archive/folder.ts'
import { keyRefOf } from '../../../adapters/privacy/sealed-log.ts'
import {
  isAccessStream,
  parseStreamName,
  type RoomStreamKind,
  type SpaceRef,
  spaceKey,
  streamName,
} from '../../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../../domain/ports.ts'
import { eventText } from '../../../projections/audit/canonical.ts'
import {
  ARCHIVE_FORMAT,
  type ArchiveFile,
  type ArchiveHeader,
  type ArchiveStream,
  CUTS,
  type Cut,
  KEYS,
  LEAVES,
  lineOf,
  MANIFEST,
  manifestText,
  OTHERS,
  STREAMS,
} from '../../../projections/proof/archive.ts'
import { type BundleState, emptyState, STREAM_KINDS } from '../../../projections/proof/state.ts'
import { eventsOfStream } from '../export/kept-states.ts'
import { type BundleSource, exportRoom, type Placed, provedLines } from '../export/room.ts'
import { gatherLeaves, type Leaves } from './leaves.ts'
import { syncFolder, type WrittenFile, writeFileTo } from './written-file.ts'

export type ArchivePlan = {
  readonly number: number
  /** ISO 8601: contains events from `from` on and before `before`; null for the log's beginning. */
  readonly from: string | null
  readonly before: string
  /** The times before which refusals and looks are archived. */
  readonly refusals: string
  readonly looks: string
}
type Told = (events: number, what: string) => void

/** The state of writing one archive. */
type Writing = {
  readonly source: BundleSource
  /** The log without its archives. */
  readonly plain: StreamReader
  readonly plan: ArchivePlan
  readonly dir: string
  /** Earlier archives that are at hand. */
  readonly earlier: ReadonlyArray<ArchiveFolder>
  readonly leaves: Leaves
  readonly others: WrittenFile
  readonly streams: ArchiveStream[]
  readonly keys: Map<string, { readonly subject: string; readonly generation: number }>
  readonly cuts: Cut[]
  readonly files: ArchiveFile[]
  events: number
  readonly onProgress: Told
}

/** Notes which stream of which file an event belongs to; streams are numbered in the order in which they first come. */
const numberOf = (writing: Writing, file: string): ((placed: Placed) => void) => {
  const numbers = new Map<string, number>()
  const { streams, leaves, keys } = writing
  return ({ recorded, leaf, hash, offset, bytes }) => {
    const { stream, position, created } = recorded
    const revision = Number(recorded.revision)
    let number = numbers.get(stream)
    if (number === undefined) {
      number = streams.push({ stream, file, from: revision, events: 0 }) - 1
      numbers.set(stream, number)
    }
    const of = streams[number]!
    streams[number] = { ...of, events: of.events + 1 }
    leaves.add({ leaf, position, created: created.getTime(), hash, stream: number, revision, offset, bytes })
    const key = keyRefOf(recorded)
    if (key !== null) keys.set(`${key.subject}\n${key.generation}`, key)
    writing.events += 1
  }
}

const timeIn = ({ metadata }: RecordedEvent): string => {
  const at = (metadata as { readonly at?: unknown } | null)?.at
  return typeof at === 'string' ? at : ''
}

const PAGE = 500

/** Writes the stream's events from that revision on, while they are before `before` and `end`, as lines of their own.
 *  Returns the revision that comes after them. */
const putOthers = async (
  writing: Writing,
  stream: string,
  from: number,
  { before, end = Number.POSITIVE_INFINITY }: { readonly before: string | null; readonly end?: number },
): Promise<number> => {
  const { source, others } = writing
  const linesFor = provedLines(source)
  const note = numberOf(writing, OTHERS)
  let waiting: Array<{ readonly recorded: RecordedEvent; readonly text: string }> = []
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return
    for (const [i, { line, leaf, hash }] of (await linesFor(waiting)).entries()) {
      const offset = others.at()
      others.write(line)
      note({ recorded: waiting[i]!.recorded, leaf, hash, offset, bytes: others.at() - offset })
    }
    waiting = []
  }
  let next = from
  for await (const recorded of eventsOfStream(source.log, stream, from, source.checkpoint.upTo)) {
    if (Number(recorded.revision) >= end || (before !== null && timeIn(recorded) >= before)) break
    waiting.push({ recorded, text: eventText(recorded) })
    next = Number(recorded.revision) + 1
    if (waiting.length === PAGE) await flush()
  }
  await flush()
  return next
}

/** The first revision that the log still has. */
const firstOf = async ({ plain }: Writing, stream: string): Promise<number> => {
  const page = await plain.readStream(stream, { limit: 1 })()
  return page._tag === 'Right' ? Number(page.right[0]?.revision ?? 0) : 0
}
/** The first revision of a stream that no archive has, according to those at hand, else according to the log. */
const endOf = async (writing: Writing, stream: string): Promise<number> => {
  const ends = writing.earlier.map((folder) => folder.end(stream) ?? 0)
  const first = await firstOf(writing, stream)
  return Math.max(...ends, first === 0 ? 0 : first + 1)
}

/** Notes up to where a stream may be cut. The last archived event stays on the log, so that the stream still exists. */
const mayCut = ({ cuts }: Writing, stream: string, archived: number): void => {
  if (archived > 1) cuts.push({ stream, to: archived - 1 })
}

/** The part of the state that belongs to one of its streams. */
const partOf = (end: BundleState, kind: RoomStreamKind): BundleState => {
  const part = emptyState()
  part.revisions[kind] = end.revisions[kind]
  part.latest[kind] = end.latest[kind]
  if (kind === 'space') return { ...part, opened: end.opened, settings: end.settings, named: end.named }
  return kind === 'chat' ? { ...part, messages: end.messages } : part
}

/** Up to where refusals of a room may be cut, if they stay longer than its other events. */
const refusalsBefore = async (writing: Writing, stream: string, end: number): Promise<number> => {
  const { source, plan } = writing
  if (plan.refusals === plan.before) return end
  const first = await firstOf(writing, stream)
  let latest = ''
  for await (const recorded of eventsOfStream(source.log, stream, first, source.checkpoint.upTo)) {
    const at = timeIn(recorded)
    if (at > latest) latest = at
    if (latest >= plan.refusals || Number(recorded.revision) >= end)
      return Math.min(Number(recorded.revision), end)
  }
  return end
}

const putRoom = async (writing: Writing, space: SpaceRef, file: string): Promise<void> => {
  const { source, plan, dir, files } = writing
  const ends = new Map<RoomStreamKind, number>()
  for (const kind of STREAM_KINDS) ends.set(kind, await endOf(writing, streamName(kind, space)))
  const out = writeFileTo(join(dir, file))
  const starts = new Map<string, number>()
  const lastIds = new Map<string, string>()
  const note = numberOf(writing, file)
  const done = await exportRoom(source, {
    space,
    from: plan.from,
    to: new Date(Date.parse(plan.before) - 1).toISOString(),
    write: async (text) => out.write(text),
    onEvent: (placed) => {
      const { stream, revision, id } = placed.recorded
      if (!starts.has(stream)) starts.set(stream, Number(revision))
      lastIds.set(stream, id)
      note(placed)
    },
  })
  const { bytes, sha256 } = out.done()
  if (done.events === 0) rmSync(join(dir, file))
  else files.push({ file, bytes, sha256, space: spaceKey(space), events: done.events })
  for (const kind of STREAM_KINDS) {
    const stream = streamName(kind, space)
    const end = done.end.revisions[kind]
    // Events that came late, with an earlier time than what was archived before them.
    await putOthers(writing, stream, ends.get(kind)!, { before: null, end: starts.get(stream) ?? end })
    const lastId = lastIds.get(stream)
    if (lastId !== undefined) await source.kept.keep(stream, kind, partOf(done.end, kind), lastId)
    if (kind !== 'refusal') mayCut(writing, stream, end)
    else if (plan.refusals > plan.before) {
      const from = Math.max(end, ends.get(kind)!)
      mayCut(writing, stream, await putOthers(writing, stream, from, { before: plan.refusals }))
    } else mayCut(writing, stream, await refusalsBefore(writing, stream, end))
  }
}

const streamsIn = async ({ session }: BundleSource): Promise<ReadonlyArray<string>> =>
  (await session.run(sql.unsafe`SELECT DISTINCT stream FROM presence_audit_log ORDER BY stream`)).map(
    ({ stream }) => String(stream),
  )

const putAll = async (writing: Writing): Promise<void> => {
  const { source, plan, onProgress } = writing
  const rooms = new Map<string, SpaceRef>()
  for (const stream of await streamsIn(source)) {
    if (isAccessStream(stream)) {
      const from = await endOf(writing, stream)
      mayCut(writing, stream, await putOthers(writing, stream, from, { before: plan.looks }))
      continue
    }
    const named = parseStreamName(stream)
    if (named._tag === 'Right') rooms.set(spaceKey(named.right.space), named.right.space)
  }
  let room = 0
  for (const [key, space] of rooms) {
    room += 1
    await putRoom(writing, space, `rooms/${String(room).padStart(7, '0')}.bundle`)
    onProgress(writing.events, key)
  }
}

const putLines = (dir: string, file: string, lines: ReadonlyArray<unknown>): ArchiveFile => {
  const out = writeFileTo(join(dir, file))
  for (const line of lines) out.write(lineOf(line))
  return { file, ...out.done() }
}

/** Writes the archive beside `dir` and renames it to that once all of it is on the disk. Null if there is nothing to archive. */
export const writeArchive = async (
  source: BundleSource,
  plan: ArchivePlan,
  dir: string,
  {
    plain = source.log,
    earlier = [],
    onProgress = () => {},
  }: {
    readonly plain?: StreamReader
    readonly earlier?: ReadonlyArray<ArchiveFolder>
    readonly onProgress?: Told
  } = {},
): Promise<ArchiveHeader | null> => {
  const partial = `${dir}.partial`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(join(partial, 'rooms'), { recursive: true })
  const writing: Writing = {
    source,
    plain,
    plan,
    dir: partial,
    earlier,
    leaves: gatherLeaves(join(partial, 'leaves.scratch')),
    others: writeFileTo(join(partial, OTHERS)),
    streams: [],
    keys: new Map(),
    cuts: [],
    files: [],
    events: 0,
    onProgress,
  }
  await putAll(writing)
  const { events, positions, ...leaves } = writing.leaves.finish(join(partial, LEAVES))
  const others = writing.others.done()
  if (positions === null) {
    rmSync(partial, { recursive: true, force: true })
    return null
  }
  const header: ArchiveHeader = {
    format: ARCHIVE_FORMAT,
    version: 1,
    origin: source.signer.name,
    number: plan.number,
    from: plan.from,
    before: plan.before,
    events,
    positions: [...positions],
  }
  const files = [
    { file: LEAVES, ...leaves },
    { file: OTHERS, ...others },
    putLines(partial, STREAMS, writing.streams),
    putLines(partial, KEYS, [...writing.keys.values()]),
    putLines(partial, CUTS, writing.cuts),
    ...writing.files,
  ]
  const manifest = writeFileTo(join(partial, MANIFEST))
  manifest.write(manifestText(header, source.checkpoint.note, files, source.signer))
  manifest.done()
  syncFolder(join(partial, 'rooms'))
  syncFolder(partial)
  renameSync(partial, dir)
  syncFolder(dirname(dir))
  return header
}
