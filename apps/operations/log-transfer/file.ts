/** A log as a file: one event per line, in `$all` order. An interrupted export continues where it was. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { isLeft } from 'fp-ts/lib/Either.js'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { STANDING_PREFIXES } from '../../../projections/archives.ts'
import { KEPT_PREFIXES } from '../../../projections/history/kept-streams.ts'
import { ISSUED_PREFIX } from '../../../projections/proof/issued.ts'

const PAGE = 2_000

export type ExportedEvent = {
  readonly id: string
  readonly stream: string
  readonly revision: string
  readonly position: string
  readonly created: string
  readonly type: string
  readonly data: unknown
  readonly metadata: unknown
}

/** Whether a stream is exported. The server's own streams are not, but what it keeps about ours (`$$stream`: its
 *  metadata) is. Kept moments, issued checkpoints and archives hold positions of exactly this log: another log makes
 *  its own. */
export const isOurs = (stream: string): boolean =>
  (!stream.startsWith('$') || /^\$\$[^$]/.test(stream)) &&
  !/^(\$\$)?archives$/.test(stream) &&
  ![...KEPT_PREFIXES, ISSUED_PREFIX, ...STANDING_PREFIXES].some((prefix) =>
    stream.replace('$$', '').startsWith(prefix),
  )

/** Removes where the log was cut, which does not concern another log, since that gets everything. */
const uncut = (stream: string, data: unknown): unknown => {
  const isOfRoom = STREAM_PREFIXES.some((prefix) => stream.startsWith(`$$${prefix}`))
  if (!isOfRoom || typeof data !== 'object' || data === null || Array.isArray(data)) return data
  const { $tb: _, ...rest } = data as Readonly<Record<string, unknown>>
  return rest
}

const lineOf = (event: RecordedEvent): string => {
  const { id, stream, type, metadata } = event
  const line: ExportedEvent = {
    id,
    stream,
    revision: String(event.revision),
    position: String(event.position),
    created: event.created.toISOString(),
    type,
    data: uncut(stream, event.data),
    metadata,
  }
  return `${JSON.stringify(line)}\n`
}

export type OnProgress = (done: number, of: string) => void

/** Parses a line from `lineOf`; null if it is not one. */
const asLine = (text: string): ExportedEvent | null => {
  try {
    const line = JSON.parse(text) as Partial<ExportedEvent> | null
    const texts = [line?.id, line?.stream, line?.type, line?.revision, line?.position]
    const isLine = texts.every((one) => typeof one === 'string') && /^\d+$/.test(line!.position!)
    return isLine && /^\d+$/.test(line!.revision!) ? (line as ExportedEvent) : null
  } catch {
    return null
  }
}
const LINE_HEAD = '{"id":"'

/** The end of a file that was being written: the last complete line and where it ends. Throws if it is a file of
 *  another kind, which is left as it is. */
const whereLeft = async (
  file: string,
): Promise<{ readonly bytes: number; readonly last: ExportedEvent | null; readonly lines: number }> => {
  let bytes = 0
  let lines = 0
  let last: ExportedEvent | null = null
  const foreign = new Error(`${file} is there already, and is no export of a log: give another name.`)
  try {
    const handle = await open(file, 'r')
    const stat = await handle.stat()
    await handle.close()
    const { size } = stat
    if (!stat.isFile()) throw foreign
    if (size === 0) return { bytes, last, lines }
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const length = Buffer.byteLength(text) + 1
      // The last line has no line break if its writing was interrupted.
      if (bytes + length > size) {
        if (!text.startsWith(LINE_HEAD.slice(0, text.length))) throw foreign
        break
      }
      last = asLine(text)
      if (last === null) throw foreign
      bytes += length
      lines += 1
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return { bytes, last, lines }
}

/** Whether the log has exactly that event at that place. */
const hasLine = async (
  log: EventLog,
  { id, stream, revision, position }: ExportedEvent,
): Promise<boolean> => {
  const read = await log.readStream(stream, { from: BigInt(revision), limit: 1 })()
  if (isLeft(read)) {
    if (read.left._tag === 'StreamDeleted') return true
    throw new Error(`The log can't be read: ${JSON.stringify(read.left)}`)
  }
  const [there] = read.right
  // An event that is gone by now, for example because its stream was deleted, says nothing.
  if (there === undefined || String(there.revision) !== revision) return true
  return there.id === id && String(there.position) === position
}

/**
 * Writes the log as it is now to a file, or continues where an export into that file stopped. Returns how many events
 * the file has in the end. Throws if the log can't be read.
 */
export const exportLog = async (log: EventLog, file: string, progress: OnProgress): Promise<number> => {
  const left = await whereLeft(file)
  if (left.last !== null && !(await hasLine(log, left.last)))
    throw new Error(`${file} is an export of another log: give another name.`)
  const handle = await open(file, left.bytes === 0 ? 'w' : 'r+')
  let count = left.lines
  try {
    await handle.truncate(left.bytes)
    let at = left.bytes
    let after = left.last === null ? null : BigInt(left.last.position)
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
