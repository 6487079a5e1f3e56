/** Loaded into a server under test: on SIGUSR2 the server collects its garbage and writes down how many bytes it
 *  still holds. */
import { renameSync, writeFileSync } from 'node:fs'
import { memoryFileOf } from './memory-file.ts'

const file = memoryFileOf(process.pid)

process.on('SIGUSR2', () => {
  const gc = (globalThis as { gc?: () => void }).gc
  gc?.()
  // Whatever finalizers release in the first collection is collected in the second.
  setImmediate(() => {
    gc?.()
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()))
    renameSync(`${file}.new`, file)
  })
})
