/** Whether the events have always come in order of time. */
import type { DatabaseSync } from 'node:sqlite'
import { decodeBody, type StoredEvent } from '../protocol/record.ts'

/** In `state`, once it has happened. */
const CLOCK_WENT_BACK = 'clock-went-back'

export const createTimeOrder = (db: DatabaseSync) => {
  const getState = db.prepare('SELECT value FROM state WHERE name = ?')
  const putState = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  /** The latest time that an event has, as far as is known. */
  let latest = 0
  let isInOrder = true
  return {
    /** `last`: of the log. */
    load: (last: StoredEvent | undefined): void => {
      latest = last === undefined ? 0 : Number(decodeBody(last.body).created / 10_000n)
      isInOrder = getState.get(CLOCK_WENT_BACK) === undefined
    },
    /** The time of what is written next, within a transaction, in milliseconds. */
    at: (time: number, nextPosition: number): void => {
      if (time < latest && isInOrder) {
        isInOrder = false
        putState.run(CLOCK_WENT_BACK, `${nextPosition}`)
      }
      latest = Math.max(latest, time)
    },
    /** No clock was ever set back. */
    isInOrder: (): boolean => isInOrder,
  }
}
