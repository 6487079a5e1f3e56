/** `presence parked` */
import * as E from 'fp-ts/lib/Either.js'
import { listParked, retryParked, showParked } from '../../operations/parked/parked.ts'
import { plain } from '../audit/replay-view/screen.ts'
import { type Command, counted } from '../command.ts'
import { connections } from '../connections.ts'

/** So many of a stream are shown. */
const SHOWN = 100

const usage = `presence parked [list | show STREAM | retry STREAM]

Events that could not be told apart or put into the tables, and those behind them in their streams, which wait.

  list           each stream, why it waits, since when, and how many events it holds back
  show STREAM    the events that wait, the first ${SHOWN}, as the log has them
  retry STREAM   another try, in order, as far as it goes`

const json = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part), 2)

export const parked: Command = {
  name: 'parked',
  summary: 'events that wait because they could not be read: list, show, retry',
  usage,
  run: async ([verb = 'list', stream, ...rest], io) => {
    const wrong = rest.length > 0 || !['list', 'show', 'retry'].includes(verb)
    if (wrong || (verb === 'list') !== (stream === undefined)) {
      io.err(usage)
      return 2
    }
    const to = connections()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    const { databaseUrl } = to.right
    if (stream === undefined) {
      const streams = await listParked(databaseUrl)
      for (const one of streams)
        io.out(
          plain(
            `${one.stream}  ${counted(one.events, 'event')} since ${one.parkedAt.toISOString()}, from ${one.position}: ${one.reason}`,
          ),
        )
      io.out(streams.length === 0 ? 'nothing is parked' : counted(streams.length, 'stream'))
      return 0
    }
    if (verb === 'show') {
      const events = await showParked(databaseUrl, stream, SHOWN)
      if (events.length === 0) io.err(`Nothing of ${stream} is parked.`)
      else io.out(json(events))
      if (events.length === SHOWN) {
        const waiting = (await listParked(databaseUrl)).find((one) => one.stream === stream)?.events ?? 0
        if (waiting > SHOWN) io.err(`… and ${waiting - SHOWN} more behind them`)
      }
      return events.length === 0 ? 1 : 0
    }
    const { applied, stoppedBy } = await retryParked(databaseUrl, stream)
    if (applied === 0 && stoppedBy === null) {
      io.err(`Nothing of ${stream} is parked.`)
      return 1
    }
    io.out(`${counted(applied, 'event')} applied`)
    if (stoppedBy)
      io.err(plain(`${stoppedBy.event.type} at ${stoppedBy.event.position} still waits: ${stoppedBy.reason}`))
    return stoppedBy ? 1 : 0
  },
}
