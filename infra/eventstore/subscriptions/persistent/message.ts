/** A message of a persistent subscription: an event, with how often it was tried and its place for the checkpoint. */
import type { Storage } from '../../log/storage.ts'
import { decodeBody, idOf, locateNames, type Names, type StoredEvent } from '../../protocol/record.ts'
import { follow, isLink } from '../../streams/links.ts'

export type GroupMessage = {
  /** The id by which the consumer acknowledges it. */
  readonly id: string
  readonly event: StoredEvent | undefined
  readonly link: StoredEvent | undefined
  retries: number
  /** Its place for the checkpoint; null for one that was parked and is replayed. */
  readonly place: IntakePlace | null
}
export type IntakePlace = { readonly at: number; done: boolean }

const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

export const streamOf = (body: Buffer): string => {
  locateNames(body, names)
  return body.toString('utf8', names.nameStart, names.nameEnd)
}

export const correlationOf = (body: Buffer): string => {
  try {
    const metadata: unknown = JSON.parse(decodeBody(body).metadata.toString('utf8'))
    if (typeof metadata === 'object' && metadata !== null && '$correlationId' in metadata)
      return String(metadata.$correlationId)
  } catch {
    // No correlation then.
  }
  return streamOf(body)
}

/** The message for an event of the source; if links are followed, for the event that it leads to. */
export const messageOf = (
  storage: Storage,
  event: StoredEvent,
  place: IntakePlace,
  followLinks: boolean,
): GroupMessage => {
  const isFollowed = followLinks && isLink(event.body)
  return {
    id: idOf(event.body),
    event: isFollowed ? follow(storage, event) : event,
    link: isFollowed ? event : undefined,
    retries: 0,
    place,
  }
}
