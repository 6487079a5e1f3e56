/** The Read call of the Streams service: reads that end here, subscriptions in subscribe.ts. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { Guard } from '../auth/guard.ts'
import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import { streamNotFoundFrame } from '../protocol/frames.ts'
import { parseReadOptions, type ReadOptions } from '../protocol/read-options.ts'
import type { StoredEvent } from '../protocol/record.ts'
import { breathe, type Call } from '../server/grpc.ts'
import type { Hub } from '../subscriptions/hub.ts'
import { FIRST_BATCH, nextBatch } from '../subscriptions/pace.ts'
import { subscribe } from '../subscriptions/subscribe.ts'
import { sender } from './links.ts'
import { firstReadable, isExpired, isSoftDeleted, isTombstoned, metadataOf } from './metadata.ts'

export type ReadDeps = { readonly storage: Storage; readonly hub: Hub; readonly guard: Guard }

type Page = { readonly events: ReadonlyArray<StoredEvent>; readonly more: boolean }

const send = async (
  storage: Storage,
  call: Call,
  options: ReadOptions,
  next: (limit: number) => Page,
): Promise<void> => {
  let left = options.count
  const { filter } = options
  let batch = FIRST_BATCH
  const give = sender(storage, call, options)
  while (left > 0 && call.open()) {
    const limit = filter === null ? Math.min(left, batch) : batch
    const { events, more } = next(limit)
    for (const event of events) {
      if (filter !== null && !filter(event.body)) continue
      give(event)
      if (--left === 0) break
    }
    if (!more) break
    batch = nextBatch(batch, events)
    if (call.blocked()) await call.ready()
    else await breathe()
  }
  call.end()
}

const readAll = (storage: Storage, call: Call, options: ReadOptions): Promise<void> => {
  const { from, backwards } = options
  if (backwards) {
    let before = from === 'end' ? Number.MAX_SAFE_INTEGER : from === 'start' ? 0 : from
    return send(storage, call, options, (limit) => {
      const events = storage.allBackwards(before, limit)
      before = events.at(-1)?.position ?? 0
      return { events, more: events.length === limit }
    })
  }
  let at = from === 'start' ? 0 : from === 'end' ? storage.lastPosition() + 1 : from
  // What is appended while this read is under way is not part of it, or a fast writer would keep it from ending.
  const last = storage.lastPosition()
  return send(storage, call, options, (limit) => {
    const events = storage.allForwards(at, limit)
    at = (events.at(-1)?.position ?? at) + 1
    const inside = at - 1 <= last
    return {
      events: inside ? events : events.filter((event) => event.position <= last),
      more: inside && events.length === limit,
    }
  })
}

const readStream = (storage: Storage, call: Call, options: ReadOptions, name: string): Promise<void> => {
  const { from, backwards } = options
  const stream = storage.stream(name)
  if (isTombstoned(storage, name)) {
    call.fail(errors.streamDeleted(name))
    return Promise.resolve()
  }
  const metadata = metadataOf(storage, stream)
  if (stream.last < 0 || isSoftDeleted(metadata)) {
    call.write(streamNotFoundFrame(stream.nameBytes))
    call.end()
    return Promise.resolve()
  }
  const { id, last } = stream
  const first = firstReadable(metadata, last)
  const now = Date.now()
  const readable = (events: StoredEvent[]): StoredEvent[] =>
    metadata.maxAge === undefined ? events : events.filter((event) => !isExpired(metadata, event, now))
  if (backwards) {
    let at = from === 'end' ? last : from === 'start' ? 0 : Math.min(from, last)
    return send(storage, call, options, (limit) => {
      const events = at < first ? [] : storage.streamBackwards(id, at, Math.min(limit, at - first + 1))
      at = (events.at(-1)?.revision ?? 0) - 1
      return { events: readable(events), more: events.length > 0 && at >= first }
    })
  }
  let at = Math.max(first, from === 'start' ? 0 : from === 'end' ? last + 1 : from)
  return send(storage, call, options, (limit) => {
    const events = at > last ? [] : storage.streamForwards(id, at, Math.min(limit, last - at + 1))
    at = (events.at(-1)?.revision ?? at) + 1
    return { events: readable(events), more: events.length > 0 && at <= last }
  })
}

export const read =
  (deps: ReadDeps) =>
  async (request: ReadReq, call: Call): Promise<void> => {
    const options = parseReadOptions(request)
    deps.guard.check(call, 'read', options.stream ?? '$all')
    if (options.subscribe) return subscribe(deps, call, options)
    if (options.count === 0) throw errors.invalidArgument('The count of a read is at least 1')
    if (options.stream === null) return readAll(deps.storage, call, options)
    return readStream(deps.storage, call, options, options.stream)
  }
