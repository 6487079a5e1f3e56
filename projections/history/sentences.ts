/** An event in a sentence. */
import type { Decoded } from '../../domain/codec.ts'
import { eventEntry } from '../../domain/events.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { whoIs } from './names.ts'

/** `before`: the space's state before the event, which tells whose session it was; null if that is not known. */
export const says = ({ event, metadata }: Decoded, before: SpaceState | null): string => {
  const actor = whoIs(metadata.actor)
  return eventEntry(event.type).says(event.data, {
    actor,
    whose: (sessionId) => {
      const session = before?.sessions.get(sessionId)
      return session?.account ?? session?.guest ?? `session ${sessionId}`
    },
    by: (one) => (one === null ? actor : whoIs(one)),
  })
}
