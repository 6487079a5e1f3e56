/** `presence log …`: a whole log into a file, and back into any EventStoreDB. */
import { parseArgs } from 'node:util'
import { connectEventLog, type EventStoreLog } from '../../adapters/eventstore/index.ts'
import { readEndpoints } from '../embedded/endpoints.ts'
import type { Command, Io } from './command.ts'
import { exportLog, importLog, type Progress } from './log-file.ts'

const usage = `presence log export FILE [--from esdb://…]
presence log import FILE --to esdb://…

export writes every event as a line of JSON, in the order of the log. import appends such a file to an empty log, in that order:
so a log moves from the embedded node to EventStoreDB or KurrentDB, and back. Stop the server first, so that
nothing is written meanwhile. Either, when stopped, goes on where it was if it is given again.
--from: EVENTSTORE_URL unless given, else the log of what npm start runs on DATA_DIR.
Ids, revisions, data and metadata are kept; positions are new, in the same order, so rebuild the tables after an import.`

const every = (io: Io, what: string): Progress => {
  const startedAt = performance.now()
  let first: number | null = null
  let toldAt = startedAt
  return (done, at) => {
    first ??= done
    const now = performance.now()
    if (now - toldAt < 1_000) return
    toldAt = now
    const rate = Math.round(((done - first) / (now - startedAt)) * 1_000)
    io.err(`${what} ${done} events (${at}), ${rate} a second`)
  }
}

const through = async (url: string, act: (log: EventStoreLog) => Promise<number>): Promise<number> => {
  const log = connectEventLog({ url })
  try {
    return await act(log)
  } finally {
    await log.close()
  }
}

export const log: Command = {
  name: 'log',
  summary: 'the whole log into a file, and back into any EventStoreDB',
  usage,
  run: async (args, io) => {
    const wrongly = (sentence: string) => {
      io.err(`${sentence}\n\n${usage}`)
      return 2
    }
    let given: { values: { from?: string; to?: string }; positionals: string[] }
    try {
      given = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: { from: { type: 'string' }, to: { type: 'string' } },
      })
    } catch (error) {
      return wrongly((error as Error).message)
    }
    const [verb, file, ...rest] = given.positionals
    if (file === undefined || rest.length > 0) return wrongly('presence log takes a verb and a file.')
    try {
      if (verb === 'export') {
        const url =
          given.values.from ||
          process.env.EVENTSTORE_URL ||
          readEndpoints(process.env.DATA_DIR || './data')?.eventStoreUrl
        if (!url) return wrongly('No log: give --from or EVENTSTORE_URL.')
        const count = await through(url, (from) => exportLog(from, file, every(io, 'exported')))
        io.out(`${file} holds ${count} events.`)
        return 0
      }
      if (verb === 'import') {
        const url = given.values.to
        if (!url) return wrongly('Import where? Give --to esdb://….')
        const count = await through(url, (to) => importLog(to, file, every(io, 'imported')))
        io.out(`${count} events appended.`)
        return 0
      }
    } catch (error) {
      io.err((error as Error).message)
      return 1
    }
    return wrongly(`presence log ${verb} is unknown.`)
  },
}
