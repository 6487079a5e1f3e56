/** The Read call of the Streams service: reads that end here, subscriptions in subscribe.ts. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { Guard } from '../auth/guard.ts'
import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import {
  firstStreamPositionFrame,
  lastAllPositionFrame,
  lastStreamPositionFrame,
  streamNotFoundFrame,
} from '../protocol/frames.ts'
import { parseReadOptions, type ReadOptions } from '../protocol/read-options.ts'
import type { StoredEvent } from '../protocol/record.ts'
import { breathe, type Call } from '../server/grpc.ts'
import type { Hub } from '../subscriptions/hub.ts'
import { FIRST_BATCH, nextBatch } from '../subscriptions/pace.ts'
import { subscribe } from '../subscriptions/subscribe.ts'
import { sender } from './links.ts'
import {
  firstReadable,
  firstUnexpired,
  isExpired,
  isSoftDeleted,
  isTombstoned,
  metadataOf,
  type ReadableRange,
} from './metadata.ts'

export type ReadDeps = { readonly storage: Storage; readonly hub: Hub; readonly guard: Guard }

type Page = { readonly events: ReadonlyArray<StoredEvent>; readonly more: boolean }

/** The pages of a read. `tell`: says where its stream ends, to those who ask; `given`: whether there was an event. */
type Pages = { readonly next: (limit: number) => Page; readonly tell: (given: boolean) => void }

/** How many events the real server looks at first. */
const FIRST_PAGE = 32

const send = async (
  storage: Storage,
  call: Call,
  options: ReadOptions,
  { next, tell }: Pages,
): Promise<void> => {
  let left = options.count
  const { filter } = options
  let batch = FIRST_BATCH
  let given = false
  const give = sender(storage, call, options)
  while (left > 0 && call.open()) {
    const limit = filter === null ? Math.min(left, batch) : batch
    const { events, more } = next(limit)
    for (const event of events) {
      if (filter !== null && !filter(event.body)) continue
      give(event)
      given = true
      if (--left === 0) break
    }
    if (!more) break
    batch = nextBatch(batch, events)
    if (call.blocked()) await call.ready()
    else await breathe()
  }
  if (options.tellEnds) tell(given)
  call.end()
}

const readAll = (storage: Storage, call: Call, options: ReadOptions): Promise<void> => {
  const { from, backwards } = options
  // Events appended during this read are not part of it, or a fast writer would keep it from ending.
  const last = storage.lastPosition()
  const tell = (): void => {
    if (last >= 0) call.write(lastAllPositionFrame(last))
  }
  if (backwards) {
    let before = from === 'end' ? Number.MAX_SAFE_INTEGER : from === 'start' ? 0 : from
    const next = (limit: number): Page => {
      const events = storage.allBackwards(before, limit)
      before = events.at(-1)?.position ?? 0
      return { events, more: events.length === limit }
    }
    return send(storage, call, options, { next, tell })
  }
  let at = from === 'start' ? 0 : from === 'end' ? last + 1 : from
  const next = (limit: number): Page => {
    const events = storage.allForwards(at, limit)
    at = (events.at(-1)?.position ?? at) + 1
    const inside = at - 1 <= last
    return {
      events: inside ? events : events.filter((event) => event.position <= last),
      more: inside && events.length === limit,
    }
  }
  return send(storage, call, options, { next, tell })
}

/** The readable part of a stream, during a read of it. */
type Readable = ReadableRange & { readonly readable: (events: StoredEvent[]) => StoredEvent[] }

const readForwards = (storage: Storage, call: Call, options: ReadOptions, range: Readable): Promise<void> => {
  const { from } = options
  const { stream, first, last, readable } = range
  const start = from === 'start' ? 0 : from === 'end' ? last + 1 : from
  // The first page of the real server ends before what is left to be read: then it says where that begins.
  if (
    options.tellEnds &&
    start < first &&
    start + Math.min(options.count, FIRST_PAGE) <= first &&
    first <= last
  )
    call.write(firstStreamPositionFrame(first))
  let at = Math.max(first, start)
  const next = (limit: number): Page => {
    const events = at > last ? [] : storage.streamForwards(stream, at, Math.min(limit, last - at + 1))
    at = (events.at(-1)?.revision ?? at) + 1
    return { events: readable(events), more: events.length > 0 && at <= last }
  }
  const tell = (given: boolean): void => {
    if (!given && start !== last + 1) call.write(firstStreamPositionFrame(last + 1))
    call.write(lastStreamPositionFrame(last))
  }
  return send(storage, call, options, { next, tell })
}

const readBackwards = (
  storage: Storage,
  call: Call,
  options: ReadOptions,
  { stream, first, last, readable }: Readable,
): Promise<void> => {
  const { from } = options
  let at = from === 'end' ? last : from === 'start' ? 0 : Math.min(from, last)
  const next = (limit: number): Page => {
    const events = at < first ? [] : storage.streamBackwards(stream, at, Math.min(limit, at - first + 1))
    at = (events.at(-1)?.revision ?? 0) - 1
    return { events: readable(events), more: events.length > 0 && at >= first }
  }
  return send(storage, call, options, { next, tell: () => call.write(lastStreamPositionFrame(last)) })
}

const readStream = (storage: Storage, call: Call, options: ReadOptions, name: string): Promise<void> => {
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
  const now = Date.now()
  const whole = { stream: id, metadata, first: firstReadable(metadata, last), last }
  const range: Readable = {
    ...whole,
    first: firstUnexpired(storage, { ...whole, now }),
    readable: (events) =>
      metadata.maxAge === undefined ? events : events.filter((event) => !isExpired(metadata, event, now)),
  }
  return options.backwards
    ? readBackwards(storage, call, options, range)
    : readForwards(storage, call, options, range)
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
