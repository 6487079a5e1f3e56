/** The sources of subscriptions: `$all` or one stream, with a position in it. */

import type { Storage } from '../log/storage.ts'
import type { From } from '../protocol/read-options.ts'
import type { StoredEvent } from '../protocol/record.ts'
import { firstReadable, firstUnexpired, isExpired, isSoftDeleted, metadataOf } from '../streams/metadata.ts'

/** Where a subscription's events come from: `$all` or one stream. */
export type Source = {
  /** The next events after the last taken. */
  readonly take: (limit: number) => { readonly events: ReadonlyArray<StoredEvent>; readonly more: boolean }
  /** Takes a committed event: whether it belongs to the subscription and was not taken yet. */
  readonly accept: (event: StoredEvent) => boolean
}

export const allSource = (storage: Storage, from: From): Source => {
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

export const streamSource = (storage: Storage, name: string, from: From): Source => {
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
      const { last } = storage.stream(name)
      const from = Math.max(after + 1, firstReadable(metadata, last))
      const now = Date.now()
      const first = firstUnexpired(storage, { stream: id, metadata, first: from, last, now })
      const events = storage.streamForwards(id, first, limit)
      after = events.at(-1)?.revision ?? after
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
