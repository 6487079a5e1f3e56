/** The same load on another server that speaks the protocol, such as a real EventStoreDB or KurrentDB: the one that
 *  BENCH_EVENTSTORE_URL names. It gets some 300,000 events in streams whose names begin with `chat-`, which it keeps. */
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { closedLoop, type MeasuredLoad, median, timed } from './load.ts'
import { appending, CALLERS, catchUp, HUNDREDS, ROUNDS, readPages, SINGLE } from './measure.ts'

const MOST_READ = 150_000

export type OtherServer = {
  /** Events a second. */
  readonly one: number
  readonly many: number
  readonly reading: number
  readonly catching: number
}

const medianOf = async (measure: () => Promise<MeasuredLoad>): Promise<number> => {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) rounds.push((await measure()).rate)
  return median(rounds, (rate) => rate)
}

/** Null if BENCH_EVENTSTORE_URL names none. Its processor time is not known: it may be anywhere. */
export const measureOtherServer = async (): Promise<OtherServer | null> => {
  const url = process.env.BENCH_EVENTSTORE_URL
  if (url === undefined) return null
  const log = connectEventLog({ url })
  try {
    const appends = (calls: number, each: number) =>
      medianOf(() =>
        closedLoop(
          process.pid,
          { callers: CALLERS, calls: calls / ROUNDS, each },
          appending(log, each === 1 ? 'chat-one' : 'chat-many', each),
        ),
      )
    const one = await appends(SINGLE, 1)
    const many = await appends(HUNDREDS, 100)
    const count = Math.min(MOST_READ, SINGLE + 100 * HUNDREDS)
    const reading = await medianOf(() => timed(process.pid, count, () => readPages(log, count)))
    const catching = await medianOf(() => timed(process.pid, count, () => catchUp(log, count)))
    return { one, many, reading, catching }
  } finally {
    await log.close()
  }
}
