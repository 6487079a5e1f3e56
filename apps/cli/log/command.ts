/** `presence log …`: a whole log into a file and back, as NDJSON for any EventStoreDB or as a copy of the embedded node's. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { connectEventLog, type EventStoreLog } from '../../../adapters/eventstore/index.ts'
import { readEndpoints } from '../../operations/instance/endpoints.ts'
import { exportLog, type Progress } from '../../operations/log-transfer/file.ts'
import { importLog } from '../../operations/log-transfer/import.ts'
import type { Command, Io } from '../command.ts'
import { backup, restore } from './backup.ts'
import { scavenge } from './scavenge.ts'

const usage = `presence log backup FILE [--data DIR | --log DIR]
presence log restore FILE --data DIR | --log DIR
presence log export FILE [--from esdb://…]
presence log import FILE --to esdb://…
presence log scavenge [--from esdb://…]

backup copies the embedded node's log to one file, as it is at one moment, while everything runs. restore puts such a file into a
folder that has no log. --data: the DATA_DIR of npm start (backup: DATA_DIR or ./data unless given). --log: the folder of a node
alone (npm run eventstore -- --data DIR). Positions stay. What is personal on the log stays sealed: its keys are in the
database and in secrets.json, which a backup of the log does not have.

export writes every event as a line of JSON, in the order of the log. import appends such a file to an empty log, in that order,
and compares: so a log moves from the embedded node to EventStoreDB or KurrentDB, and back. Stop the server first, so that
nothing is written meanwhile. Either, when stopped or killed, goes on where it was if it is given again.
--from: EVENTSTORE_URL unless given, else the log of what npm start runs on DATA_DIR.
Ids, revisions, data and metadata are kept; positions are new, in the same order, so rebuild the tables after an import.

scavenge has the embedded node take what can't be read any more out of its file, while it runs, and says how far it is.`

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

const through = async <A>(url: string, act: (log: EventStoreLog) => Promise<A>): Promise<A> => {
  const log = connectEventLog({ url })
  try {
    return await act(log)
  } finally {
    await log.close()
  }
}

type Given = {
  readonly file: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly data?: string | undefined
  readonly log?: string | undefined
}
/** Asked for in a way that can't be meant. */
class Wrongly extends Error {}

/** The log that is meant where --from may say it. */
const logOf = (from: string | undefined): string => {
  const url =
    from || process.env.EVENTSTORE_URL || readEndpoints(process.env.DATA_DIR || './data')?.eventStoreUrl
  if (!url) throw new Wrongly('No log: give --from or EVENTSTORE_URL.')
  return url
}

const verbs: Readonly<Record<string, (given: Given, io: Io) => Promise<void>>> = {
  export: async ({ file, from }, io) => {
    const url = logOf(from)
    if (!existsSync(dirname(resolve(file)))) throw new Error(`There is no folder ${dirname(resolve(file))}.`)
    const count = await through(url, (log) => exportLog(log, file, every(io, 'exported')))
    io.out(`${file} holds ${count} events.`)
  },
  import: async ({ file, to }, io) => {
    if (!to) throw new Wrongly('Import where? Give --to esdb://….')
    const { appended, renumbered } = await through(to, (log) => importLog(log, file, every(io, 'imported')))
    io.out(`${appended} events appended.`)
    if (renumbered > 0)
      io.out(`${renumbered} of them have another revision than before: their streams had been cut short.`)
  },
  backup: async ({ file, data, log }, io) => {
    if (data !== undefined && log !== undefined) throw new Wrongly('Give --data or --log, not both.')
    await backup(resolve(file), data !== undefined || log !== undefined ? { data, log } : null, io)
  },
  restore: async ({ file, data, log }, io) => {
    if ((data === undefined) === (log === undefined))
      throw new Wrongly(
        'Restore where? Give --data, the folder of npm start, or --log, that of a node alone.',
      )
    await restore(resolve(file), { data, log }, io)
  },
}

export const log: Command = {
  name: 'log',
  summary: 'the whole log: back up, restore, export, import into any EventStoreDB, scavenge',
  usage,
  run: async (args, io) => {
    const text = { type: 'string' } as const
    try {
      const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: { from: text, to: text, data: text, log: text },
      })
      const [verb, file, ...rest] = positionals
      const { from } = values
      if (verb === 'scavenge') {
        if (file !== undefined) throw new Wrongly('presence log scavenge takes no file.')
        await scavenge(logOf(from), io)
        return 0
      }
      if (file === undefined || rest.length > 0) throw new Wrongly('presence log takes a verb and a file.')
      const act = Object.hasOwn(verbs, verb!) ? verbs[verb!] : undefined
      if (act === undefined) throw new Wrongly(`presence log ${verb} is unknown.`)
      await act({ file, ...values }, io)
      return 0
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const wrongly = error instanceof Wrongly || code?.startsWith('ERR_PARSE_ARGS')
      io.err(wrongly ? `${message}\n\n${usage}` : message)
      return wrongly ? 2 : 1
    }
  },
}
