/**
 * Loaded before a child's own program (`node --import`): its stdin is a pipe that its parent holds open. When that
 * closes, the parent is gone, however it died, and the child stops as on SIGTERM.
 */
import { isMainThread } from 'node:worker_threads'

const GRACE_MS = 10_000

// A program's threads read this too, and the stdin that they see closes when they end.
if (isMainThread) {
  process.stdin.on('error', () => {})
  process.stdin.once('close', () => {
    setTimeout(() => process.exit(1), GRACE_MS).unref()
    process.kill(process.pid, 'SIGTERM')
  })
  process.stdin.resume()
  // The pipe must not keep a program alive that has nothing left to do.
  if ('unref' in process.stdin) (process.stdin as unknown as { unref(): void }).unref()
}
