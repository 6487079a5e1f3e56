/** Catch-up subscriptions: from the file until they have caught up, from then on from memory as commits come. One that
 *  is slower than the log goes back to the file, so it never costs memory. */
import { randomUUID } from 'node:crypto'
import type { Storage } from '../log/storage.ts'
import * as errors from '../protocol/errors.ts'
import { caughtUpFrame, checkpointFrame, confirmationFrame, fellBehindFrame } from '../protocol/frames.ts'
import type { ReadOptions } from '../protocol/read-options.ts'
import { type StoredEvent, TOMBSTONE_REVISION } from '../protocol/record.ts'
import { breathe, type Call } from '../server/grpc.ts'
import { sender } from '../streams/links.ts'
import { isTombstoned } from '../streams/metadata.ts'
import { createGathering, gatherMsOf } from './gathering.ts'
import type { Hub } from './hub.ts'
import { FIRST_BATCH, nextBatch } from './pace.ts'
import { allSource, streamSource } from './sources.ts'

export const subscribe = async (
  { storage, hub }: { readonly storage: Storage; readonly hub: Hub },
  call: Call,
  options: ReadOptions,
): Promise<void> => {
  const { stream, from, filter, checkpointEvery } = options
  const give = sender(storage, call, options)
  if (stream !== null && isTombstoned(storage, stream)) throw errors.streamDeleted(stream)
  const source = stream === null ? allSource(storage, from) : streamSource(storage, stream, from)
  call.write(confirmationFrame(randomUUID()))

  let looked = 0
  /** The last event looked at since a checkpoint; -1 for none. */
  let unreported = -1
  const deliver = (event: StoredEvent): void => {
    if (filter === null) {
      give(event)
      // A tombstone is the last event of its stream.
      if (stream !== null && event.revision === TOMBSTONE_REVISION) call.fail(errors.streamDeleted(stream))
      return
    }
    looked++
    if (filter(event.body)) give(event)
    unreported = event.position
    if (looked >= checkpointEvery) {
      looked = 0
      unreported = -1
      call.write(checkpointFrame(event.position))
    }
  }

  let batch = FIRST_BATCH
  let live = false
  let everLive = false
  let fellBehind: (() => void) | undefined
  const gathering = createGathering(gatherMsOf(call.headers), (events) => {
    if (!live) return
    if (call.blocked()) {
      live = false
      gathering.drop()
      fellBehind?.()
      return
    }
    for (const event of events) if (source.accept(event)) deliver(event)
  })
  const stop = hub.subscribe((events) => {
    if (live) gathering.put(events)
  })

  try {
    while (call.open()) {
      const { events, more } = source.take(batch)
      for (const event of events) deliver(event)
      if (more) {
        batch = nextBatch(batch, events)
        if (call.blocked()) await call.ready()
        else await breathe()
        continue
      }
      // Nothing is appended between that read and here, so what comes next comes through the hub.
      // A subscription that has caught up gets a checkpoint, however few events it looked at.
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
    gathering.drop()
    stop()
  }
}
