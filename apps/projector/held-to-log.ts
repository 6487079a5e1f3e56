/** Checks while following whether the log that answers is still the one that the tables were made from. */
import type { DatabaseSession } from '../../adapters/postgres/session.ts'
import type { EventLog, LogSubscription } from '../../domain/ports.ts'
import { holdToLog, OtherLog } from '../operations/tables/same-log.ts'

const LOOK_MS = 1_000

/** Checks after each reconnection: the log that answers now may be another one than before. Also looks at intervals,
 *  since another log may have nothing to deliver. */
export const keepHeld = (session: DatabaseSession, log: EventLog, subscription: LogSubscription) => {
  let checked = 0
  let checking: Promise<void> | null = null
  let failure: Error | null = null
  const check = (): Promise<void> => {
    const { reconnects } = subscription.state()
    if (checking !== null || reconnects === checked) return checking ?? Promise.resolve()
    checking = holdToLog(session, log)
      .then(() => {
        checked = reconnects
      })
      .finally(() => {
        checking = null
      })
    return checking
  }
  const looking = setInterval(() => {
    check().catch((error) => {
      if (!(error instanceof OtherLog)) return
      failure = error
      void subscription.stop()
    })
  }, LOOK_MS)
  looking.unref()
  return { check, failure: () => failure, stop: () => clearInterval(looking) }
}
