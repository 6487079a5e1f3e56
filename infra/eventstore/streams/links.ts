/** Links: events of type `$>` whose data names another event, as `revision@stream`. */

import type { Storage } from '../log/storage.ts'
import { type IdForm, writeEvent } from '../protocol/frames.ts'
import { decodeBody, locateNames, type Names, type StoredEvent } from '../protocol/record.ts'
import type { Call } from '../server/grpc.ts'
import { firstReadable, isExpired, isSoftDeleted, isTombstoned, metadataOf } from './metadata.ts'

const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

export const isLink = (body: Buffer): boolean => {
  locateNames(body, names)
  return (
    names.typeEnd - names.typeStart === 2 &&
    body[names.typeStart] === 0x24 &&
    body[names.typeStart + 1] === 0x3e
  )
}

/** `revision@stream`, as the link has it; undefined for a link to nothing. */
export const targetOf = (body: Buffer): string | undefined => {
  const target = decodeBody(body).data.toString('utf8')
  return /^\d+@.+$/s.test(target) ? target : undefined
}

/** The event that the link points to; undefined if it is gone or never existed. */
export const follow = (storage: Storage, link: StoredEvent): StoredEvent | undefined => {
  const match = /^(\d+)@(.+)$/s.exec(decodeBody(link.body).data.toString('utf8'))
  if (match === null) return undefined
  const revision = Number(match[1])
  const stream = storage.stream(match[2]!)
  if (stream.last < revision || isTombstoned(storage, stream.name)) return undefined
  const metadata = metadataOf(storage, stream)
  if (isSoftDeleted(metadata) || revision < firstReadable(metadata, stream.last)) return undefined
  const [event] = storage.streamForwards(stream.id, revision, 1)
  return event?.revision === revision && !isExpired(metadata, event, Date.now()) ? event : undefined
}

/** A link whose text names no event is sent unresolved. */
const namesNothing = (link: StoredEvent): boolean =>
  !/^\d+@/.test(decodeBody(link.body).data.toString('utf8'))

/** Whether and how a read resolves links. */
export const sender = (
  storage: Storage,
  call: Pick<Call, 'write'>,
  { resolveLinks, ids }: { readonly resolveLinks: boolean; readonly ids: IdForm },
): ((event: StoredEvent) => void) =>
  resolveLinks
    ? (event) =>
        isLink(event.body) && !namesNothing(event)
          ? writeEvent(call, follow(storage, event), ids, event)
          : writeEvent(call, event, ids)
    : (event) => writeEvent(call, event, ids)
