/** What the node knows about streams, kept in memory for those that were used recently. */
import type { DatabaseSync } from 'node:sqlite'
import { LRUCache } from 'lru-cache'
import { type Ends, prepareArrays } from './rows.ts'
import type { createStreamIndex } from './stream-index.ts'
import { isMetastream, originalOf, type StreamMetadata } from './stream-metadata.ts'

/** What the node knows of one stream. */
export type Stream = {
  id: number
  readonly name: string
  readonly nameBytes: Buffer
  /** -1 if it has no event yet. Inside a transaction, what was written counts; outside it, what is on the disk. */
  readonly last: number
  /** Set by metadata.ts; undefined until somebody asks for it, and again after the metadata changes. */
  metadata: StreamMetadata | undefined
}

/** One view of a stream: what was written, or what is on the disk. */
type View = { last: number; metadata: StreamMetadata | undefined }

const CACHED_STREAMS = 20_000

class KnownStream implements Stream {
  id: number
  readonly name: string
  readonly nameBytes: Buffer
  readonly written: View
  readonly onDisk: View
  readonly ends: Ends

  constructor(
    name: string,
    id: number,
    last: { readonly written: number; readonly onDisk: number },
    ends: Ends,
  ) {
    this.id = id
    this.name = name
    this.nameBytes = Buffer.from(name, 'utf8')
    this.written = { last: last.written, metadata: undefined }
    this.onDisk = { last: last.onDisk, metadata: undefined }
    this.ends = ends
  }

  get last(): number {
    return (this.ends.inside ? this.written : this.onDisk).last
  }

  get metadata(): StreamMetadata | undefined {
    return (this.ends.inside ? this.written : this.onDisk).metadata
  }

  set metadata(metadata: StreamMetadata | undefined) {
    ;(this.ends.inside ? this.written : this.onDisk).metadata = metadata
  }
}

export type KnownStreams = ReturnType<typeof createKnownStreams>
export const createKnownStreams = (
  db: DatabaseSync,
  index: ReturnType<typeof createStreamIndex>,
  ends: Ends,
) => {
  const streams = new LRUCache<string, KnownStream>({ max: CACHED_STREAMS })
  const insertStream = db.prepare('INSERT INTO streams (id, name) VALUES (?, ?)')
  const findStream = prepareArrays(db, 'SELECT id FROM streams WHERE name = ?')
  const lastStream = prepareArrays(db, 'SELECT coalesce(max(id), 0) FROM streams')
  let next = 1

  const forgetMetadata = (name: string, view: 'written' | 'onDisk'): void => {
    if (!isMetastream(name)) return
    const original = streams.peek(originalOf(name))
    if (original !== undefined) original[view].metadata = undefined
  }

  return {
    load: (): void => {
      streams.clear()
      next = Number((lastStream.get() as unknown as number[])[0]) + 1
    },
    /** The stream, known or not: `id` is 0 if it was never written to. */
    get: (name: string): Stream => {
      const cached = streams.get(name)
      if (cached !== undefined) return cached
      const found = findStream.get(name) as unknown as [number] | undefined
      const id = found?.[0] ?? 0
      const written = id === 0 ? -1 : index.last(id, Number.MAX_SAFE_INTEGER)
      const onDisk = id === 0 || ends.onDisk === ends.written ? written : index.last(id, ends.onDisk)
      const stream = new KnownStream(name, id, { written, onDisk }, ends)
      streams.set(name, stream)
      return stream
    },
    /** Gives the stream a number before its first event. */
    enter: (stream: Stream): void => {
      if (stream.id !== 0) return
      stream.id = next++
      insertStream.run(stream.id, stream.name)
    },
    wrote: (stream: Stream, revision: number): void => {
      ;(stream as KnownStream).written.last = revision
      forgetMetadata(stream.name, 'written')
    },
    /** Call this when an event that was written is on the disk. */
    synced: (name: string, revision: number): void => {
      const stream = streams.peek(name)
      if (stream !== undefined) stream.onDisk.last = revision
      forgetMetadata(name, 'onDisk')
    },
    count: (): number => next - 1,
    cached: (): number => streams.size,
  }
}
