/** Ends sessions on the log, trying again for as long as the log is away. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../domain/names.ts'
import type { Accepted, CommandError, Commands, Ids, Sender } from '../../domain/ports.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import { type Logger, reasonOf } from '../observing.ts'

export type Departure = {
  readonly space: SpaceRef
  readonly sessionId: string
  readonly reason: 'left' | 'disconnected' | 'expired'
  readonly sender: Sender
}
export type Departed = E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>

export interface Departures {
  /** Resolves when it is on the log, or was refused (there was no such session to end). Never rejects. */
  readonly leave: (departure: Departure) => Promise<Departed>
  readonly waiting: () => number
  /** Waits for departures under way, at most `ms`. Whoever takes over this node's sessions ends the others. */
  readonly close: (ms: number) => Promise<void>
}

const FIRST_WAIT_MS = 100
const MAX_WAIT_MS = 5_000

export const createDepartures = (deps: {
  readonly commands: Commands
  readonly ids: Ids
  readonly logger: Logger
}): Departures => {
  const { commands, ids, logger } = deps
  const waiting = new Set<Promise<unknown>>()
  let isOver = false
  let giveUp: () => void = () => {}
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve
  })

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      void givenUp.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })

  const attempt = async ({ space, sessionId, reason, sender }: Departure, id: string): Promise<Departed> => {
    try {
      return await commands.space({
        ...sender,
        space,
        id,
        command: { type: 'LeaveSpace', sessionId, reason },
      })()
    } catch (error) {
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) })
    }
  }

  const persist = async (departure: Departure): Promise<Departed> => {
    // The same id each time, so that it is one departure whichever attempt reached the log.
    const id = ids.uuid()
    for (let tries = 0; ; tries += 1) {
      const outcome = await attempt(departure, id)
      if (E.isRight(outcome)) return outcome
      if (outcome.left._tag === 'Broken') return outcome
      if (outcome.left._tag === 'Refused' && outcome.left.refusal._tag !== 'SlowDown') return outcome
      if (tries === 3)
        logger.warn(
          { sessionId: departure.sessionId, error: outcome.left },
          'a departure is not in the log yet',
        )
      // Spread over time, so that a thousand departures do not all come back at the same moment.
      await pause(Math.min(FIRST_WAIT_MS * 2 ** tries, MAX_WAIT_MS) * (0.5 + Math.random() / 2))
      if (isOver) return outcome
    }
  }
  return {
    leave: (departure) => {
      const persisting = persist(departure)
      waiting.add(persisting)
      void persisting.finally(() => waiting.delete(persisting))
      return persisting
    },
    waiting: () => waiting.size,
    close: async (ms) => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms)
      })
      await Promise.race([Promise.allSettled([...waiting]), late])
      clearTimeout(timer)
      isOver = true
      giveUp()
      if (waiting.size > 0)
        logger.warn({ sessions: waiting.size }, 'stopped before every departure was in the log')
    },
  }
}
