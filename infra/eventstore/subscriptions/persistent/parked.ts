/** The messages that a persistent subscription gave up, in a stream of their own. */
import type { Storage } from '../../log/storage.ts'
import { decodeBody, idOf, type ProposedEvent } from '../../protocol/record.ts'
import type { Appender } from '../../streams/append.ts'
import { EXPECT_ANY } from '../../streams/append-request.ts'
import { follow } from '../../streams/links.ts'
import { metadataOf, metastreamOf } from '../../streams/metadata.ts'
import { type GroupMessage, streamOf } from './message.ts'

export const parkedStreamOf = (source: string, name: string): string =>
  `$persistentsubscription-${source}::${name}-parked`

/** A link to the event itself, not to the link by which it came, so that a replay gives the event. For an event that is
 *  gone, the text of its link. */
const targetOf = ({ event, link }: GroupMessage): Uint8Array | undefined => {
  if (event !== undefined) return Buffer.from(`${event.revision}@${streamOf(event.body)}`)
  return link === undefined ? undefined : decodeBody(link.body).data
}

const linkTo = (target: Uint8Array, reason: string): ProposedEvent => ({
  id: crypto.randomUUID(),
  type: '$>',
  contentType: 'application/octet-stream',
  data: target,
  metadata: Buffer.from(JSON.stringify({ added: new Date().toISOString(), reason })),
})

const truncateBefore = (revision: number): ProposedEvent => ({
  id: crypto.randomUUID(),
  type: '$metadata',
  contentType: 'application/json',
  data: Buffer.from(JSON.stringify({ $tb: revision })),
  metadata: new Uint8Array(0),
})

export const createParked = (storage: Storage, appender: Appender, name: string) => {
  const append = (stream: string, event: ProposedEvent, done: () => void): void =>
    appender.append({
      stream,
      expected: EXPECT_ANY,
      change: { kind: 'append', events: [event] },
      deadline: Number.POSITIVE_INFINITY,
      bytes: event.data.length,
      done,
    })

  return {
    add: (message: GroupMessage, reason: string, done: () => void): void => {
      const target = targetOf(message)
      if (target === undefined) done()
      else append(name, linkTo(target, reason), done)
    },

    count: (): number => {
      const stream = storage.stream(name)
      const first = metadataOf(storage, stream).truncateBefore
      return Math.max(0, stream.last + 1 - Math.min(first, stream.last + 1))
    },

    /** Takes out the oldest, up to the number `stopAt` of the stream, to be sent again. */
    take: (stopAt: number): GroupMessage[] => {
      const stream = storage.stream(name)
      if (stream.last < 0) return []
      const first = metadataOf(storage, stream).truncateBefore
      const count = Math.min(stopAt, stream.last + 1) - first
      const links = count > 0 ? storage.streamForwards(stream.id, first, count) : []
      const last = links.at(-1)
      if (last === undefined) return []
      append(metastreamOf(name), truncateBefore(last.revision + 1), () => {})
      return links.flatMap((link) => {
        const event = follow(storage, link)
        // Events deleted meanwhile are not sent again.
        return event === undefined ? [] : [{ id: idOf(link.body), event, link, retries: 0, place: null }]
      })
    },
  }
}
