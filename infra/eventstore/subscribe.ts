/** Catch-up subscriptions: from the file until they have caught up, from then on from memory as commits come. One that
 *  is slower than the log goes back to the file, so it never costs memory. */
import { randomUUID } from 'node:crypto'
import * as errors from './errors.ts'
import { caughtUpFrame, checkpointFrame, confirmationFrame, fellBehindFrame } from './frames.ts'
import { breathe, type Call } from './grpc.ts'
import type { Hub } from './hub.ts'
import { framer } from './links.ts'
import { firstReadable, isExpired, isSoftDeleted, isTombstoned, metadataOf } from './metadata.ts'
import type { ReadOptions } from './read-options.ts'
import type { StoredEvent } from './record.ts'

import type { Storage } from './storage.ts'

const BATCH = 256

/** Where a subscription's events come from: `$all` or one stream. */
type Source = {
  /** The next ones after the last taken. */
  readonly take: (limit: number) => { readonly events: ReadonlyArray<StoredEvent>; readonly more: boolean }
  /** Whether a committed event is the subscription's, and not yet taken. Moves on. */
  readonly accept: (event: StoredEvent) => boolean
}

const allSource = (storage: Storage, from: ReadOptions['from']): Source => {
  let after = from === 'start' ? -1 : from === 'end' ? storage.lastPosition() : from
  return {
    take: (limit) => {
      const events = storage.allForwards(after + 1, limit)
      after = events.at(-1)?.position ?? after
      return { events, more: events.length === limit }
    },
    accept: (event) => {
      if (event.position <= after) return false
      after = event.position
      return true
    },
  }
}

const streamSource = (storage: Storage, name: string, from: ReadOptions['from']): Source => {
  const stream = storage.stream(name)
  let id = stream.id
  let after = from === 'start' ? -1 : from === 'end' ? stream.last : from
  const known = () => {
    if (id === 0) id = storage.stream(name).id
    return id !== 0
  }
  return {
    take: (limit) => {
      if (!known()) return { events: [], more: false }
      const metadata = metadataOf(storage, storage.stream(name))
      if (isSoftDeleted(metadata)) return { events: [], more: false }
      const first = Math.max(after + 1, firstReadable(metadata, storage.stream(name).last))
      const events = storage.streamForwards(id, first, limit)
      after = events.at(-1)?.revision ?? after
      const now = Date.now()
      return {
        events: events.filter((event) => !isExpired(metadata, event, now)),
        more: events.length === limit,
      }
    },
    accept: (event) => {
      if (!known() || event.stream !== id || event.revision <= after) return false
      after = event.revision
      return true
    },
  }
}

export const subscribe = async (
  { storage, hub }: { readonly storage: Storage; readonly hub: Hub },
  call: Call,
  options: ReadOptions,
): Promise<void> => {
  const { stream, from, filter, checkpointEvery } = options
  const frame = framer(storage, options)
  if (stream !== null && isTombstoned(storage, stream)) throw errors.streamDeleted(stream)
  const source = stream === null ? allSource(storage, from) : streamSource(storage, stream, from)
  call.write(confirmationFrame(randomUUID()))

  let looked = 0
  let unreported = -1
  const deliver = (event: StoredEvent): void => {
    if (filter === null) {
      call.write(frame(event))
      return
    }
    looked++
    if (filter(event.body)) {
      call.write(frame(event))
      unreported = -1
    } else unreported = event.position
    if (looked >= checkpointEvery) {
      looked = 0
      unreported = -1
      call.write(checkpointFrame(event.position))
    }
  }

  let live = false
  let everLive = false
  let fellBehind: (() => void) | undefined
  const stop = hub.listen((events) => {
    if (!live) return
    if (call.blocked()) {
      live = false
      fellBehind?.()
      return
    }
    for (const event of events) if (source.accept(event)) deliver(event)
  })

  try {
    while (call.open()) {
      const { events, more } = source.take(BATCH)
      for (const event of events) deliver(event)
      if (more) {
        if (call.blocked()) await call.ready()
        else await breathe()
        continue
      }
      // Nothing is appended between that read and here, so what comes next comes through the hub.
      if (unreported >= 0) {
        call.write(checkpointFrame(unreported))
        unreported = -1
        looked = 0
      }
      live = true
      call.write(caughtUpFrame)
      everLive = true
      await new Promise<void>((resolve) => {
        fellBehind = resolve
        call.onClose = resolve
      })
      if (!call.open()) return
      if (everLive) call.write(fellBehindFrame)
      await call.ready()
    }
  } finally {
    stop()
  }
}
