/** Writes a change within a commit: its events, and the metadata by which a stream is deleted or begun anew. */
import { randomUUID } from 'node:crypto'
import type { Storage, Stream } from '../log/storage.ts'
import { encodeBody, type ProposedEvent, type StoredEvent, TOMBSTONE_REVISION } from '../protocol/record.ts'
import type { AppendOutcome, AppendRequest } from './append-request.ts'
import { outcomeUnwritten } from './expected.ts'
import {
  DELETED_MARK,
  isMetastream,
  isSoftDeleted,
  metadataOf,
  metastreamOf,
  originalOf,
  rawMetadata,
  withTruncateBefore,
} from './metadata.ts'

/** The writer of one commit. `ticks`: its time. */
export type Batch = { readonly storage: Storage; readonly ticks: string; readonly written: StoredEvent[] }

const NOTHING = new Uint8Array(0)

const bodyOf = ({ storage, ticks }: Batch, stream: Stream, revision: number, event: ProposedEvent): Buffer =>
  encodeBody(event, stream.nameBytes, { revision, position: storage.nextPosition(), ticks })

/** Gives its position. */
const insert = (batch: Batch, stream: Stream, revision: number, event: ProposedEvent): number => {
  const stored = batch.storage.insert(stream, revision, bodyOf(batch, stream, revision, event), event.id)
  batch.written.push(stored)
  return stored.position
}

const insertMetadata = (batch: Batch, name: string, json: string): number => {
  const metastream = batch.storage.stream(metastreamOf(name))
  return insert(batch, metastream, metastream.last + 1, {
    id: randomUUID(),
    type: '$metadata',
    contentType: 'application/json',
    data: Buffer.from(json),
    metadata: NOTHING,
  })
}

/** A deleted stream that is written to lives again, from `from` on. */
const undelete = (batch: Batch, name: string, from: number): void => {
  insertMetadata(batch, name, withTruncateBefore(rawMetadata(batch.storage, name), `${from}`))
}

/** Writes an event of the node's own under any expectation; its id is not remembered. It revives a deleted stream. */
export const writeOwn = (batch: Batch, name: string, event: ProposedEvent): void => {
  const { storage } = batch
  const stream = storage.stream(name)
  if (stream.last === TOMBSTONE_REVISION) return
  const wasDeleted = isSoftDeleted(metadataOf(storage, stream))
  const revision = stream.last + 1
  batch.written.push(storage.insert(stream, revision, bodyOf(batch, stream, revision, event), null))
  if (wasDeleted) undelete(batch, name, revision)
}

const writeEvents = (
  batch: Batch,
  stream: Stream,
  events: ReadonlyArray<ProposedEvent>,
  wasDeleted: boolean,
): AppendOutcome => {
  const { storage } = batch
  const first = stream.last + 1
  // Metadata sent to a deleted stream would otherwise bring back what was deleted.
  const original = isMetastream(stream.name) ? storage.stream(originalOf(stream.name)) : undefined
  const revived =
    original !== undefined &&
    original.last !== TOMBSTONE_REVISION &&
    isSoftDeleted(metadataOf(storage, original))
  let position = -1
  for (const event of events) position = insert(batch, stream, stream.last + 1, event)
  const revision = stream.last
  if (wasDeleted) undelete(batch, stream.name, first)
  if (revived && events.length > 0 && !isSoftDeleted(metadataOf(storage, original)))
    undelete(batch, original.name, original.last + 1)
  return { tag: 'appended', revision, position }
}

const writeDeletion = (batch: Batch, stream: Stream): AppendOutcome => {
  if (stream.last < 0 && batch.storage.stream(metastreamOf(stream.name)).last < 0)
    return { tag: 'wrong-expected', current: -1 }
  // This replaces the stream's metadata.
  const position = insertMetadata(batch, stream.name, withTruncateBefore('', DELETED_MARK))
  return { tag: 'appended', revision: stream.last, position }
}

const writeTombstone = (batch: Batch, stream: Stream): AppendOutcome => {
  const position = insert(batch, stream, TOMBSTONE_REVISION, {
    id: randomUUID(),
    type: '$streamDeleted',
    contentType: 'application/octet-stream',
    data: NOTHING,
    metadata: NOTHING,
  })
  return { tag: 'appended', revision: TOMBSTONE_REVISION, position }
}

/** Writes the change, if it is to be written. */
export const write = (batch: Batch, request: AppendRequest, now: number): AppendOutcome => {
  const { storage } = batch
  const { change } = request
  const stream = storage.stream(request.stream)
  if (request.deadline <= now) return { tag: 'timeout' }
  const wasDeleted = isSoftDeleted(metadataOf(storage, stream))
  const unwritten = outcomeUnwritten(storage, stream, request, wasDeleted)
  if (unwritten !== undefined) return unwritten
  switch (change.kind) {
    case 'append':
      return writeEvents(batch, stream, change.events, wasDeleted)
    case 'delete':
      return writeDeletion(batch, stream)
    case 'tombstone':
      return writeTombstone(batch, stream)
    default:
      return change satisfies never
  }
}
