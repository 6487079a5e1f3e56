/** What this process appended lately, by the events' ids: its own events come back through its subscription, and then
 *  need not be parsed and opened again. */
import type { GivenLately, NewEvent, RecordedEvent } from '../../domain/ports.ts'

type Given = Pick<RecordedEvent, 'data' | 'metadata'> & Pick<NewEvent, 'type'> & { readonly stream: string }

/** Remembers `most` events, and up to twice as many before the older half is dropped. */
export const givenLately = (
  most = 2_000,
): {
  readonly put: (stream: string, events: ReadonlyArray<NewEvent>) => void
  readonly take: GivenLately
} => {
  let young = new Map<string, Given>()
  let old = new Map<string, Given>()
  return {
    put: (stream, events) => {
      for (const { id, type, data, metadata } of events) young.set(id, { stream, type, data, metadata })
      if (young.size < most) return
      old = young
      young = new Map()
    },
    take: (id, stream, type) => {
      const from = young.has(id) ? young : old
      const found = from.get(id)
      if (found === undefined) return undefined
      from.delete(id)
      return found.stream === stream && found.type === type
        ? { data: found.data, metadata: found.metadata }
        : undefined
    },
  }
}
