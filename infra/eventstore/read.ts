/** The Read call of the Streams service: reads that end here, subscriptions in subscribe.ts. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import * as errors from './errors.ts'
import { eventFrame, streamNotFoundFrame } from './frames.ts'
import type { Hub } from './hub.ts'
import { parseReadOptions, type ReadOptions } from './read-options.ts'
import { type StoredEvent, TOMBSTONE_REVISION } from './record.ts'
import { breathe, createSink, type Sink } from './sink.ts'
import type { Storage } from './storage.ts'
import { subscribe } from './subscribe.ts'

export type ReadDeps = { readonly storage: Storage; readonly hub: Hub }

/** So many events are taken from the file at a time: enough to be cheap, few enough to leave others their turn. */
const BATCH = 256

const send = async (
  sink: Sink,
  options: ReadOptions,
  next: (limit: number) => ReadonlyArray<StoredEvent>,
): Promise<void> => {
  let left = options.count
  const { filter, ids } = options
  while (left > 0 && sink.open()) {
    const limit = filter === null ? Math.min(left, BATCH) : BATCH
    const events = next(limit)
    for (const event of events) {
      if (filter !== null && !filter(event.body)) continue
      sink.write(eventFrame(event, ids))
      if (--left === 0) break
    }
    if (events.length < limit) break
    if (sink.blocked()) await sink.ready()
    else await breathe()
  }
  sink.end()
}

const readAll = (storage: Storage, sink: Sink, options: ReadOptions): Promise<void> => {
  const { from, backwards } = options
  if (backwards) {
    let before = from === 'end' ? Number.MAX_SAFE_INTEGER : from === 'start' ? 0 : from
    return send(sink, options, (limit) => {
      const events = storage.allBackwards(before, limit)
      before = events.at(-1)?.position ?? 0
      return events
    })
  }
  let at = from === 'start' ? 0 : from === 'end' ? storage.lastPosition() + 1 : from
  // What is appended while this read is under way is not part of it, or a fast writer would keep it from ending.
  const last = storage.lastPosition()
  return send(sink, options, (limit) => {
    const events = storage.allForwards(at, limit)
    at = (events.at(-1)?.position ?? at) + 1
    return (events.at(-1)?.position ?? 0) <= last ? events : events.filter((event) => event.position <= last)
  })
}

const readStream = (storage: Storage, sink: Sink, options: ReadOptions, name: string): Promise<void> => {
  const { from, backwards } = options
  const stream = storage.stream(name)
  if (stream.last === TOMBSTONE_REVISION) {
    sink.fail(errors.streamDeleted(name))
    return Promise.resolve()
  }
  if (stream.last < 0) {
    sink.write(streamNotFoundFrame(stream.nameBytes))
    sink.end()
    return Promise.resolve()
  }
  const { id, last } = stream
  if (backwards) {
    let at = from === 'end' ? last : from === 'start' ? 0 : from
    return send(sink, options, (limit) => {
      if (at < 0) return []
      const events = storage.streamBackwards(id, at, limit)
      at = (events.at(-1)?.revision ?? 0) - 1
      return events
    })
  }
  let at = from === 'start' ? 0 : from === 'end' ? last + 1 : from
  return send(sink, options, (limit) => {
    const events = storage.streamForwards(id, at, limit)
    at = (events.at(-1)?.revision ?? at) + 1
    return (events.at(-1)?.revision ?? 0) <= last ? events : events.filter((event) => event.revision <= last)
  })
}

export const read =
  (deps: ReadDeps) =>
  (call: ServerWritableStream<ReadReq, Buffer>): void => {
    const sink = createSink(call)
    const run = async (): Promise<void> => {
      const options = parseReadOptions(call.request)
      if (options.subscribe) return subscribe(deps, sink, options)
      if (options.count === 0) throw errors.invalidArgument('The count of a read is at least 1')
      if (options.stream === null) return readAll(deps.storage, sink, options)
      return readStream(deps.storage, sink, options, options.stream)
    }
    run().catch((error: unknown) => {
      const known = typeof error === 'object' && error !== null && 'code' in error && 'details' in error
      sink.fail(known ? error : errors.internal(error instanceof Error ? error.message : String(error)))
    })
  }
