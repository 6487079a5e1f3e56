/** Checks that an archive is what the log had, with nothing missing within it: every file as it was sealed, every
 *  bundle, every event's proof, and each event's place. Needs no server, no database and no network. */
import { createHash, hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { type ArchiveFolder, openArchive, readLines } from '../../../adapters/archive/folder.ts'
import { linesOf } from '../../../adapters/text-file.ts'
import { type ArchiveHeader, CUTS, cutIn, isSealed, OTHERS } from '../../../projections/proof/archive.ts'
import { checkBundle } from '../../../projections/proof/check-bundle.ts'
import { inclusionChecker } from '../../../projections/proof/merkle.ts'
import { type Checkpoint, openCheckpoint, type Verifier } from '../../../projections/proof/note.ts'

export type ArchiveChecked = {
  /** A sentence for each fault; empty if the archive verifies. */
  readonly faults: ReadonlyArray<string>
  readonly header: ArchiveHeader
  readonly checkpoint: Checkpoint | null
  readonly rooms: number
  readonly events: number
}

const MAX_FAULTS = 1_000

const digestOf = async (path: string): Promise<{ readonly bytes: number; readonly sha256: string }> => {
  const digest = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    digest.update(chunk as Buffer)
    bytes += (chunk as Buffer).length
  }
  return { bytes, sha256: digest.digest('hex') }
}

type Fault = (sentence: string) => void

const checkFiles = async ({ dir, manifest }: ArchiveFolder, fault: Fault): Promise<void> => {
  for (const { file, bytes, sha256 } of manifest.files)
    try {
      const found = await digestOf(join(dir, file))
      if (found.bytes !== bytes || found.sha256 !== sha256) fault(`${file} is not what was sealed.`)
    } catch (error) {
      fault(`${file} can’t be read: ${(error as Error).message}`)
    }
}

const checkRooms = async (
  { dir, manifest }: ArchiveFolder,
  verifier: Verifier,
  checkpoint: Checkpoint,
  fault: Fault,
): Promise<{ readonly rooms: number; readonly events: number }> => {
  const { header } = manifest
  const to = new Date(Date.parse(header.before) - 1).toISOString()
  let [rooms, events] = [0, 0]
  for (const { file, space, events: said } of manifest.files) {
    if (space === undefined) continue
    rooms += 1
    const checked = await checkBundle(linesOf(join(dir, file)), verifier)
    for (const { part, event, detail } of checked.faults)
      fault(`${file}, ${part}${event === null ? '' : ` ${event}`}: ${detail}`)
    const of = checked.header
    if (of?.space !== space || of.from !== header.from || of.to !== to || checked.events !== said)
      fault(`${file} is not the bundle that the archive says.`)
    if (checked.checkpoint?.size !== checkpoint.size || !checked.checkpoint.root.equals(checkpoint.root))
      fault(`${file} is of another checkpoint than the archive.`)
    events += checked.events
  }
  return { rooms, events }
}

/** Checks looks, and refusals with a time of their own: each has its proof. */
const checkOthers = async (
  { dir }: ArchiveFolder,
  { size, root }: Checkpoint,
  fault: Fault,
): Promise<number> => {
  let inTree = inclusionChecker(size, root)
  let previous: ReadonlyArray<Buffer> = []
  let [events, lastLeaf] = [0, -1]
  for await (const bytes of linesOf(join(dir, OTHERS))) {
    if (bytes.length === 0) continue
    events += 1
    try {
      const text = bytes.toString('utf8')
      const { leaf, proof, shared } = JSON.parse(text) as { leaf: number; proof: string[]; shared: number }
      if (leaf <= lastLeaf) inTree = inclusionChecker(size, root)
      lastLeaf = leaf
      const own = proof.map((one) => Buffer.from(one, 'base64'))
      previous = [...own, ...(shared === 0 ? [] : previous.slice(-shared))]
      const leafText = text.slice('{"event":'.length, text.lastIndexOf(',"leaf":'))
      if (!inTree(hash('sha256', `\0${leafText}`, 'buffer'), leaf, previous, shared))
        fault(`Line ${events} of ${OTHERS} is not in the log of the checkpoint.`)
    } catch {
      fault(`Line ${events} of ${OTHERS} is not of an event’s form.`)
    }
  }
  return events
}

/** Checks each event's place: its line, its leaf, its place in its stream, and that places only increase. */
const checkPlaces = (folder: ArchiveFolder, fault: Fault): void => {
  const next = folder.streams.map(({ from }) => from)
  let [leaf, position] = [-1, -1n]
  for (let index = 0; index < folder.events; index += 1) {
    const record = folder.record(index)
    const name = folder.streams[record.stream]?.stream ?? 'no stream'
    const where = `Event ${record.revision} of ${name}`
    const line = folder.line(record)
    const text = line.slice('{"event":'.length, line.lastIndexOf(',"leaf":'))
    if (!hash('sha256', `\0${text}`, 'buffer').equals(record.hash))
      fault(`${where} is not where the archive says.`)
    if (record.leaf <= leaf || record.position <= position)
      fault(`${where} stands before the one in front of it.`)
    if (record.revision !== next[record.stream]) fault(`${where} does not follow the one before it.`)
    next[record.stream] = record.revision + 1
    leaf = record.leaf
    position = record.position
    const { event } = JSON.parse(line) as { event: { stream: string; revision: string } }
    if (event.stream !== name || event.revision !== String(record.revision))
      fault(`${where} is another event’s place.`)
  }
}

/** Checks that nothing is cut that is not in this archive or an earlier one. */
const checkCuts = (folder: ArchiveFolder, fault: Fault): void => {
  for (const { stream, to } of readLines(folder.dir, CUTS, cutIn)) {
    const end = folder.end(stream)
    if (end !== null && to >= end) fault(`${stream} would be cut up to ${to}, and the archive ends before.`)
  }
}

/** Throws `ArchiveError`, or the system's error, if it can't be read. */
export const checkArchive = async (dir: string, verifier: Verifier): Promise<ArchiveChecked> => {
  const folder = openArchive(dir)
  const faults: string[] = []
  const fault: Fault = (sentence) => void (faults.length < MAX_FAULTS && faults.push(sentence))
  try {
    const { manifest } = folder
    const { header } = manifest
    const checkpoint = openCheckpoint(manifest.checkpoint, verifier)
    if (!isSealed(manifest, verifier)) fault('The archive is not sealed with the key.')
    if (checkpoint === null) fault('Its checkpoint is not signed with the key.')
    await checkFiles(folder, fault)
    if (checkpoint === null) return { faults, header, checkpoint, rooms: 0, events: 0 }
    const { rooms, events } = await checkRooms(folder, verifier, checkpoint, fault)
    const others = await checkOthers(folder, checkpoint, fault)
    checkPlaces(folder, fault)
    checkCuts(folder, fault)
    if (events + others !== folder.events) fault('It has not as many events as its leaves say.')
    return { faults, header, checkpoint, rooms, events: folder.events }
  } finally {
    folder.close()
  }
}
