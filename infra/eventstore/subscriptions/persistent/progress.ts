/** The progress of a persistent subscription: the position up to which all is done, and when that is saved. */
import type { GroupMessage, IntakePlace } from './message.ts'
import type { GroupSettings } from './settings.ts'

export type Progress = ReturnType<typeof createProgress>

export const createProgress = ({
  settings,
  checkpoint,
  save,
}: {
  readonly settings: GroupSettings
  /** The position up to which all was done when it was last saved. */
  readonly checkpoint: number | null
  readonly save: (checkpoint: number) => void
}) => {
  /** Events taken from the log that are not done, or wait for an earlier one that is not. */
  let places: IntakePlace[] = []
  let processed = checkpoint
  let saved = checkpoint
  let doneSinceSave = 0
  let lastSave = Date.now()
  let total = 0
  let isStopped = false

  const write = (): void => {
    // A later answer (a parked message that is written) is for another event to count.
    if (isStopped || processed === null || processed === saved) return
    save(processed)
    saved = processed
    doneSinceSave = 0
    lastSave = Date.now()
  }

  return {
    begin: (at: number): IntakePlace => {
      const place = { at, done: false }
      places.push(place)
      return place
    },

    /** An event that the filter leaves out is done as soon as all before it are. */
    passOver: (at: number): void => {
      if (places.length === 0) processed = at
    },

    finish: (message: GroupMessage): void => {
      total++
      if (message.place === null) return
      message.place.done = true
      let count = 0
      while (count < places.length && places[count]!.done) processed = places[count++]!.at
      if (count > 0) places = places.slice(count)
      doneSinceSave += count
      if (settings.maxCheckpointCount > 0 && doneSinceSave >= settings.maxCheckpointCount) write()
    },

    write,
    writeWhereDue: (now: number): void => {
      if (doneSinceSave < Math.max(1, settings.minCheckpointCount)) return
      if (now - lastSave >= settings.checkpointAfter) write()
    },
    stop: (): void => {
      isStopped = true
    },

    saved: (): number | null => saved,
    total: (): number => total,
    outstanding: (): number => places.length,
  }
}
