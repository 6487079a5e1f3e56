/** `presence parked` */
import * as E from 'fp-ts/lib/Either.js'
import { listParked, retryParked, showParked } from '../projector/parked.ts'
import type { Command } from './command.ts'
import { connections } from './connections.ts'

const usage = `presence parked [list | show STREAM | retry STREAM]

Events that could not be told apart or put into the tables, and those behind them in their streams, which wait.

  list           each stream, why it waits, since when, and how many events it holds back
  show STREAM    the events that wait, as the log has them
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
          `${one.stream}  ${one.events} events since ${one.parkedAt.toISOString()}, from ${one.position}: ${one.reason}`,
        )
      io.out(streams.length === 0 ? 'nothing is parked' : `${streams.length} streams`)
      return 0
    }
    if (verb === 'show') {
      const events = await showParked(databaseUrl, stream)
      if (events.length === 0) io.err(`Nothing of ${stream} is parked.`)
      else io.out(json(events))
      return events.length === 0 ? 1 : 0
    }
    const { applied, stoppedBy } = await retryParked(databaseUrl, stream)
    io.out(`${applied} events applied`)
    if (stoppedBy)
      io.err(`${stoppedBy.event.type} at ${stoppedBy.event.position} still waits: ${stoppedBy.reason}`)
    return stoppedBy ? 1 : 0
  },
}
