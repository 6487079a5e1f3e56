/** What is reported to an operator about a projector: that it runs, that its tables fell behind or caught up, that streams are parked. */
import type { Logger } from '../../adapters/logger.ts'
import type { Projector } from './projector.ts'

const LOOK_MS = 50
/** Parked streams are reported again this often, for as long as there are any. */
const AGAIN_MS = 15 * 60_000
const LATE_MS = 5_000

/** What was reported last, so that only a change is reported. */
type Reported = {
  isRunning: boolean
  isBehind: boolean
  parked: { readonly streams: number; readonly at: number }
}

const look = (projector: Projector, logger: Logger, reported: Reported): void => {
  const { role, pending, behindSince, lastError, position, parkedStreams } = projector.state()
  if (!reported.isRunning && (role === 'leading' || role === 'standby')) {
    reported.isRunning = true
    process.stdout.write(`projecting (${role})\n`)
  }
  const now = Date.now()
  const { streams, at } = reported.parked
  if (parkedStreams !== streams || (parkedStreams > 0 && now - at > AGAIN_MS)) {
    reported.parked = { streams: parkedStreams, at: now }
    if (parkedStreams > 0)
      logger.error({ streams: parkedStreams }, 'streams are parked, and wait: see presence parked')
    else logger.info({}, 'no stream is parked any more')
  }
  const isBehind = behindSince !== null && now - behindSince.getTime() > LATE_MS
  if (isBehind !== reported.isBehind) {
    reported.isBehind = isBehind
    const fields = { role, pending, position: String(position), since: behindSince, lastError }
    if (isBehind) logger.warn(fields, 'the tables are behind the log')
    else logger.info(fields, 'the tables have caught up with the log')
  }
}

/** Reports each change, for as long as the process runs. */
export const reportChanges = (projector: Projector, logger: Logger): void => {
  const reported: Reported = { isRunning: false, isBehind: false, parked: { streams: 0, at: 0 } }
  setInterval(() => look(projector, logger, reported), LOOK_MS).unref()
}
