/** An archive's folder, read event by event: only what is asked for. */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordedEvent } from '../../domain/ports.ts'
import {
  type ArchiveManifest,
  type ArchiveStream,
  LEAVES,
  type LeafRecord,
  MANIFEST,
  RECORD,
  readManifest,
  readRecord,
  STREAMS,
  streamIn,
} from '../../projections/proof/archive.ts'

/** The folder's contents are not those of an archive. */
class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
}

export type ArchiveFolder = {
  readonly dir: string
  readonly manifest: ArchiveManifest
  readonly streams: ReadonlyArray<ArchiveStream>
  readonly events: number
  readonly record: (index: number) => LeafRecord
  /** The event's line in its file, without the line feed. */
  readonly line: (record: LeafRecord) => string
  readonly event: (index: number) => RecordedEvent
  /** The number of the first event after that position; the number of all events if there is none. */
  readonly after: (position: bigint) => number
  /** The number of a stream's event, by revision; null if it is not here. */
  readonly find: (stream: string, revision: number) => number | null
  /** The revision after the last of a stream's events that are here; null if none are. */
  readonly end: (stream: string) => number | null
  readonly close: () => void
}

export const isArchive = (dir: string): boolean => existsSync(join(dir, MANIFEST))

const readAt = (fd: number, offset: number, length: number): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  for (let have = 0; have < length; ) {
    const got = readSync(fd, bytes, have, length - have, offset + have)
    if (got === 0) throw new ArchiveError('A file of the archive ends before it should.')
    have += got
  }
  return bytes
}

/** The numbers of each stream's events, in order. */
const byStream = (leaves: number, events: number, streams: ReadonlyArray<ArchiveStream>): Uint32Array[] => {
  const places = streams.map((stream) => new Uint32Array(stream.events))
  const filled = streams.map(() => 0)
  const STEP = 10_000
  for (let at = 0; at < events; at += STEP) {
    const count = Math.min(STEP, events - at)
    const page = readAt(leaves, at * RECORD, count * RECORD)
    for (let i = 0; i < count; i += 1) {
      const stream = page.readUInt32BE(i * RECORD + 56)
      const next = filled[stream]
      if (next === undefined || next >= places[stream]!.length)
        throw new ArchiveError(`${LEAVES} has an event that is in no stream of ${STREAMS}.`)
      places[stream]![next] = at + i
      filled[stream] = next + 1
    }
  }
  if (filled.some((count, i) => count !== places[i]!.length))
    throw new ArchiveError(`${STREAMS} says more events than ${LEAVES} has.`)
  return places
}

/** Files are opened when first read; at most this many are open at once. */
const FILES = 64
const openFiles = (dir: string) => {
  const open = new Map<string, number>()
  const close = (name: string): void => {
    closeSync(open.get(name)!)
    open.delete(name)
  }
  return {
    of: (name: string): number => {
      const there = open.get(name)
      if (there !== undefined) {
        open.delete(name)
        open.set(name, there)
        return there
      }
      if (open.size >= FILES) close(open.keys().next().value!)
      const fd = openSync(join(dir, name), 'r')
      open.set(name, fd)
      return fd
    },
    closeAll: () => {
      for (const name of [...open.keys()]) close(name)
    },
  }
}

const linesIn = (file: string): ReadonlyArray<string> => {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.pop() !== '') throw new ArchiveError(`${file} ends in the middle of a line.`)
  return lines
}
/** The lines of one of its small files. Throws `ArchiveError` if one is malformed. */
export const readLines = <A>(dir: string, name: string, decode: (line: string) => A | null): A[] =>
  linesIn(join(dir, name)).map((line, i) => {
    const value = decode(line)
    if (value === null) throw new ArchiveError(`Line ${i + 1} of ${name} is not of an archive's form.`)
    return value
  })

const eventOf = (line: string, record: LeafRecord): RecordedEvent => {
  const { event } = JSON.parse(line) as { event: Record<string, unknown> }
  return {
    id: String(event.id),
    type: String(event.type),
    stream: String(event.stream),
    revision: BigInt(record.revision),
    position: record.position,
    created: new Date(record.created),
    data: event.data,
    metadata: event.metadata,
  }
}

/** Throws `ArchiveError` with a sentence, or what the system says of a file that can't be opened. */
export const openArchive = (dir: string): ArchiveFolder => {
  const manifest = readManifest(readFileSync(join(dir, MANIFEST), 'utf8'))
  if (manifest === null) throw new ArchiveError(`${join(dir, MANIFEST)} is no archive's.`)
  const streams = readLines(dir, STREAMS, streamIn)
  const events = statSync(join(dir, LEAVES)).size / RECORD
  if (!Number.isInteger(events) || events !== manifest.header.events)
    throw new ArchiveError(`${LEAVES} has not as many events as the archive says.`)
  const files = openFiles(dir)
  const places = byStream(files.of(LEAVES), events, streams)
  /** A stream may be in two files. */
  const numbers = new Map<string, number[]>()
  for (const [i, { stream }] of streams.entries()) numbers.set(stream, [...(numbers.get(stream) ?? []), i])

  const record = (index: number): LeafRecord =>
    readRecord(readAt(files.of(LEAVES), index * RECORD, RECORD), 0)
  const line = ({ stream, offset, bytes }: LeafRecord): string =>
    readAt(files.of(streams[stream]!.file), offset, bytes).toString('utf8', 0, bytes - 1)
  return {
    dir,
    manifest,
    streams,
    events,
    record,
    line,
    event: (index) => {
      const found = record(index)
      return eventOf(line(found), found)
    },
    after: (position) => {
      let [low, high] = [0, events]
      while (low < high) {
        const middle = (low + high) >> 1
        if (record(middle).position > position) high = middle
        else low = middle + 1
      }
      return low
    },
    find: (stream, revision) => {
      for (const number of numbers.get(stream) ?? []) {
        const index = places[number]![revision - streams[number]!.from]
        if (index !== undefined) return index
      }
      return null
    },
    end: (stream) => {
      const ends = (numbers.get(stream) ?? []).map(
        (number) => streams[number]!.from + streams[number]!.events,
      )
      return ends.length === 0 ? null : Math.max(...ends)
    },
    close: files.closeAll,
  }
}
