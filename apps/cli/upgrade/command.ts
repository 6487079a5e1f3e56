/** `presence upgrade --check` */

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { type PendingMigrations, pendingMigrations } from '../../../adapters/postgres/migrate.ts'
import { isLogDir, type LogFormat, logDirOf, logFormat } from '../../operations/instance/log-backup.ts'
import { type Command, counted, type Io, Misused } from '../command.ts'
import { reached } from '../reached.ts'
import { plain, plainJson } from '../shown.ts'

const usage = `presence upgrade --check [--json]

What this version would change, run before anything of it is started: the migrations of the tables, the form of the embedded
node's log, what can't be undone, and the way back. It changes nothing.
Ends with 0 where an upgrade can go on, 1 where it can't.`

export type UpgradeCheck = {
  readonly migrations: PendingMigrations
  /** Null if another server keeps the log, and so its format. */
  readonly log: LogFormat | null
}

/** What is printed about it, line by line. */
export const toldOf = ({ migrations, log }: UpgradeCheck): ReadonlyArray<string> => {
  const { fresh, trouble } = migrations
  const lines: string[] = []
  if (trouble !== null) lines.push(trouble)
  lines.push(
    fresh.length === 0
      ? 'Tables: nothing to change.'
      : `Tables: the projector applies ${counted(fresh.length, 'migration')} at its start: ${fresh.join(', ')}.`,
  )
  if (fresh.length > 0)
    lines.push(
      'That can’t be undone, and the projector of the version before does not start with such tables. Dump the database first (pg_dump); the way back is to restore that, which then catches up with the log by itself.',
    )
  if (log === null)
    lines.push('Log: another server’s. Whether a newer one of it can be taken back, its own notes say.')
  else if (log.is > log.reads)
    lines.push(`Log: of version ${log.is}, which this version can’t read: run the newer version.`)
  else if (log.is < log.becomes)
    lines.push(
      `Log: its file goes from version ${log.is} to ${log.becomes} at the start, and the version before can’t read it then.`,
      'That can’t be undone. Run presence log backup FILE first; the way back is presence log restore, then rebuild.',
    )
  else lines.push(`Log: of version ${log.is}, which stays.`)
  return lines
}

const canGoOn = ({ migrations, log }: UpgradeCheck): boolean =>
  migrations.trouble === null && (log === null || log.is <= log.reads)

const look = async (databaseUrl: string): Promise<UpgradeCheck> => {
  const dir = logDirOf(process.env.DATA_DIR || './data')
  const isOurs = !process.env.EVENTSTORE_URL && existsSync(dir) && isLogDir(dir)
  return { migrations: await pendingMigrations(databaseUrl), log: isOurs ? logFormat(dir) : null }
}

const tell = (check: UpgradeCheck, json: boolean, io: Io): void => {
  if (json) io.out(plainJson(JSON.stringify({ ok: canGoOn(check), ...check, says: toldOf(check) })))
  else for (const line of toldOf(check)) io.out(plain(line))
}

export const upgrade: Command = {
  name: 'upgrade',
  summary: 'what this version would change, and what of it can’t be undone',
  usage,
  run: async (args, io) => {
    const { values: options } = parseArgs({
      args: [...args],
      options: { check: { type: 'boolean' }, json: { type: 'boolean' } },
    })
    if (options.check !== true) throw new Misused('Give --check.')
    const to = await reached()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    const check = await look(to.right.databaseUrl)
    tell(check, options.json === true, io)
    return canGoOn(check) ? 0 : 1
  },
}
