/** Directories of a test's own, in the system's folder for such. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** It goes with the process, however that ends but by a signal. */
export const temporaryDirectory = (prefix: string, within = tmpdir()): string => {
  const path = mkdtempSync(join(within, prefix))
  if (made.length === 0)
    process.once('exit', () => {
      // A node that was killed just now may be writing its last.
      for (const one of made) rmSync(one, { recursive: true, force: true, maxRetries: 5 })
    })
  made.push(path)
  return path
}
