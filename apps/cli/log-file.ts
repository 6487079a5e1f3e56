/** A log as a file: one event a line, in `$all` order. Written from where it was left. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { KEPT_PREFIXES } from '../../projections/moment/kept.ts'
import { ISSUED_PREFIX } from '../../projections/proof/issued.ts'

const PAGE = 2_000

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

/** The server's own streams stay behind; what it keeps on ours (`$$stream`: its metadata) goes along. Kept moments
 *  and issued checkpoints hold places in this very log: the next one makes its own. */
export const isOurs = (stream: string): boolean =>
  (!stream.startsWith('$') || /^\$\$[^$]/.test(stream)) &&
  ![...KEPT_PREFIXES, ISSUED_PREFIX].some((prefix) => stream.startsWith(prefix))

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
