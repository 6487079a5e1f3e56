/** `presence audit check` of an archive's folder. */

import type { Verifier } from '../../../projections/proof/note.ts'
import { checkArchive } from '../../operations/archive/check.ts'
import { counted, type Io } from '../command.ts'
import { plain, shown } from '../shown.ts'

/** Rejects if the folder can't be read. */
export const checkArchiveFolder = async (
  dir: string,
  keys: ReadonlyArray<Verifier>,
  io: Io,
): Promise<number> => {
  let best: Awaited<ReturnType<typeof checkArchive>> | null = null
  for (const key of keys) {
    const checked = await checkArchive(dir, key)
    if (best === null || checked.faults.length < best.faults.length) best = checked
    if (checked.faults.length === 0) break
  }
  const { faults, header, checkpoint, rooms, events } = best!
  for (const fault of faults) io.err(plain(fault))
  io.out(
    `archive ${header.number}: ${counted(events, 'event')} of ${counted(rooms, 'room')}, ${header.from === null ? 'the log’s beginning' : shown(header.from)} to ${shown(header.before)}`,
  )
  if (checkpoint !== null)
    io.out(
      `log ${shown(checkpoint.origin)}, checkpoint of ${counted(checkpoint.size, 'event')}, ${checkpoint.root.toString('base64')}`,
    )
  io.out(
    faults.length === 0
      ? 'It holds: every event is in the log, and none is missing.'
      : `It does not hold: ${counted(faults.length, 'fault')}.`,
  )
  return faults.length === 0 ? 0 : 1
}
