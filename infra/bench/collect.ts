/** Loaded into a server under test: on SIGUSR2 it collects its garbage and writes down what it still holds, in bytes. */
import { renameSync, writeFileSync } from 'node:fs'
import { memoryFileOf } from './memory-file.ts'

const file = memoryFileOf(process.pid)

process.on('SIGUSR2', () => {
  const gc = (globalThis as { gc?: () => void }).gc
  gc?.()
  // What finalizers let go of in the first is collected in the second.
  setImmediate(() => {
    gc?.()
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()))
    renameSync(`${file}.new`, file)
  })
})
