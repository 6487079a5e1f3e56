/** `presence log archive`: its arguments and its output; the archive itself is made in `apps/operations/archive`. */
import { resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { archivedLog, archivesOn } from '../../../adapters/archive/archived-log.ts'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { readTime } from '../../../domain/time.ts'
import { type ArchiveSettings, archiveSettings } from '../../config/archive.ts'
import { type ArchiveStage, archiveLog } from '../../operations/archive/archive.ts'
import { beforeFor, logBytes } from '../../operations/archive/size.ts'
import { readErrorInWords } from '../../operations/read-error.ts'
import { signerFor } from '../audit/key-arguments.ts'
import { counted, type Io, Misused } from '../command.ts'
import { type Connections, connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'
import { progressTo } from '../progress.ts'
import { scavenge } from './scavenge.ts'

type Given = {
  readonly before?: string | undefined
  readonly maxBytes?: string | undefined
  readonly to?: string | undefined
  readonly tables?: boolean | undefined
}

const LIVE_MS = 60_000

/** The time before which to archive so that the log has the given size; null if it is not larger. */
const beforeBySize = async (to: Connections, maxBytes: number, io: Io): Promise<Date | null> => {
  const bytes = await logBytes(to.eventStoreUrl)
  if (bytes === null)
    throw new Error('The server does not say how large its log is: name a time with --before.')
  if (bytes <= maxBytes) {
    io.out(`The log has ${bytes} bytes, and may have ${maxBytes}: nothing is archived.`)
    return null
  }
  const log = connectEventLog({ url: to.eventStoreUrl })
  const session = await connectSession(to.databaseUrl, 'presence log archive')
  try {
    const made = await archivesOn(log)
    if (E.isLeft(made)) throw new Error(readErrorInWords(made.left))
    const archived = made.right.reduce((sum, { events }) => sum + events, 0)
    const before = await beforeFor(session, { bytes, maxBytes, archived })
    if (before === null) throw new Error('The tables have nothing of the log yet: wait until they have.')
    // If events come in faster than that, they are not old enough yet.
    return new Date(Math.min(before.getTime(), Date.now() - LIVE_MS))
  } finally {
    await session.close()
    await log.close()
  }
}

const beforeOf = async (given: Given, to: Connections, io: Io): Promise<Date | null> => {
  if ((given.before === undefined) === (given.maxBytes === undefined))
    throw new Misused('Archive what? Give --before TIME, or --max-bytes N.')
  if (given.maxBytes !== undefined) {
    const bytes = Number(given.maxBytes)
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw new Misused('--max-bytes takes a number of bytes.')
    return beforeBySize(to, bytes, io)
  }
  const time = readTime(given.before!)
  if (time === null) throw new Misused('--before is a time: 2026-01-31T12:00:00Z, or 2026-01-31.')
  return time
}

/** Prints each stage on a line, with its progress if it takes long. */
const tellTo = (io: Io) => {
  const progress = progressTo(io)
  let last: ArchiveStage | null = null
  return {
    tell: (stage: ArchiveStage, what: string): void => {
      if (stage === last) progress.at({ what: stage, more: what })
      else {
        progress.end()
        io.err(`${stage}: ${what}`)
      }
      last = stage
    },
    end: progress.end,
  }
}

const run = async (to: Connections, settings: ArchiveSettings, before: Date, io: Io): Promise<number> => {
  const signer = signerFor(to)
  if (signer === null) throw new Error('AUDIT_SIGNING_KEY is not set: an archive is signed with it.')
  const plain = connectEventLog({ url: to.eventStoreUrl })
  const archived = archivedLog(connectEventLog({ url: to.eventStoreUrl }), settings.dir)
  const opened = openedLog(to)
  const told = tellTo(io)
  try {
    const { databaseUrl } = to
    const { made, place, report } = await archiveLog({
      ...{ plain, archived, opened, databaseUrl, signer, before, dir: settings.dir },
      refusalDays: settings.refusals,
      lookDays: settings.looks,
      snapshotDays: settings.snapshots,
      cutTables: settings.cutTables,
      onProgress: told.tell,
    }).finally(told.end)
    io.data?.({ made, place, report })
    if (made === null) {
      io.out(`Nothing happened before ${before.toISOString()} that is not archived: nothing is cut.`)
      return 0
    }
    io.out(`${place} holds ${counted(made.events, 'event')} from before ${made.before}, checked.`)
    io.out(`${counted(report.streams, 'stream')} cut from the log.`)
    for (const sentence of report.left) io.err(sentence)
    await scavenge(to.eventStoreUrl, io).catch((error: Error) =>
      io.err(`The log was cut, and is not scavenged yet: ${error.message}`),
    )
    return 0
  } finally {
    await Promise.all([plain.close(), archived.close(), opened.close()])
  }
}

export const archive = async (given: Given, io: Io): Promise<number> => {
  const [to, settings] = [connections(), archiveSettings()]
  if (E.isLeft(settings)) throw new Misused(settings.left)
  if (E.isLeft(to)) throw new Error(to.left)
  const before = await beforeOf(given, to.right, io)
  if (before === null) return 0
  const dir = given.to === undefined ? settings.right.dir : resolve(given.to)
  const cutTables = given.tables ?? settings.right.cutTables
  return run(to.right, { ...settings.right, dir, cutTables }, before, io)
}
