/** One session of a socket, from before its command is sent until it is over. */
import type { CommandError, Ids } from '../../../domain/ports.ts'
import type { ContentFacts } from '../../../domain/space/commands.ts'
import { type Answer, failed } from '../answers.ts'
import type { Hold } from '../feed.ts'
import type { RoomPlace } from '../member.ts'
import type { Revisions } from '../resume.ts'

/** How long (ms) an accepted join waits for its own news before the caller gets an answer. */
const ARRIVAL_MS = 15_000

export type Arrival = 'entered' | 'ended' | 'late'
export type MemberSession = RoomPlace & {
  since: Revisions | null
  arrived: (arrival: Arrival) => void
  stopListening: (() => void) | null
  /** Ends its packed wire; null if it has none. */
  unpack: (() => void) | null
  isOver: boolean
  /** Whether it hears its room in pages. */
  isPaged: boolean
}

export const newSession = (of: {
  readonly hold: Hold
  readonly facts: ContentFacts
  readonly subspace: string
  readonly ids: Ids
}): MemberSession => ({
  hold: of.hold,
  facts: of.facts,
  sessionId: of.ids.uuid(),
  subspace: of.subspace,
  room: null,
  since: null,
  arrived: nobodyWaits,
  stopListening: null,
  unpack: null,
  hangUp: null,
  isOver: false,
  isPaged: false,
})

const nobodyWaits = (): void => {}

/** Resolves when the session's own news has come back. Nothing of the waiting stays in memory after that. */
export const arrival = (session: MemberSession, since: Revisions | null): Promise<Arrival> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve('late'), ARRIVAL_MS)
    session.since = since
    session.arrived = (how) => {
      clearTimeout(timer)
      session.since = null
      session.arrived = nobodyWaits
      resolve(how)
    }
  })

export const unavailable: CommandError<never> = {
  _tag: 'Unavailable',
  what: 'eventstore',
  cause: 'the news is late',
}
export const noSession = (): Answer => failed({ _tag: 'Refused', refusal: { _tag: 'SessionNotFound' } })
