/** `presence log …`: a whole log into a file and back, as NDJSON for any EventStoreDB or as a copy of the embedded node's. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { connectOrderedEventLog, type EventStoreLog } from '../../../adapters/eventstore/index.ts'
import { readEndpoints } from '../../operations/instance/endpoints.ts'
import { exportLog, type OnProgress } from '../../operations/log-transfer/file.ts'
import { importLog } from '../../operations/log-transfer/import.ts'
import { type Command, type Io, Misused, type Run } from '../command.ts'
import { storedLog } from '../opened-log.ts'
import { progressTo } from '../progress.ts'
import { archive } from './archive.ts'
import { backup, restore } from './backup.ts'
import { scavenge } from './scavenge.ts'

const every = (io: Io, what: string): { readonly onProgress: OnProgress; readonly end: () => void } => {
  const startedAt = performance.now()
  const progress = progressTo(io)
  let first: number | null = null
  return {
    onProgress: (done, at) => {
      first ??= done
      const rate = Math.round(((done - first) / Math.max(1, performance.now() - startedAt)) * 1_000)
      progress.at({ what, more: `${done} events (${at}), ${rate} a second` })
    },
    end: progress.end,
  }
}

const through = async <L extends EventStoreLog, A>(log: L, act: (log: L) => Promise<A>): Promise<A> => {
  try {
    return await act(log)
  } finally {
    await log.close()
  }
}

/** The log that is meant, which --from may name. */
const logOf = (from: string | undefined): string => {
  const url =
    from || process.env.EVENTSTORE_URL || readEndpoints(process.env.DATA_DIR || './data')?.eventStoreUrl
  if (!url) throw new Misused('No log: give --from or EVENTSTORE_URL.')
  return url
}

/** The one file in a word's arguments, and its options, each a text. */
const given = <Name extends string>(args: ReadonlyArray<string>, names: ReadonlyArray<Name>) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
  })
  const [file, ...rest] = positionals
  if (file === undefined || rest.length > 0) throw new Misused('Name one file.')
  return { file, values: values as Readonly<Partial<Record<Name, string>>> }
}

const exportFile: Run = async (args, io) => {
  const { file, values } = given(args, ['from'])
  const url = logOf(values.from)
  if (!existsSync(dirname(resolve(file)))) throw new Error(`There is no folder ${dirname(resolve(file))}.`)
  const { onProgress, end } = every(io, 'exporting')
  const count = await through(storedLog(url), (log) => exportLog(log, file, onProgress)).finally(end)
  io.data?.({ file, events: count })
  io.out(`${file} holds ${count} events.`)
  return 0
}
const importFile: Run = async (args, io) => {
  const { file, values } = given(args, ['to'])
  if (!values.to) throw new Misused('Import where? Give --to esdb://….')
  const { onProgress, end } = every(io, 'importing')
  const { appended, renumbered } = await through(connectOrderedEventLog({ url: values.to }), (log) =>
    importLog(log, file, onProgress),
  ).finally(end)
  io.data?.({ file, appended, renumbered })
  io.out(`${appended} events appended.`)
  if (renumbered > 0)
    io.out(`${renumbered} of them have another revision than before: their streams had been cut short.`)
  return 0
}
const backupFile: Run = async (args, io) => {
  const { file, values } = given(args, ['data', 'log'])
  if (values.data !== undefined && values.log !== undefined)
    throw new Misused('Give --data or --log, not both.')
  await backup(resolve(file), Object.keys(values).length > 0 ? values : null, io)
  return 0
}
const restoreFile: Run = async (args, io) => {
  const { file, values } = given(args, ['data', 'log'])
  if ((values.data === undefined) === (values.log === undefined))
    throw new Misused('Restore where? Give --data, the folder of npm start, or --log, that of a node alone.')
  await restore(resolve(file), values, io)
  return 0
}
const scavengeNode: Run = async (args, io) => {
  const { values } = parseArgs({ args: [...args], options: { from: { type: 'string' } } })
  const done = await scavenge(logOf(values.from), io)
  io.data?.(done)
  return 0
}

const archiveRange: Run = (args, io) => {
  const text = { type: 'string' } as const
  const options = { before: text, 'max-bytes': text, to: text, tables: { type: 'boolean' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const { before, to, tables } = values
  return archive({ before, maxBytes: values['max-bytes'], to, tables }, io)
}

export const log: Command = {
  name: 'log',
  summary: 'the whole log: back up, restore, export, import into any EventStoreDB, archive, scavenge',
  words: [
    {
      name: 'backup',
      takes: 'FILE [--data DIR | --log DIR]',
      says: `copies the embedded node's log to one file, as it is at one moment, while everything runs. --data: the DATA_DIR of
npm start (DATA_DIR or ./data unless given). --log: the folder of a node alone (npm run eventstore -- --data DIR)`,
      load: async () => ({ run: backupFile }),
    },
    {
      name: 'restore',
      takes: 'FILE --data DIR | --log DIR',
      says: `puts such a file into a folder that has no log. Positions stay. What is personal on the log stays sealed: its keys are
in the database and in secrets.json, which a backup of the log does not have`,
      load: async () => ({ run: restoreFile }),
    },
    {
      name: 'export',
      takes: 'FILE [--from esdb://…]',
      says: 'writes every event as a line of JSON, in the order of the log',
      load: async () => ({ run: exportFile }),
    },
    {
      name: 'import',
      takes: 'FILE --to esdb://…',
      says: `appends such a file to an empty log, in that order, and compares: so a log moves from the embedded node to EventStoreDB
or KurrentDB, and back. Stop the server first, so that nothing is written meanwhile`,
      load: async () => ({ run: importFile }),
    },
    {
      name: 'archive',
      takes: '--before TIME | --max-bytes N [--to DIR] [--tables]',
      says: `makes a signed archive of what happened before TIME: a bundle of each room, which presence audit check reads. It is
read again whole, and only then cut from the log, which is scavenged. How rooms stand, every leaf and every checkpoint stay, so
each proof holds. --to: LOG_ARCHIVE_DIR unless given, else archives in DATA_DIR. --max-bytes: as much as makes the log's file
fit. --tables: rows of it go from the tables too (ARCHIVE_TABLES). Killed, it goes on when it is given again. docs/archives.md says more`,
      load: async () => ({ run: archiveRange }),
    },
    {
      name: 'scavenge',
      takes: '[--from esdb://…]',
      says: `has the embedded node take what can't be read any more out of its file, while it runs, and says how far it is`,
      load: async () => ({ run: scavengeNode }),
    },
  ],
  notes: `--from: EVENTSTORE_URL unless given, else the log of what npm start runs on DATA_DIR.
An export or import that was stopped or killed goes on where it was if it is given again. Ids, revisions, data and metadata are
kept; positions are new, in the same order, so rebuild the tables after an import.`,
}
