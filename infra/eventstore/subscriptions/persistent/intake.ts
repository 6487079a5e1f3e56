/** Reads a persistent subscription's events from the log. */
import type { Storage } from '../../log/storage.ts'
import type { StoredEvent } from '../../protocol/record.ts'
import { compileFilter } from '../../streams/filters.ts'
import { allSource, type Source, streamSource } from '../sources.ts'
import { type GroupMessage, messageOf, streamOf } from './message.ts'
import type { Progress } from './progress.ts'
import type { GroupSettings } from './settings.ts'

const startOf = (settings: GroupSettings, checkpoint: number | null): number | 'start' | 'end' => {
  const startFrom = settings.pinnedAt ?? settings.startFrom
  return checkpoint ?? (typeof startFrom === 'number' ? startFrom - 1 : startFrom)
}

export const createIntake = (
  storage: Storage,
  settings: GroupSettings,
  /** `source`: a stream's name or `$all`. */
  { source: name, checkpoint }: { readonly source: string; readonly checkpoint: number | null },
  progress: Progress,
) => {
  const isAll = name === '$all'
  const filter = settings.filter === null ? null : compileFilter(settings.filter)
  const start = startOf(settings, checkpoint)
  const source: Source = isAll ? allSource(storage, start) : streamSource(storage, name, start)
  let caughtUp = false

  const take = (event: StoredEvent, buffer: GroupMessage[]): void => {
    const at = isAll ? event.position : event.revision
    if (filter !== null && !filter(event.body)) {
      progress.passOver(at)
      return
    }
    // Its own parked events must not come back to it.
    if (isAll && streamOf(event.body).startsWith(`$persistentsubscription-`)) return
    buffer.push(messageOf(storage, event, progress.begin(at), settings.resolveLinks))
  }

  return {
    /** False if it is to start at a position of `$all` at which there is no event. */
    canStart:
      !isAll ||
      checkpoint !== null ||
      typeof settings.startFrom !== 'number' ||
      settings.startFrom === 0 ||
      storage.canBeginAt(settings.startFrom),
    caughtUp: (): boolean => caughtUp,
    /** Reads more, while the buffer has room. */
    fill: (buffer: GroupMessage[]): void => {
      while (buffer.length < settings.readBatchSize) {
        const { events, more } = source.take(Math.max(settings.readBatchSize, 1))
        for (const event of events) take(event, buffer)
        caughtUp = !more
        if (!more) return
      }
    },
  }
}
