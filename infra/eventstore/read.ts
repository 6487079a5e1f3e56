/** The Read call of the Streams service: reads that end here, subscriptions in subscribe.ts. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import * as errors from './errors.ts'
import { eventFrame, streamNotFoundFrame } from './frames.ts'
import { breathe, type Call } from './grpc.ts'
import type { Hub } from './hub.ts'
import { parseReadOptions, type ReadOptions } from './read-options.ts'
import { type StoredEvent, TOMBSTONE_REVISION } from './record.ts'
import type { Storage } from './storage.ts'
import { subscribe } from './subscribe.ts'

export type ReadDeps = { readonly storage: Storage; readonly hub: Hub }

/** So many events are taken from the file at a time: enough to be cheap, few enough to leave others their turn. */
const BATCH = 256

const send = async (
  call: Call,
  options: ReadOptions,
  next: (limit: number) => ReadonlyArray<StoredEvent>,
): Promise<void> => {
  let left = options.count
  const { filter, ids } = options
  while (left > 0 && call.open()) {
    const limit = filter === null ? Math.min(left, BATCH) : BATCH
    const events = next(limit)
    for (const event of events) {
      if (filter !== null && !filter(event.body)) continue
      call.write(eventFrame(event, ids))
      if (--left === 0) break
    }
    if (events.length < limit) break
    if (call.blocked()) await call.ready()
    else await breathe()
  }
  call.end()
}

const readAll = (storage: Storage, call: Call, options: ReadOptions): Promise<void> => {
  const { from, backwards } = options
  if (backwards) {
    let before = from === 'end' ? Number.MAX_SAFE_INTEGER : from === 'start' ? 0 : from
    return send(call, options, (limit) => {
      const events = storage.allBackwards(before, limit)
      before = events.at(-1)?.position ?? 0
      return events
    })
  }
  let at = from === 'start' ? 0 : from === 'end' ? storage.lastPosition() + 1 : from
  // What is appended while this read is under way is not part of it, or a fast writer would keep it from ending.
  const last = storage.lastPosition()
  return send(call, options, (limit) => {
    const events = storage.allForwards(at, limit)
    at = (events.at(-1)?.position ?? at) + 1
    return (events.at(-1)?.position ?? 0) <= last ? events : events.filter((event) => event.position <= last)
  })
}

const readStream = (storage: Storage, call: Call, options: ReadOptions, name: string): Promise<void> => {
  const { from, backwards } = options
  const stream = storage.stream(name)
  if (stream.last === TOMBSTONE_REVISION) {
    call.fail(errors.streamDeleted(name))
    return Promise.resolve()
  }
  if (stream.last < 0) {
    call.write(streamNotFoundFrame(stream.nameBytes))
    call.end()
    return Promise.resolve()
  }
  const { id, last } = stream
  if (backwards) {
    let at = from === 'end' ? last : from === 'start' ? 0 : from
    return send(call, options, (limit) => {
      if (at < 0) return []
      const events = storage.streamBackwards(id, at, limit)
      at = (events.at(-1)?.revision ?? 0) - 1
      return events
    })
  }
  let at = from === 'start' ? 0 : from === 'end' ? last + 1 : from
  return send(call, options, (limit) => {
    const events = storage.streamForwards(id, at, limit)
    at = (events.at(-1)?.revision ?? at) + 1
    return (events.at(-1)?.revision ?? 0) <= last ? events : events.filter((event) => event.revision <= last)
  })
}

export const read =
  (deps: ReadDeps) =>
  async (request: ReadReq, call: Call): Promise<void> => {
    const options = parseReadOptions(request)
    if (options.subscribe) return subscribe(deps, call, options)
    if (options.count === 0) throw errors.invalidArgument('The count of a read is at least 1')
    if (options.stream === null) return readAll(deps.storage, call, options)
    return readStream(deps.storage, call, options, options.stream)
  }
