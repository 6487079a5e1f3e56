/** Somebody's place in the queue of a full room, as REST and sockets show it. */
import type { Subject } from '../domain/identity.ts'
import { lineOf, type PlaceInQueue } from '../domain/space/queue.ts'
import type { SpaceState } from '../domain/space/state.ts'
import { isOver } from '../domain/text.ts'

/** `position` 0: it is their turn, and a seat is held for them until `expires_at`. `until`: the place is kept until
 *  then for somebody who does not ask again. */
export type QueueView = {
  readonly position: number
  readonly waiting: number
  readonly expected_wait_seconds: number | null
  readonly until: string | null
  readonly expires_at: string | null
}

const placeView = ({ place, position, waiting, expectedSeconds }: PlaceInQueue): QueueView => ({
  position,
  waiting,
  expected_wait_seconds: expectedSeconds,
  until: place.until,
  expires_at: null,
})

/** Views for many who wait in one room at one moment: the order is computed once. */
export const queueViews = (
  state: SpaceState,
  at: string,
): { readonly waiting: number; readonly of: (subject: Subject) => QueueView | null } => {
  const lines = lineOf(state, at)
  let places: Map<Subject, PlaceInQueue> | null = null
  return {
    waiting: lines.length,
    of: (subject) => {
      const seat = state.held.get(subject)
      if (seat !== undefined && !isOver(seat.expiresAt, at))
        return {
          position: 0,
          waiting: lines.length,
          expected_wait_seconds: 0,
          until: null,
          expires_at: seat.expiresAt,
        }
      places ??= new Map(lines.map((line) => [line.place.subject, line]))
      const line = places.get(subject)
      return line === undefined ? null : placeView(line)
    },
  }
}

export const queueOf = (state: SpaceState, subject: Subject, at: string): QueueView | null =>
  state.settings.queue ? queueViews(state, at).of(subject) : null

/** The same for somebody who asked to be let in: null if they were, and need not wait. */
export const placeOf = (state: SpaceState, subject: Subject, at: string): QueueView | null =>
  state.queue.has(subject) ? queueOf(state, subject, at) : null

export const inWords = ({ position, waiting, expected_wait_seconds }: QueueView): string => {
  if (position === 0) return 'It is your turn: a seat is held for you, join now.'
  const wait = expected_wait_seconds === null ? '' : ` It may take ${expected_wait_seconds} s.`
  return `Every seat is taken: you are number ${position} of ${waiting} who wait.${wait}`
}
