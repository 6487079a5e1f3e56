/** A log as a file: one event a line, in `$all` order. Written and read from where it was left. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { isLeft } from 'fp-ts/lib/Either.js'
import { appendSettled, BINARY } from '../../adapters/eventstore/index.ts'
import type { EventLog, ExpectedRevision, NewEvent, RecordedEvent } from '../../domain/ports.ts'

const PAGE = 2_000
/** Events of one stream in a row go in one append, up to this many. */
const APPEND = 500

export type Line = {
  readonly id: string
  readonly stream: string
  readonly revision: string
  readonly position: string
  readonly created: string
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
}

/** The server's own streams stay behind; what it keeps on ours (`$$stream`: its metadata) goes along. */
const isOurs = (stream: string): boolean => !stream.startsWith('$') || /^\$\$[^$]/.test(stream)

const lineOf = (event: RecordedEvent): string => {
  const { id, stream, type, data, metadata } = event
  const line: Line = {
    id,
    stream,
    revision: String(event.revision),
    position: String(event.position),
    created: event.created.toISOString(),
    type,
    data,
    metadata,
  }
  return `${JSON.stringify(line)}\n`
}

export type Progress = (done: number, of: string) => void

/** The end of a file that was being written: the last whole line's position and where it ends. */
const whereLeft = async (
  file: string,
): Promise<{ readonly bytes: number; readonly after: bigint | null; readonly lines: number }> => {
  let bytes = 0
  let lines = 0
  let after: bigint | null = null
  try {
    const handle = await open(file, 'r')
    const { size } = await handle.stat()
    await handle.close()
    if (size === 0) return { bytes, after, lines }
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const length = Buffer.byteLength(text) + 1
      // The last line has no line break where its writing was cut short.
      if (bytes + length > size) break
      after = BigInt((JSON.parse(text) as Line).position)
      bytes += length
      lines += 1
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return { bytes, after, lines }
}

/**
 * Writes the log as it is now to a file, or goes on where an export into that file stopped. Gives the number of events that
 * the file holds in the end. Throws where the log can't be read.
 */
export const exportLog = async (log: EventLog, file: string, progress: Progress): Promise<number> => {
  const left = await whereLeft(file)
  const handle = await open(file, left.bytes === 0 ? 'w' : 'r+')
  let count = left.lines
  try {
    await handle.truncate(left.bytes)
    let at = left.bytes
    let after = left.after
    for (;;) {
      const page = await log.readAll({ limit: PAGE, ...(after === null ? {} : { after }) })()
      if (isLeft(page)) throw new Error(`The log can't be read: ${JSON.stringify(page.left)}`)
      const last = page.right[page.right.length - 1]
      if (last === undefined) break
      const ours = page.right.filter(({ stream }) => isOurs(stream))
      const bytes = Buffer.from(ours.map(lineOf).join(''))
      await handle.write(bytes, 0, bytes.length, at)
      at += bytes.length
      count += ours.length
      after = last.position
      progress(count, `position ${after}`)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return count
}

const newestOfOurs = async (log: EventLog): Promise<string | null> => {
  let after: bigint | undefined
  for (;;) {
    const page = await log.readAll({
      direction: 'backwards',
      limit: 200,
      ...(after === undefined ? {} : { after }),
    })()
    if (isLeft(page)) throw new Error(`The log can't be read: ${JSON.stringify(page.left)}`)
    const found = page.right.find(({ stream }) => isOurs(stream))
    if (found !== undefined) return found.id
    const last = page.right[page.right.length - 1]
    if (last === undefined) return null
    after = last.position
  }
}

/**
 * Appends a file's events to a log in the file's order, one append after the other, so that positions keep that order; goes
 * on after the newest event of the log where the file has it. Ids, revisions, data and metadata stay; positions and the
 * server's own times are new. Gives how many were appended. Throws where the log holds something else.
 */
export const importLog = async (log: EventLog, file: string, progress: Progress): Promise<number> => {
  const append = appendSettled(log, { deadlineMs: 60_000 })
  const newest = await newestOfOurs(log)
  let skipping = newest !== null
  const ends = new Map<string, bigint | null>()
  let appended = 0
  let number = 0
  let batch: { stream: string; events: NewEvent[] } | null = null

  const endOf = async (stream: string): Promise<bigint | null> => {
    const known = ends.get(stream)
    if (known !== undefined) return known
    const read = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
    if (isLeft(read)) throw new Error(`${stream} can't be read: ${JSON.stringify(read.left)}`)
    return read.right[0]?.revision ?? null
  }
  const flush = async () => {
    if (batch === null) return
    const { stream, events } = batch
    batch = null
    const end = newest === null && !ends.has(stream) ? null : await endOf(stream)
    const expected: ExpectedRevision = end ?? 'none'
    const result = await append(stream, expected, events)()
    if (isLeft(result))
      throw new Error(
        `Line ${number}: ${stream} after ${expected} can't be appended: ${JSON.stringify(result.left, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
      )
    ends.set(stream, result.right.revision)
    appended += events.length
    progress(appended, `line ${number}`)
  }

  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (text === '') continue
    const line = JSON.parse(text) as Line
    if (skipping) {
      if (line.id === newest) skipping = false
      number += 1
      continue
    }
    if (typeof line.data === 'string' && line.data.startsWith(BINARY))
      throw new Error(`Line ${number + 1}: ${line.id} is not JSON; this import writes JSON alone.`)
    if (batch !== null && (batch.stream !== line.stream || batch.events.length >= APPEND)) await flush()
    number += 1
    batch ??= { stream: line.stream, events: [] }
    batch.events.push({ id: line.id, type: line.type, data: line.data, metadata: line.metadata })
  }
  if (skipping)
    throw new Error('The log to import into holds events that this file does not end at: give an empty one.')
  await flush()
  return appended
}
