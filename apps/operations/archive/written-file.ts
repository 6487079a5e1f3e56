/** A file of an archive while it is written: its contents, its size, and its digest. It is flushed to the disk once it is done. */
import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

const CHUNK = 1 << 18

export type WrittenFile = {
  /** The offset of whatever is written next. */
  readonly at: () => number
  readonly write: (text: string | Buffer) => void
  readonly done: () => { readonly bytes: number; readonly sha256: string }
  /** Removes a file that is given up. */
  readonly abandon: () => void
}

export const writeFileTo = (path: string): WrittenFile => {
  const fd = openSync(path, 'w')
  const digest = createHash('sha256')
  let waiting: Buffer[] = []
  let held = 0
  let bytes = 0
  const flush = (): void => {
    const all = Buffer.concat(waiting)
    waiting = []
    held = 0
    digest.update(all)
    for (let put = 0; put < all.length; ) put += writeSync(fd, all, put)
  }
  return {
    at: () => bytes,
    write: (text) => {
      const part = typeof text === 'string' ? Buffer.from(text, 'utf8') : text
      waiting.push(part)
      held += part.length
      bytes += part.length
      if (held >= CHUNK) flush()
    },
    done: () => {
      flush()
      fsyncSync(fd)
      closeSync(fd)
      return { bytes, sha256: digest.digest('hex') }
    },
    abandon: () => closeSync(fd),
  }
}

/** Flushes a folder's own entries to the disk. */
export const syncFolder = (path: string): void => {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
