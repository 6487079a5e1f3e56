/** Directories of a test's own, in the system's folder for temporary files. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** The directory is removed when the process exits, unless a signal kills it. */
export const temporaryDirectory = (prefix: string, within = tmpdir()): string => {
  const path = mkdtempSync(join(within, prefix))
  if (made.length === 0)
    process.once('exit', () => {
      // A node that was just killed may still be writing.
      for (const one of made) rmSync(one, { recursive: true, force: true, maxRetries: 5 })
    })
  made.push(path)
  return path
}
