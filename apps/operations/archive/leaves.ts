/** The records of an archive's events: they come room by room, and are written in the order of the log. Each is put at
 *  the place given by its leaf's number in a sparse file, so that memory is limited whatever the archive's size. */
import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { type LeafRecord, RECORD, readRecord, writeRecord } from '../../../projections/proof/archive.ts'
import { type WrittenFile, writeFileTo } from './written-file.ts'

export type Leaves = {
  readonly add: (record: LeafRecord) => void
  /** Writes them to `path`. */
  readonly finish: (path: string) => ReturnType<WrittenFile['done']> & {
    readonly events: number
    readonly positions: readonly [string, string] | null
  }
}

const PAGE = 4_096

/** `scratch`: a temporary file. */
export const gatherLeaves = (scratch: string): Leaves => {
  const fd = openSync(scratch, 'w+')
  const one = Buffer.alloc(RECORD)
  let [first, last] = [Number.POSITIVE_INFINITY, -1]
  const copyTo = (file: WrittenFile): { events: number; positions: readonly [string, string] | null } => {
    let events = 0
    let positions: [string, string] | null = null
    ftruncateSync(fd, (last + 1) * RECORD)
    const page = Buffer.alloc(PAGE * RECORD)
    for (let leaf = first; leaf <= last; leaf += PAGE) {
      const got = readSync(fd, page, 0, Math.min(PAGE, last + 1 - leaf) * RECORD, leaf * RECORD)
      for (let at = 0; at < got; at += RECORD) {
        // A hole: a line of an event is never empty.
        if (page.readUInt32BE(at + 76) === 0) continue
        events += 1
        const position = String(readRecord(page, at).position)
        positions = [positions?.[0] ?? position, position]
        file.write(Buffer.from(page.subarray(at, at + RECORD)))
      }
    }
    return { events, positions }
  }
  return {
    add: (record) => {
      writeRecord(one, 0, record)
      writeSync(fd, one, 0, RECORD, record.leaf * RECORD)
      first = Math.min(first, record.leaf)
      last = Math.max(last, record.leaf)
    },
    finish: (path) => {
      const file = writeFileTo(path)
      const found = copyTo(file)
      closeSync(fd)
      rmSync(scratch)
      return { ...file.done(), ...found }
    },
  }
}
