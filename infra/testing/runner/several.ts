/** The program of a process that runs several test files, named by its arguments, one after the other, each as if it were
 *  alone: what it prints ends with uvu's totals. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { endOf, startOf } from './marks.ts'
import { endShared, shareAmongFiles } from './shared.ts'

declare global {
  /** uvu's own: where it is set before uvu is loaded, suites wait in the queue for `exec`. */
  var UVU_DEFER: number
  var UVU_QUEUE: unknown[][]
}

/** A handle that a file left open would keep the process for ever. */
const STILL_OPEN_MS = 10_000

globalThis.UVU_DEFER = 1
shareAmongFiles()
const { exec } = await import('uvu')

for (const path of process.argv.slice(2)) {
  const start = performance.now()
  globalThis.UVU_QUEUE.splice(0, Number.POSITIVE_INFINITY, [null])
  process.exitCode = 0
  process.stdout.write(startOf(path))
  await import(pathToFileURL(join(process.cwd(), path)).href)
  await exec()
  process.stdout.write(endOf(Number(process.exitCode), performance.now() - start))
}
await endShared()
process.exitCode = 0
setTimeout(() => process.exit(1), STILL_OPEN_MS).unref()
