/** What the parts print: everything goes to a file in the data folder, and what the user should know is also shown. */
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'

const MAX_BYTES = 20_000_000
/** pino's number for `warn`. */
const WARN = 40

export type Logs = {
  /** Takes the lines of one part. */
  readonly of: (part: string) => (line: string) => void
  readonly folder: string
}

/** What to show the user: of a log line of ours, which is JSON, the message if it is a warning or worse; anything else as it is. */
const worthSaying = (line: string): string | null => {
  if (!line.startsWith('{')) return line.trim() === '' ? null : line
  try {
    const { level, msg, err } = JSON.parse(line)
    if (typeof level !== 'number' || level < WARN) return null
    return [msg, err?.message].filter(Boolean).join(': ') || null
  } catch {
    return line
  }
}

export const createLogs = (dataDir: string, say: (line: string) => void): Logs => {
  const folder = join(dataDir, 'logs')
  mkdirSync(folder, { recursive: true })
  return {
    folder,
    of: (part) => {
      const path = join(folder, `${part}.log`)
      // The output of the previous run is kept, however that ended.
      let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
      const open = (): WriteStream => {
        const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
        // A full disk stops the log, not the part.
        stream.on('error', () => {})
        return stream
      }
      let file = open()
      return (line) => {
        size += Buffer.byteLength(line) + 1
        if (size > MAX_BYTES) {
          size = 0
          file.end()
          try {
            renameSync(path, `${path}.1`)
          } catch {
            // Then it continues in the same file.
          }
          file = open()
        }
        file.write(`${line}\n`)
        const words = worthSaying(line)
        if (words !== null) say(`${part}: ${words}`)
      }
    },
  }
}
